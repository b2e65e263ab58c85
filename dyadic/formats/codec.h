// The reference codec: one number at a time, in exact integer arithmetic, for every format, rounding and overflow
// policy. It is the meaning of the formats; the fast kernels (dyadic/kernels/quantize.h) are tested against it bit by
// bit.
#pragma once

#include <cstdint>

#include "dyadic/formats/format.h"

namespace dyadic {

__extension__ using uint128 = unsigned __int128;

/// (-1)^negative * magnitude * 2^exponent, exactly; with `sticky`, a little more in magnitude than that (by less than
/// one unit of `magnitude`, and not zero).
struct ExactNumber {
  enum class Kind : std::uint8_t { finite, infinite, nan } kind = Kind::finite;
  bool negative = false;
  uint128 magnitude = 0;
  int exponent = 0;
  bool sticky = false;
};

ExactNumber exact_number(double value);

/// a * 2^a_exponent + b * 2^b_exponent: an accumulator and its bias, aligned. Bits far below the larger one may become
/// the sticky bit.
ExactNumber exact_sum(std::int64_t a, int a_exponent, std::int64_t b, int b_exponent);

struct Encoded {
  std::int64_t code = 0;      // grid: the integer; floating: the bit pattern
  bool overflowed = false;    // the rounded value lay beyond the limits
  bool not_a_number = false;  // NaN went into a format without NaN; code is that of zero (or of the least value)
};

/// Rounds once. `random_bits` are the low random_bits_per_element(rounding) bits. Throws NonFiniteError under
/// Overflow::error, UsageError for `exact` and block formats (block_grid() makes one of a block). Deterministic.
/// Source: docs/formats.md.
Encoded encode(const Format& format, const ExactNumber& number, std::uint32_t random_bits = 0);
Encoded encode(const Format& format, double value, std::uint32_t random_bits = 0);

/// The least magnitude (code without sign) of a floating format whose value is at least 2^exponent; one above the
/// largest finite code if there is none. What range counters compare with.
std::int64_t power_of_two_code(const Format& format, int exponent);

/// The magnitude to which a floating format with a range R is clamped: that of 2^R, 0 if 2^R is below the least number;
/// the largest finite code if 2^R is above it or the format has no range.
std::int64_t clamp_code(const Format& format);

/// The value of a code. Exact, except for a scale that is not a power of two: then one rounding to float32.
double decode(const Format& format, std::int64_t code);

}  // namespace dyadic
