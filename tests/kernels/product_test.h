// What the tests of products share: operands of any type, strides and pattern, a collector that checks that tiles cover
// the output once, and the ways to run a product that this machine has.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "dyadic/base/cpu.h"
#include "dyadic/base/philox.h"
#include "dyadic/kernels/isa.h"
#include "dyadic/kernels/product_plan.h"
#include "tests/kernels/emulated_tiles.h"

namespace dyadic::product_test {

enum class Pattern { all_low, all_high, alternating, random };
inline constexpr Pattern kPatterns[] = {Pattern::all_low, Pattern::all_high, Pattern::alternating, Pattern::random};

/// [rows, depth] codes in [low, high], stored along the depth, across it, or with gaps in both directions.
enum class Order { along, across, gaps };
inline constexpr Order kOrders[] = {Order::along, Order::across, Order::gaps};

inline std::uint32_t random_word(std::uint64_t seed, std::uint64_t index) {
  std::uint64_t z = seed * 0x9E3779B97F4A7C15U + index * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  return static_cast<std::uint32_t>(z >> 32);
}

struct Operand {
  std::int64_t rows = 0, depth = 0;
  std::int64_t row_stride = 0, depth_stride = 1;
  std::vector<std::int64_t> codes;  // row-major
  std::vector<std::byte> memory;    // in type and strides, exactly as long as needed
  IntegerOperand view;

  [[nodiscard]] std::int64_t integer(std::int64_t row, std::int64_t k) const {
    return view.multiplier * codes[static_cast<std::size_t>(row * depth + k)] - view.offset;
  }
};

struct OperandKind {
  CodeType type = CodeType::i16;
  std::int64_t low = 0, high = 0;  // codes
  std::int64_t multiplier = 1, offset = 0;
};

template <typename T>
void store_codes(Operand& operand) {
  const std::int64_t last =
      operand.codes.empty() ? -1 : (operand.rows - 1) * operand.row_stride + (operand.depth - 1) * operand.depth_stride;
  operand.memory.assign(static_cast<std::size_t>(last + 1) * sizeof(T), std::byte{0x5A});
  for (std::int64_t i = 0; i < operand.rows; ++i) {
    for (std::int64_t k = 0; k < operand.depth; ++k) {
      const auto code = static_cast<T>(operand.codes[static_cast<std::size_t>(i * operand.depth + k)]);
      std::memcpy(operand.memory.data() +
                      static_cast<std::size_t>(i * operand.row_stride + k * operand.depth_stride) * sizeof(T),
                  &code, sizeof code);
    }
  }
}

inline Operand make_operand(std::int64_t rows, std::int64_t depth, const OperandKind& kind, Order order,
                            Pattern pattern, std::uint64_t seed) {
  Operand operand;
  operand.rows = rows;
  operand.depth = depth;
  operand.row_stride = order == Order::along ? depth : order == Order::across ? 1 : 2 * depth + 3;
  operand.depth_stride = order == Order::along ? 1 : order == Order::across ? rows : 2;
  for (std::int64_t i = 0; i < rows * depth; ++i) {
    const auto span = static_cast<std::uint64_t>(kind.high - kind.low) + 1;
    const std::int64_t any =
        kind.low + static_cast<std::int64_t>(random_word(seed, static_cast<std::uint64_t>(i)) % span);
    const bool odd = ((i / depth + i % depth + static_cast<std::int64_t>(seed)) & 1) != 0;
    operand.codes.push_back(pattern == Pattern::all_low       ? kind.low
                            : pattern == Pattern::all_high    ? kind.high
                            : pattern == Pattern::alternating ? (odd ? kind.low : kind.high)
                                                              : any);
  }
  using Store = void (*)(Operand&);
  constexpr Store kStores[] = {&store_codes<std::int8_t>,   &store_codes<std::uint8_t>, &store_codes<std::int16_t>,
                               &store_codes<std::uint16_t>, &store_codes<std::int32_t>, &store_codes<std::uint32_t>};
  kStores[static_cast<int>(kind.type)](operand);
  const std::int64_t one = kind.multiplier * kind.low - kind.offset;
  const std::int64_t other = kind.multiplier * kind.high - kind.offset;
  operand.view = {nullptr,
                  kind.type,
                  operand.row_stride,
                  operand.depth_stride,
                  kind.multiplier,
                  kind.offset,
                  std::max(std::abs(one), std::abs(other))};
  return operand;
}

/// Sums of a product as float32 bits or integers; every element must be seen once.
struct Collected {
  std::int64_t m = 0, n = 0;
  SumType type = SumType::i32;
  std::vector<std::int64_t> sums;
  std::vector<int> seen;

