#include "dyadic/kernels/reduce.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <vector>

namespace dyadic {
namespace {

/// Whole rows of about so many values at a time: they stay in the nearest cache.
constexpr std::int64_t kPieceElements = 4096;

template <typename Code>
void add_rows(const Tensor& input, std::vector<std::int64_t>& sums) {
  const auto codes = input.codes<Code>();
  const std::size_t columns = sums.size();
  const Format& format = input.format();
  for (std::size_t first = 0; first < codes.size(); first += columns) {
    for (std::size_t j = 0; j < columns; ++j) sums[j] += codes[first + j];
  }
  const std::int64_t rows = input.size() / std::ssize(sums);
  for (std::int64_t& sum : sums) sum = format.code_multiplier * sum - rows * format.code_offset;
}

void add_rows_of_codes(const Tensor& input, std::vector<std::int64_t>& sums) {
  switch (code_type(input.format())) {
    case CodeType::i8: return add_rows<std::int8_t>(input, sums);
    case CodeType::u8: return add_rows<std::uint8_t>(input, sums);
    case CodeType::i16: return add_rows<std::int16_t>(input, sums);
    case CodeType::u16: return add_rows<std::uint16_t>(input, sums);
    case CodeType::i32: return add_rows<std::int32_t>(input, sums);
    default: return add_rows<std::uint32_t>(input, sums);
  }
}

RoundingCounts round_float_sums(const Tensor& input, Tensor& output, const RoundingRandom& random) {
  const std::int64_t columns = output.size();
  const std::int64_t piece = std::max<std::int64_t>(1, kPieceElements / columns) * columns;
  const std::int64_t bytes = code_bytes(code_type(input.format()));
  std::vector<float> values(static_cast<std::size_t>(std::min(piece, input.size())));
  std::vector<float> sums(static_cast<std::size_t>(columns));  // fma(x, 1, sum) is x + sum rounded once
  for (std::int64_t first = 0; first < input.size(); first += piece) {
    const std::int64_t length = std::min(piece, input.size() - first);
    dequantize(static_cast<const std::byte*>(input.data()) + first * bytes, length, input.format(), values.data());
    for (std::int64_t i = 0; i < length; i += columns) {
      for (std::int64_t j = 0; j < columns; ++j)
        sums[static_cast<std::size_t>(j)] += values[static_cast<std::size_t>(i + j)];
    }
  }
  return round_sums(sums.data(), output.size(), nullptr, output.format(), output.data(), random);
}

}  // namespace

RoundingCounts round_column_sums(const Tensor& input, Tensor& output, const RoundingRandom& random) {
  if (!input.format().is_dyadic_grid()) return round_float_sums(input, output, random);
  std::vector<std::int64_t> sums(static_cast<std::size_t>(output.size()));
  add_rows_of_codes(input, sums);
  return round_sums(sums.data(), output.size(), input.format().step_exponent, nullptr, output.format(), output.data(),
                    random);
}

}  // namespace dyadic
