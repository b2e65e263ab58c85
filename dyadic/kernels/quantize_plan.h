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

#include "dyadic/formats/format.h"

namespace dyadic {

enum class RandomKind : std::uint8_t { none, from_zero, from_lower };

struct RoundPlan {
  bool vectorised = false;  // false: the reference loop does this format
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

  // Floating. Codes without their sign bit are ordered, so one comparison with `notable` finds every element that
  // needs a second look: at or beyond the largest magnitude that counters watch, infinite or NaN.
  bool same_exponents = false;  // as float32: its bits shifted right are the code
  bool unsigned_zero = false;
  int mantissa_bits = 23;
  int min_exponent = -126;
  std::uint32_t sign_bit = 0;
  std::uint32_t limit = 0;
  std::uint32_t notable = 0;
  std::uint32_t nan_code = 0;
  bool nan_is_zero = false;
  std::uint32_t infinity_code = 0;  // above every finite code if the format has none
  struct Beyond {                   // what overflow becomes, [0] for positive and [1] for negative numbers
    std::array<std::uint32_t, 2> code{};
    std::array<std::uint32_t, 2> value{};  // float32 bits
    std::array<bool, 2> nonfinite{};
    std::array<bool, 2> largest{};
  };
  Beyond finite, infinite;

  // Counters, on magnitudes without sign or offset; kNever: nothing is counted.
  static constexpr std::uint32_t kNever = 0x7FFFFFFF;
  std::uint32_t largest = kNever;  // floating only; a grid compares codes with min_code and max_code
  std::uint32_t half_range = kNever;
  bool zero_is_largest = false;  // a grid that begins or ends at zero
};

/// Constants for rounding float32 values (and, for dyadic grids, doubles and integer sums) to `format`.
RoundPlan make_round_plan(const Format& format);

/// Constants for reading codes of `format`; vectorised for more formats than rounding is.
RoundPlan make_code_plan(const Format& format);

}  // namespace dyadic
