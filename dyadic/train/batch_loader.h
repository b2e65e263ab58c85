// Examples of a data set as a network's input, training examples changed at random (augmented) if the recipe says so.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "dyadic/data/augment.h"
#include "dyadic/data/batches.h"
#include "dyadic/data/dataset.h"
#include "dyadic/nn/network.h"

namespace dyadic {

class BatchLoader {
 public:
  explicit BatchLoader(const Augmentation& augmentation) : augmentation_(augmentation) {}

  /// The examples with these indices, augmented; random bits from pass.seed, pass.step and the place in the batch.
  void load_training(const ImageSet& set, std::span<const std::int64_t> examples, const Pass& pass, Network& network);

  /// Examples [begin, end) as they are.
  static void load_range(const ImageSet& set, ExampleRange range, const Pass& pass, Network& network);

 private:
  Augmentation augmentation_;
  std::vector<std::uint8_t> pixels_;
  std::vector<float> values_;
};

}  // namespace dyadic
