// Dropout masks from counters: element i of the global batch is kept iff word i of its stream < floor(keep * 2^32).
#pragma once

#include <cstdint>
#include <vector>

#include "dyadic/base/philox.h"
#include "dyadic/tensor/tensor.h"

namespace dyadic {

/// mask[i] = 0xFF if element i is kept, else 0.
void dropout_mask(const RandomStream& stream, double keep, std::int64_t n, std::uint8_t* mask);

/// output = input where the mask is set, else the code of zero. Same format; no scaling, so nothing is rounded.
/// Throws UsageError if the format has no zero.
void apply_mask(const Tensor& input, const std::uint8_t* mask, Tensor& output);

}  // namespace dyadic
