// Matrix products as their definition: one sum per output element, k from 0. Tiles of whole rows.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

#include "dyadic/base/parallel.h"
#include "dyadic/kernels/product_plan.h"

namespace dyadic::ref {
namespace {

constexpr std::int64_t kTileRows = 16;

template <typename Code>
void read_integers(const IntegerOperand& operand, std::int64_t rows, std::int64_t depth, std::int64_t* out) {
  const auto* codes = static_cast<const Code*>(operand.codes);
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t k = 0; k < depth; ++k) {
      const std::int64_t code = codes[i * operand.row_stride + k * operand.depth_stride];
      *out++ = operand.multiplier * code - operand.offset;
    }
  }
}

/// Row-major [rows, depth].
std::vector<std::int64_t> integers_of(const IntegerOperand& operand, std::int64_t rows, std::int64_t depth) {
  using Reader = void (*)(const IntegerOperand&, std::int64_t, std::int64_t, std::int64_t*);
  constexpr Reader kReaders[] = {&read_integers<std::int8_t>,  &read_integers<std::uint8_t>,
                                 &read_integers<std::int16_t>, &read_integers<std::uint16_t>,
                                 &read_integers<std::int32_t>, &read_integers<std::uint32_t>};
  std::vector<std::int64_t> integers(static_cast<std::size_t>(rows * depth));
  kReaders[static_cast<int>(operand.type)](operand, rows, depth, integers.data());
  return integers;
}

/// Calls element(i, j) for every output element and hands the results out, `kTileRows` rows at a time.
template <typename Sum, typename Element>
void fill_tiles(std::int64_t m, std::int64_t n, SumType type, SumConsumer consume, void* context,
                const Element& element) {
  if (m <= 0 || n <= 0) return;
  parallel_for(m, 1, [&](std::int64_t begin, std::int64_t end, int part) {
    std::vector<Sum> sums(static_cast<std::size_t>(std::min(kTileRows, end - begin) * n));
    for (std::int64_t row = begin; row < end; row += kTileRows) {
      const std::int64_t rows = std::min(kTileRows, end - row);
      for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t j = 0; j < n; ++j) {
          sums[static_cast<std::size_t>(i * n + j)] = static_cast<Sum>(element(row + i, j));
        }
      }
      consume(context, {sums.data(), type, row, 0, rows, n, n}, part);
    }
  });
}

/// The bits of 32 integers: not zero, negative.
struct PlaneGroup {
  std::uint32_t nonzero = 0, negative = 0;
};

/// Row-major [rows, depth / 32, rounded up].
std::vector<PlaneGroup> planes_of(const IntegerOperand& operand, std::int64_t rows, std::int64_t depth) {
  const std::vector<std::int64_t> integers = integers_of(operand, rows, depth);
  const std::int64_t groups = (depth + 31) / 32;
  std::vector<PlaneGroup> planes(static_cast<std::size_t>(rows * groups));
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t k = 0; k < depth; ++k) {
      PlaneGroup& group = planes[static_cast<std::size_t>(i * groups + k / 32)];
      const std::int64_t value = integers[static_cast<std::size_t>(i * depth + k)];
      group.nonzero |= std::uint32_t{value != 0} << (k % 32);
      group.negative |= std::uint32_t{value < 0} << (k % 32);
    }
  }
  return planes;
}

}  // namespace

void planes_product(std::int64_t m, std::int64_t n, std::int64_t depth, const IntegerOperand& a,
                    const IntegerOperand& b, SumType type, SumConsumer consume, void* context) {
  product::check_integer_product(depth, a, b, type);
  const std::vector<PlaneGroup> rows = planes_of(a, m, depth);
  const std::vector<PlaneGroup> columns = planes_of(b, n, depth);
  const std::int64_t groups = (depth + 31) / 32;
  const auto sum = [&](std::int64_t i, std::int64_t j) {
    std::int64_t total = 0;
    for (std::int64_t g = 0; g < groups; ++g) {
      const PlaneGroup& x = rows[static_cast<std::size_t>(i * groups + g)];
      const PlaneGroup& y = columns[static_cast<std::size_t>(j * groups + g)];
      const std::uint32_t gate = x.nonzero & y.nonzero;
      total += std::popcount(gate) - 2 * std::popcount(gate & (x.negative ^ y.negative));
    }
    return total;
  };
  if (type == SumType::i32) fill_tiles<std::int32_t>(m, n, type, consume, context, sum);
  else fill_tiles<std::int64_t>(m, n, type, consume, context, sum);
}

void integer_product(std::int64_t m, std::int64_t n, std::int64_t depth, const IntegerOperand& a,
                     const IntegerOperand& b, SumType type, SumConsumer consume, void* context) {
  product::check_integer_product(depth, a, b, type);
  const std::vector<std::int64_t> rows = integers_of(a, m, depth);
  const std::vector<std::int64_t> columns = integers_of(b, n, depth);
  const auto element = [&](std::int64_t i, std::int64_t j) {
    std::int64_t sum = 0;
    for (std::int64_t k = 0; k < depth; ++k) {
      sum += rows[static_cast<std::size_t>(i * depth + k)] * columns[static_cast<std::size_t>(j * depth + k)];
    }
    return sum;
  };
  if (type == SumType::i32) fill_tiles<std::int32_t>(m, n, type, consume, context, element);
  else fill_tiles<std::int64_t>(m, n, type, consume, context, element);
}

void float_product(std::int64_t m, std::int64_t n, std::int64_t depth, const FloatOperand& a, const FloatOperand& b,
                   SumConsumer consume, void* context) {
  fill_tiles<float>(m, n, SumType::f32, consume, context, [&](std::int64_t i, std::int64_t j) {
    float sum = 0.0F;
    for (std::int64_t k = 0; k < depth; ++k) {
      sum = std::fma(a.values[i * a.row_stride + k * a.depth_stride], b.values[j * b.row_stride + k * b.depth_stride],
                     sum);
    }
    return sum;
  });
}

}  // namespace dyadic::ref
