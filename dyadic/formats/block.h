// Block floating point, bfp<W>b<K>: K consecutive elements of a tensor, row by row, share one exponent E; the last
// block may be shorter. An element is an integer code of W bits, symmetric about zero, times the step of its block:
//
//   value = code * 2^(E - (W - 2)), |code| <= 2^(W-1) - 1, E in -128..127 (one byte)
//
// E follows from the largest magnitude a of the block, before rounding: the least E whose grid reaches it,
// a <= (2^(W-1) - 1) 2^(E - (W - 2)), so that nothing saturates and stochastic rounding keeps every expected value.
// That is floor(log2 a), or one more where a lies beyond the largest code. A block of zeros has E = -128. Every value
// is a float32 number. Specification: docs/formats.md.
#pragma once

#include <cstdint>

#include "dyadic/formats/format.h"

namespace dyadic {

inline constexpr int kLeastBlockExponent = -128;
inline constexpr int kLargestBlockExponent = 127;

/// Blocks of a tensor of so many elements: 0 if the format has none.
std::int64_t block_count(const Format& format, std::int64_t elements);

/// The exponent of a block whose largest magnitude is `largest`: not negative, not NaN; infinity takes the largest.
/// Exact, for every float64.
int block_exponent(const Format& format, double largest);

/// log2 of the step of a block with that exponent.
inline int block_step_exponent(const Format& format, int exponent) { return exponent - (format.width - 2); }

/// The format of the codes of a block with that exponent, which the codec and the kernels take as any other grid.
Format block_grid(const Format& format, int exponent);

}  // namespace dyadic
