#include "dyadic/kernels/reduce.h"

#include <iterator>
#include <vector>

namespace dyadic {
namespace {

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
  const auto columns = static_cast<std::size_t>(output.size());
  std::vector<float> values(static_cast<std::size_t>(input.size()));
  dequantize(input.data(), input.size(), input.format(), values.data());
  std::vector<float> sums(columns);  // fma(x, 1, sum) is x + sum rounded once
  for (std::size_t first = 0; first < values.size(); first += columns) {
    for (std::size_t j = 0; j < columns; ++j) sums[j] += values[first + j];
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
