#include "dyadic/nn/score_table.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>

#include "dyadic/base/error.h"
#include "dyadic/kernels/decode.h"

namespace dyadic {
namespace {

constexpr std::uint32_t kMagnitude = 0x7FFFFFFF;

}  // namespace

std::int32_t order_key(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto magnitude = static_cast<std::int32_t>(bits & kMagnitude);
  return bits > kMagnitude ? -magnitude : magnitude;
}

float order_value(std::int32_t key) {
  const auto magnitude = static_cast<std::uint32_t>(std::abs(key));
  return std::bit_cast<float>(key < 0 ? magnitude | ~kMagnitude : magnitude);
}

ScoreTable make_score_table(const ChannelFunction& scores, const Format& sums, std::int64_t largest,
                            std::int64_t channels) {
  const std::int64_t sums_per_channel = 2 * largest + 1;
  if (channels > 0 && sums_per_channel > kMostScores / channels) {
    throw UsageError("a table of " + std::to_string(channels) + " x " + std::to_string(sums_per_channel) +
                     " scores is more than " + std::to_string(kMostScores));
  }
  ScoreTable table = {.channels = channels, .largest = largest, .keys = {}};
  table.keys.resize(static_cast<std::size_t>(channels * sums_per_channel));
  constexpr std::int64_t kRows = 1024;
  Tensor z, x;
  std::vector<double> values;
  for (std::int64_t first = 0; first < sums_per_channel; first += kRows) {
    const std::int64_t rows = std::min(kRows, sums_per_channel - first);
    z.reset({rows, channels}, sums);
    for (std::int64_t i = 0; i < z.size(); ++i) z.set_code(i, first + i / channels - largest);
    scores(z, x);
    values.resize(static_cast<std::size_t>(x.size()));
    decode_values(x.data(), x.format(), 0, x.size(), values.data());
    for (std::int64_t i = 0; i < z.size(); ++i) {
      const double value = values[static_cast<std::size_t>(i)];
      const auto score = static_cast<float>(value);
      if (!std::isfinite(score) || static_cast<double>(score) != value) {
        throw UsageError("channel " + std::to_string(i % channels) + ": the score of sum " + std::to_string(z.code(i)) +
                         " is no finite float32 number");
      }
      table.keys[static_cast<std::size_t>(i % channels * sums_per_channel + first + i / channels)] = order_key(score);
    }
  }
  return table;
}

}  // namespace dyadic