  Collected(std::int64_t rows, std::int64_t columns, SumType sum_type)
      : m(rows),
        n(columns),
        type(sum_type),
        sums(static_cast<std::size_t>(rows * columns)),
        seen(static_cast<std::size_t>(rows * columns)) {}

  static void consume(void* context, const SumTile& tile, int part) {
    auto& self = *static_cast<Collected*>(context);
    EXPECT_EQ(tile.type, self.type);
    EXPECT_GE(part, 0);
    for (std::int64_t i = 0; i < tile.rows; ++i) {
      for (std::int64_t j = 0; j < tile.columns; ++j) {
        const std::int64_t from = i * tile.stride + j;
        const auto to = static_cast<std::size_t>(tile.output_row(i) * self.n + tile.column + j);
        ++self.seen[to];
        if (tile.type == SumType::i64) self.sums[to] = static_cast<const std::int64_t*>(tile.sums)[from];
        else self.sums[to] = static_cast<const std::int32_t*>(tile.sums)[from];  // of float32, the bits
      }
    }
  }

  void expect_covered() const {
    for (const int times : seen) ASSERT_EQ(times, 1) << "tiles must cover the output exactly once";
  }
};

inline Collected expected_sums(const Operand& a, const Operand& b, SumType type) {
  Collected expected(a.rows, b.rows, type);
  for (std::int64_t i = 0; i < a.rows; ++i) {
    for (std::int64_t j = 0; j < b.rows; ++j) {
      __int128 sum = 0;
      for (std::int64_t k = 0; k < a.depth; ++k) sum += static_cast<__int128>(a.integer(i, k)) * b.integer(j, k);
      const auto most = type == SumType::i32 ? std::int64_t{std::numeric_limits<std::int32_t>::max()}
                                             : std::numeric_limits<std::int64_t>::max();
      EXPECT_TRUE(sum <= most && sum >= -most - 1);
      expected.sums[static_cast<std::size_t>(i * b.rows + j)] = static_cast<std::int64_t>(sum);
    }
  }
  return expected;
}

/// A way to run products: a tier of this machine with one of the kernels for ternary codes, or emulated tiles.
struct Runner {
  std::string name;
  Isa isa = Isa::ref;
  bool emulated = false;
  TernaryKernel ternary = TernaryKernel::automatic;

  void operator()(std::int64_t m, std::int64_t n, std::int64_t depth, const IntegerOperand& a, const IntegerOperand& b,
                  SumType type, SumConsumer consume, void* context) const {
    if (emulated) {
      const product::EngineSet engines = emulated::product_engines();
      product::run_product(product::plan_integer_product(engines, m, n, depth, a, b, type), consume, context);
      return;
    }
    const Isa before = active_isa();
    set_isa(isa);
    set_ternary_kernel(ternary);
    integer_product(m, n, depth, a, b, type, consume, context);
    set_ternary_kernel(TernaryKernel::automatic);
    set_isa(before);
  }
};

inline std::vector<Runner> runners() {
  std::vector<Runner> all;
  for (const Isa isa : supported_isas()) {
    for (const TernaryKernel kernel : {TernaryKernel::bytes, TernaryKernel::bitplanes}) {
      all.push_back({std::string(isa_name(isa)) + " " + std::string(ternary_kernel_name(kernel)), isa, false, kernel});
    }
  }
  if (cpu_features().avx2) all.push_back({"emulated tiles", Isa::avx2, true});
  return all;
}

/// Runs a * b on `runner` and compares with sums in 128 bits.
inline void expect_exact(const Runner& runner, Operand& a, Operand& b, SumType type, const Collected& expected) {
  a.view.codes = a.memory.data();
  b.view.codes = b.memory.data();
  Collected got(a.rows, b.rows, type);
  runner(a.rows, b.rows, a.depth, a.view, b.view, type, &Collected::consume, &got);
  got.expect_covered();
  for (std::size_t i = 0; i < got.sums.size(); ++i) {
    ASSERT_EQ(got.sums[i], expected.sums[i])
        << runner.name << ": m " << a.rows << " n " << b.rows << " depth " << a.depth << ", element ("
        << i / static_cast<std::size_t>(b.rows) << ", " << i % static_cast<std::size_t>(b.rows) << ")";
  }
}

}  // namespace dyadic::product_test
