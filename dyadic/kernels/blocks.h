// Rounding to block floating point (dyadic/formats/block.h) and back, a range of whole blocks at a time. The exponent
// of a block follows from its values before they are rounded; rounding, overflow and random bits are those of any other
// grid, the random bits addressed by the number of the element in its tensor.
#pragma once

#include <cstdint>

#include "dyadic/kernels/quantize.h"

namespace dyadic {

/// codes[i] = Q(values[i]) in the grid of its block; exponents[b] is that of elements [b K, (b + 1) K), the last block
/// may be shorter. `codes` and `exponents` begin at the first of these elements and blocks. NaN is left out of the
/// choice of an exponent and stored as zero, counted as `nonfinite`; a value beyond the largest exponent's grid,
/// infinity included, overflows. Throws NonFiniteError under Overflow::error. Same bits on every tier.
RoundingCounts quantize_blocks(const double* values, std::int64_t n, const Format& format, void* codes,
                               std::int8_t* exponents, const RoundingRandom& random);

/// values[i] = value of code i of whole blocks, exactly.
void decode_blocks(const void* codes, const std::int8_t* exponents, const Format& format, std::int64_t n,
                   double* values);

}  // namespace dyadic
