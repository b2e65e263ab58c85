#include "dyadic/kernels/epilogue.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "dyadic/base/parallel.h"

namespace dyadic {

void PreparedBias::prepare_integer(const Tensor& bias, int scale_exponent, int sum_exponent) {
  const Format& format = bias.format();
  steps_.resize(static_cast<std::size_t>(bias.size()));
  for (std::int64_t i = 0; i < bias.size(); ++i) {
    steps_[static_cast<std::size_t>(i)] = format.code_multiplier * bias.code(i) - format.code_offset;
  }
  exponent_ = format.step_exponent + scale_exponent;
  const int shift = exponent_ - sum_exponent;
  constexpr std::int64_t kLimit = std::numeric_limits<std::int32_t>::max();
  aligned_.clear();
  max_aligned_ = 0;
  if (shift < 0 || shift > 30 || (format.max_magnitude() << shift) > kLimit) return;
  max_aligned_ = format.max_magnitude() << shift;
  aligned_.resize(steps_.size());
  std::ranges::transform(steps_, aligned_.begin(), [shift](std::int64_t step) {
    return static_cast<std::int32_t>(step * (std::int64_t{1} << shift));
  });
}

void PreparedBias::prepare_float(const Tensor& bias, int scale_exponent) {
  values_.resize(static_cast<std::size_t>(bias.size()));
  dequantize(bias.data(), bias.size(), bias.format(), values_.data());
  if (scale_exponent == 0) return;
  for (float& value : values_) value = std::ldexp(value, scale_exponent);
}

BiasRow PreparedBias::row(std::int64_t column) const {
  return {.steps = steps_.data() + column,
          .exponent = exponent_,
          .aligned = aligned_.empty() ? nullptr : aligned_.data() + column};
}

RoundingEpilogue::RoundingEpilogue(Tensor& output, std::int64_t columns, int sum_exponent, const PreparedBias* bias,
                                   const RandomStream& random, std::int64_t first_row)
    : output_(output),
      columns_(columns),
      sum_exponent_(sum_exponent),
      bias_(bias),
      random_(random),
      first_row_(first_row),
      counts_(static_cast<std::size_t>(thread_count())) {}

void RoundingEpilogue::consume(void* self, const SumTile& tile, int part) {
  auto& epilogue = *static_cast<RoundingEpilogue*>(self);
  RoundingCounts counts;
  const bool contiguous = tile.row_index == nullptr && tile.columns == epilogue.columns_ && tile.stride == tile.columns;
  if (contiguous && epilogue.bias_ == nullptr) {
    epilogue.round_elements(tile, 0, tile.rows * tile.columns, counts);
  } else {
    for (std::int64_t row = 0; row < tile.rows; ++row) epilogue.round_elements(tile, row, tile.columns, counts);
  }
  epilogue.counts_[static_cast<std::size_t>(part)] += counts;
}

RoundingCounts RoundingEpilogue::counts() const {
  RoundingCounts sum;
  for (const RoundingCounts& part : counts_) sum += part;
  return sum;
}

void RoundingEpilogue::round_elements(const SumTile& tile, std::int64_t row, std::int64_t n,
                                      RoundingCounts& counts) const {
  const std::int64_t first = tile.output_row(row) * columns_ + tile.column;
  const RoundingRandom random = {random_, static_cast<std::uint64_t>(first_row_ * columns_ + first)};
  const Format& format = output_.format();
  auto* codes = static_cast<std::byte*>(output_.data()) + first * code_bytes(code_type(format));
  const std::int64_t offset = row * tile.stride;
  if (tile.type == SumType::f64) {
    counts += quantize(static_cast<const double*>(tile.sums) + offset, n, format, codes, random);
    return;
  }
  if (tile.type == SumType::f32) {
    const float* bias = bias_ != nullptr ? bias_->values(tile.column) : nullptr;
    counts += round_sums(static_cast<const float*>(tile.sums) + offset, n, bias, format, codes, random);
    return;
  }
  BiasRow bias;
  if (bias_ != nullptr) bias = bias_->row(tile.column);
  const BiasRow* bias_row = bias_ != nullptr ? &bias : nullptr;
  if (tile.type == SumType::i32) {
    counts += round_sums(static_cast<const std::int32_t*>(tile.sums) + offset, n, sum_exponent_, bias_row, format,
                         codes, random);
  } else {
    counts += round_sums(static_cast<const std::int64_t*>(tile.sums) + offset, n, sum_exponent_, bias_row, format,
                         codes, random);
  }
}

}  // namespace dyadic
