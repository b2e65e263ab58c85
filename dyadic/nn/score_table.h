// The output layer in integers: what it gives for every sum that it can have, by channel, as int32 in the same order.
// Finite float32 numbers and their keys are ordered alike, and -0 and +0 have one key, so that the largest key, the
// first of equals, is where the largest score is.
#pragma once

#include <cstdint>
#include <vector>

#include "dyadic/nn/thresholds.h"

namespace dyadic {

/// The bits of a float32 number, negative ones mirrored: 0 for both zeros.
std::int32_t order_key(float value);
/// The number of a key; +0 for 0.
float order_value(std::int32_t key);

struct ScoreTable {
  std::int64_t channels = 0;
  std::int64_t largest = 0;
  std::vector<std::int32_t> keys;  // [channels, 2 largest + 1]: of z = -largest first

  [[nodiscard]] std::int32_t key(std::int64_t channel, std::int64_t z) const {
    return keys[static_cast<std::size_t>(channel * (2 * largest + 1) + largest + z)];
  }
};

inline constexpr std::int64_t kMostScores = std::int64_t{1} << 24;

/// The keys of `scores` for the integers z of [-largest, largest], codes of `sums`. Throws UsageError for more than
/// kMostScores of them and for scores that are no finite float32 numbers, naming the channel and the sum.
ScoreTable make_score_table(const ChannelFunction& scores, const Format& sums, std::int64_t largest,
                            std::int64_t channels);

}  // namespace dyadic
