// What a network reads: pixels, or the numbers of a prepared set, rounded to the format of role input.
#pragma once

#include <cstdint>
#include <span>

#include "dyadic/kernels/quantize.h"
#include "dyadic/tensor/tensor.h"

namespace dyadic {

/// `input`, whose format is set and which has one element per pixel: byte k means k / 256, or k / 128 - 1 if
/// `signed_pixels`. Formats that hold these exactly (uq0.8, q1.7) are filled without rounding.
RoundingCounts round_pixels(std::span<const std::uint8_t> pixels, bool signed_pixels, Tensor& input,
                            const RoundingRandom& random);

}  // namespace dyadic
