// A RoundPlan is a (format, rounding, overflow policy) boiled down to the constants of the vector rounding kernels.
//
// The kernels see |x| as whole + fraction / 2^32 steps, plus less than 2^-32 if bits were lost. For a grid a step is
// the grid's; for a floating format it is the spacing at |x|, and `whole` is the code of the neighbour nearer zero.
// Every rounding is then one unsigned comparison: the magnitude moves away from zero iff fraction > threshold.
//
//   deterministic   threshold = plan.threshold ^ (negative ? negative_flip : 0) ^ (whole is odd ? odd_flip : 0),
//                   lost bits counted into the lowest bit of the fraction
//   from_zero       threshold = ~R', where R' holds the random bits at the top of a word
//   from_lower      the same for positive numbers; R' for negative ones, lost bits counted
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "dyadic/formats/format.h"

namespace dyadic {

enum class RandomKind : std::uint8_t { none, from_zero, from_lower };

struct RoundPlan {
  bool rounds = false;    // vector kernels round float32 to it, and doubles and sums if it is a dyadic grid
  bool shortcut = false;  // round_fast-inl.h may be tried first
  bool reads = false;     // they decode and count its codes
  bool grid = false;
  int code_bytes = 4;

  std::uint32_t threshold = 0;
  std::uint32_t negative_flip = 0;
  std::uint32_t odd_flip = 0;
  RandomKind random = RandomKind::none;
  int random_bits = 0;              // 8, 16 or 32
  std::uint32_t random_offset = 0;  // the half unit of srh, ORed into R'

  // Grid: code = +-magnitude + offset.
  bool divides = false;  // affine scale that is not a power of two: one float32 division comes first
  float divisor = 1;
  int step_exponent = 0;
  float unit = 1;  // value of one step
  std::uint32_t positive_limit = 0;
  std::uint32_t negative_limit = 0;
  std::int32_t offset = 0;
  std::int32_t multiplier = 1;  // of dequantize and count_codes; 1 wherever rounding is vectorised
  std::int32_t min_code = 0;
  std::int32_t max_code = 0;
  std::uint32_t zero_code = 0;  // no code of the format if zero has none

  // Floating. Codes without their sign bit are ordered, so one comparison with `notable` finds every element that
  // needs a second look: at or beyond the largest magnitude that counters watch, infinite or NaN.
  bool same_exponents = false;  // as float32: its bits shifted right are the code
  bool unsigned_zero = false;
  int mantissa_bits = 23;
  int min_exponent = -126;
  int width = 32;
  std::uint32_t nan_code = 0;        // all ones where the magnitude says it all
  std::uint32_t infinity = 0;        // all ones if the format has none
  std::uint32_t largest_number = 0;  // infinity, or the largest finite magnitude
  std::uint32_t limit = 0;
  std::uint32_t notable = 0;
  float notable_value = 0;
  /// What becomes of numbers that no code stands for: code, value (float32 bits) and what counters say of it, for
  /// positive numbers [0] and negative ones [1].
  struct Special {
    std::array<std::uint32_t, 2> code{};
    std::array<std::uint32_t, 2> value{};
    std::array<std::uint32_t, 2> zeros{};
    std::array<std::uint32_t, 2> largest{};
    std::array<std::uint32_t, 2> half_range{};
    std::array<std::uint32_t, 2> nonfinite{};
  };
  Special overflow, infinite, nan;

  // Counters, on magnitudes without sign or offset; kNever: nothing is counted.
  static constexpr std::uint32_t kNever = 0x7FFFFFFF;
  std::uint32_t largest = kNever;  // floating only; a grid compares codes with min_code and max_code
  std::uint32_t half_range = kNever;
  bool away = false;             // rna
  bool nearest_sums = false;     // rna or rne to a grid whose limits leave room for sums
  bool half = false;             // float16 to nearest even, infinities and all
  bool zero_is_largest = false;  // a grid that begins or ends at zero

  /// Of a grid rounded at random: the same grid rounded to nearest, for inputs that are whole steps already. Those
  /// never move, so their random bits need not be drawn.
  std::shared_ptr<const RoundPlan> nearest;
};

/// `plan`, or its `nearest` if multiples of 2^exponent are whole steps of it: the codes are the same.
inline const RoundPlan& plan_for_multiples(const RoundPlan& plan, int exponent) {
  return plan.nearest != nullptr && exponent >= plan.step_exponent ? *plan.nearest : plan;
}

/// The plan of `format`; throws UsageError for a block format (block.h rounds those). The last few are remembered by
/// each thread, as rows of one tensor come one by one.
const RoundPlan& round_plan(const Format& format);

}  // namespace dyadic
