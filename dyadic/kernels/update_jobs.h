// Which jobs the fused update kernels of the tiers take, and the constants they share. Internal to kernels/.
#pragma once

#include <cstdint>

#include "dyadic/kernels/update.h"

namespace dyadic {

/// Grids of at most 16-bit codes rounded rna or rne, whose sums fit the integers of the update_short kernels: sixteen
/// columns at a time, counters in 16-bit lanes, sums of squares in eight lanes of 32 bits.
bool can_update_short(const SgdUpdate& job);

/// Grids of 16- or 32-bit codes rounded rna or rne whose sums of squares are exact in float64.
bool can_update_grids(const SgdUpdate& job);

/// float32, with or without a range.
bool can_update_floats(const SgdUpdate& job);

/// float16 in every role, without ranges.
bool can_update_halves(const SgdUpdate& job);

/// W + u' as integers: both shifted left to their common unit, their sum shifted right to the new step of W.
struct UpdateShifts {
  int master = 0;
  int update = 0;
  int right = 0;
};

/// False if the sum might not fit int32.
bool find_shifts(const SgdUpdate& job, UpdateShifts& shifts);

/// One step of `from` in steps of `to`.
double step_ratio(const Format& from, const Format& to);

/// Constants of a grid that doubles are rounded to.
struct GridTarget {
  double low, high;                    // limits, in steps
  double overflow_low, overflow_high;  // at or beyond these (before rounding) the rounded value lies outside the limits
};

GridTarget grid_target(const Format& format);

/// What float32 values are clamped to; infinity: not at all.
float clamp_limit(const Format& format);

/// Rounded float32 values beyond this count as overflows.
float largest_value(const Format& format);

}  // namespace dyadic
