// Augmentation of training examples: a crop at a random place of the padded example, and a random horizontal flip.
#pragma once

#include <cstdint>
#include <span>

#include "dyadic/base/philox.h"
#include "dyadic/tensor/tensor.h"

namespace dyadic {

/// What a recipe asks for (`data.augment`).
struct Augmentation {
  int pad = 0;        // zeros on each of the four sides before the crop, 0 .. kMostPad
  bool flip = false;  // mirror every other example, left to right
  [[nodiscard]] bool is_none() const { return pad == 0 && !flip; }
};

inline constexpr int kMostPad = 1024;

/// What happens to one example: out(y, x) = in(y + down, x' + right), x' = columns - 1 - x where it is mirrored and x
/// where not, and zero outside the example.
struct AugmentMove {
  int down = 0;   // -pad .. pad
  int right = 0;  // -pad .. pad
  bool mirrored = false;
  bool operator==(const AugmentMove&) const = default;
};

/// The stream of random words of one training step: node 0, role input, purpose augmentation.
RandomStream augment_stream(std::uint64_t seed, std::uint32_t step);

/// For the example at place `index` of the batch, from words 3*index, 3*index + 1 and 3*index + 2 of the stream:
/// floor(word * (2 * pad + 1) / 2^32) - pad rows, likewise columns, mirrored if the third word >= 2^31. All three words
/// are spent whatever the recipe asks for. Throws UsageError for a pad outside 0 .. kMostPad.
AugmentMove augment_move(const Augmentation& augmentation, const RandomStream& stream, std::uint64_t index);

/// Moves one example of shape rows x columns x channels; `in` and `out` hold all of it and do not overlap. Throws
/// ShapeError for other shapes or sizes.
void augment_example(std::span<const std::uint8_t> in, const Shape& shape, const AugmentMove& move,
                     std::span<std::uint8_t> out);
void augment_example(std::span<const float> in, const Shape& shape, const AugmentMove& move, std::span<float> out);

}  // namespace dyadic
