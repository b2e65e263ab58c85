#include "dyadic/nn/thresholds.h"

#include <limits>
#include <string>
#include <vector>

#include "dyadic/base/error.h"

namespace dyadic {
namespace {

/// The codes of all channels where every one of them has the same sum.
std::vector<std::int64_t> codes_at(const ChannelFunction& states, const Format& sums, std::int64_t z,
                                   std::int64_t channels) {
  Tensor at({1, channels}, sums), codes;
  for (std::int64_t c = 0; c < channels; ++c) at.set_code(c, z);
  states(at, codes);
  std::vector<std::int64_t> result;
  for (std::int64_t c = 0; c < channels; ++c) result.push_back(codes.code(c));
  return result;
}

}  // namespace

ChannelThresholds fold_thresholds(const ChannelFunction& states, const Format& sums, std::int64_t largest,
                                  std::int64_t channels, std::int64_t steps) {
  if (largest < 0 || largest >= std::numeric_limits<std::int32_t>::max()) {
    throw ShapeError("thresholds: sums up to " + std::to_string(largest) + " are outside 0..2^31 - 2");
  }
  ChannelThresholds folded = {.channels = channels, .steps = steps, .values = {}, .directions = {}};
  const std::vector<std::int64_t> low = codes_at(states, sums, -largest, channels);
  const std::vector<std::int64_t> high = codes_at(states, sums, largest, channels);
  for (std::size_t c = 0; c < low.size(); ++c) folded.directions.push_back(high[c] >= low[c] ? 1 : -1);

  // The threshold of step k is the least directed sum with a code above k, or largest + 1: in [least, most] until they
  // meet. All steps of all channels are one tensor of questions to the pipeline.
  const auto count = static_cast<std::size_t>(steps * channels);
  std::vector<std::int64_t> least(count, -largest), most(count, largest + 1);
  Tensor z({steps, channels}, sums), codes;
  for (bool open = largest >= 0 && count > 0; open;) {
    open = false;
    std::vector<std::int64_t> middle(count);
    for (std::size_t i = 0; i < count; ++i) {
      // Rounded down, so below `most` while the two differ; where they have met the answer does not count.
      middle[i] = least[i] + (most[i] - least[i]) / 2;
      const std::int64_t asked = least[i] < most[i] ? middle[i] : -largest;
      z.set_code(static_cast<std::int64_t>(i), folded.directions[i % low.size()] * asked);
    }
    states(z, codes);
    for (std::size_t i = 0; i < count; ++i) {
      if (least[i] == most[i]) continue;
      const bool passed = codes.code(static_cast<std::int64_t>(i)) > static_cast<std::int64_t>(i / low.size());
      (passed ? most[i] : least[i]) = middle[i] + (passed ? 0 : 1);
      open |= least[i] < most[i];
    }
  }
  for (const std::int64_t threshold : least) folded.values.push_back(static_cast<std::int32_t>(threshold));
  return folded;
}

void check_thresholds(const ChannelThresholds& thresholds, std::int64_t largest, std::int64_t channels,
                      std::int64_t steps) {
  if (thresholds.channels != channels || thresholds.steps != steps ||
      std::ssize(thresholds.values) != channels * steps) {
    throw ShapeError("thresholds " + shape_text({thresholds.steps, thresholds.channels}) + " where " +
                     shape_text({steps, channels}) + " are needed");
  }
  if (std::ssize(thresholds.directions) != channels) {
    throw ShapeError(std::to_string(thresholds.directions.size()) + " directions where " + std::to_string(channels) +
                     " are needed");
  }
  for (std::int64_t c = 0; c < channels; ++c) {
    const std::int32_t direction = thresholds.directions[static_cast<std::size_t>(c)];
    const std::string where = "channel " + std::to_string(c) + ": ";
    if (direction != 1 && direction != -1) {
      throw UsageError(where + "direction " + std::to_string(direction) + " is neither 1 nor -1");
    }
    std::int64_t before = -largest;
    for (std::int64_t k = 0; k < steps; ++k) {
      const std::int32_t value = thresholds.values[static_cast<std::size_t>(k * channels + c)];
      if (value < -largest || value > largest + 1) {
        throw UsageError(where + "threshold " + std::to_string(value) + " is outside " + std::to_string(-largest) +
                         ".." + std::to_string(largest + 1));
      }
      if (value < before) {
        throw UsageError(where + "threshold " + std::to_string(value) + " comes after " + std::to_string(before) +
                         "; they must ascend");
      }
      before = value;
    }
  }
}

}  // namespace dyadic
