// Which examples a training step sees.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dyadic/data/dataset.h"

namespace dyadic {

/// The order of `count` examples in one epoch: 0, 1, 2, ... or, shuffled, sorted by (64 random bits, index). The bits
/// of example i are words 2i (low half) and 2i + 1 (high half) of the Philox stream (node 0, role 0, shuffle) whose
/// step is the epoch's number (docs/numerics.md): an epoch's order needs no earlier epoch.
std::vector<std::uint32_t> epoch_order(std::uint32_t count, std::uint64_t seed, std::uint32_t epoch, bool shuffled);

/// How a training file is divided: the first `train` examples are trained on, the next `valid` choose the epoch.
struct Split {
  std::int64_t train = 0;
  std::int64_t valid = 0;
};

/// Examples begin .. end - 1.
struct ExampleRange {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  [[nodiscard]] std::int64_t count() const { return end - begin; }
};

struct SplitRanges {
  ExampleRange train;
  ExampleRange valid;
};

/// Throws UsageError when the parts exceed the set, train is empty, or valid is negative.
SplitRanges split_ranges(const Split& split, const ImageSet& set);

}  // namespace dyadic
