#include "dyadic/formats/codec.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <string>

#include "dyadic/base/error.h"

namespace dyadic {
namespace {

// Every rounding decision is made on floor(|x| / step * 2^33) and one sticky bit: 32 bits for stochastic rounding and
// one more so that the half is a bit pattern of its own.
constexpr int kFractionBits = 33;
constexpr std::uint64_t kOne = std::uint64_t{1} << kFractionBits;
constexpr std::uint64_t kHalf = kOne / 2;

int bit_width(uint128 value) {
  const auto high = static_cast<std::uint64_t>(value >> 64);
  return high != 0 ? 64 + static_cast<int>(std::bit_width(high))
                   : static_cast<int>(std::bit_width(static_cast<std::uint64_t>(value)));
}

/// |x| in steps: whole + fraction / 2^33, plus less than 2^-33 if sticky.
struct Steps {
  std::int64_t whole = 0;      // saturates at 2^62: beyond every limit
  std::uint64_t low_bits = 0;  // the whole part modulo 2^64, also where `whole` saturates: what `wrap` keeps
  std::uint64_t fraction = 0;
  bool sticky = false;
  [[nodiscard]] bool inexact() const { return fraction != 0 || sticky; }
};

/// |number| / (divisor * 2^step_exponent), divisor an odd integer below 2^24.
Steps in_steps(const ExactNumber& number, int step_exponent, std::uint64_t divisor) {
  Steps steps;
  if (number.magnitude == 0) {
    steps.sticky = number.sticky;
    return steps;
  }
  const int shift = number.exponent - step_exponent + kFractionBits;
  uint128 scaled = 0;
  steps.sticky = number.sticky;
  if (shift >= 0) {
    if (bit_width(number.magnitude) + shift > 126) {
      const int left = number.exponent - step_exponent;
      steps.whole = std::int64_t{1} << 62;
      steps.low_bits = left >= 64  ? 0
                       : left >= 0 ? static_cast<std::uint64_t>(number.magnitude << left)
                                   : static_cast<std::uint64_t>(number.magnitude >> -left);
      return steps;
    }
    scaled = number.magnitude << shift;
  } else if (shift > -128) {
    scaled = number.magnitude >> -shift;
    steps.sticky |= (scaled << -shift) != number.magnitude;
  } else {
    steps.sticky = true;
  }
  const uint128 quotient = scaled / divisor;
  steps.sticky |= quotient * divisor != scaled;
  const uint128 whole = quotient >> kFractionBits;
  steps.whole = whole > (uint128{1} << 62) ? std::int64_t{1} << 62 : static_cast<std::int64_t>(whole);
  steps.low_bits = static_cast<std::uint64_t>(whole);
  steps.fraction = static_cast<std::uint64_t>(quotient) & (kOne - 1);
  return steps;
}

/// Distance in steps, in units of 2^-33, from the neighbour that stochastic rounding measures from, rounded down.
std::uint64_t stochastic_distance(const Steps& steps, bool from_upper) {
  return from_upper ? kOne - steps.fraction - (steps.sticky ? 1 : 0) : steps.fraction;
}

bool stochastic_moves(Rounding rounding, std::uint64_t distance, std::uint32_t random) {
  const int bits = random_bits_per_element(rounding);
  const std::uint64_t half_unit = rounding == Rounding::srh ? std::uint64_t{1} << (kFractionBits - bits - 1) : 0;
  const std::uint64_t t = (distance + half_unit) >> (kFractionBits - bits);
  return random + t >= std::uint64_t{1} << bits;
}

/// True if the magnitude goes to the neighbour away from zero. `odd`: parity of the neighbour nearer zero, counted in
/// steps. In a float without mantissa bits every binade starts at one step, so ties go to the larger magnitude, as IEEE
/// 754-2019 section 4.3.1 says for one digit.
bool rounds_away(const Format& format, const Steps& steps, bool negative, bool odd, std::uint32_t random) {
  if (!steps.inexact()) return false;
  const bool tie = steps.fraction == kHalf && !steps.sticky;
  const bool above_half = steps.fraction >= kHalf && !tie;
  switch (format.rounding) {
    case Rounding::rne: return above_half || (tie && odd);
    case Rounding::rna: return above_half || tie;
    case Rounding::rnd: return above_half || (tie && negative);
    case Rounding::rnu: return above_half || (tie && !negative);
    case Rounding::rtz: return false;
    case Rounding::rd: return negative;
    case Rounding::ru: return !negative;
    case Rounding::ro: return !odd;
    default: break;
  }
  // On a two's complement grid the lower neighbour of a negative number is the one away from zero.
  const bool from_upper = negative && !format.is_sign_symmetric();
  return stochastic_moves(format.rounding, stochastic_distance(steps, from_upper), random) != from_upper;
}

[[noreturn]] void throw_overflow(const Format& format) {
  throw NonFiniteError("a value overflows " + format_name(format) + " (overflow policy 'error')");
}

/// Directed modes and round-to-odd never carry a finite number to an infinity on the wrong side (IEEE 754 section 7.4).
bool stays_finite(Rounding rounding, bool negative) {
  return rounding == Rounding::rtz || rounding == Rounding::ro || (rounding == Rounding::rd && !negative) ||
         (rounding == Rounding::ru && negative);
}

std::int64_t with_sign(const Format& format, std::int64_t magnitude_code, bool negative) {
  if (!format.is_signed || !negative) return magnitude_code;
  if (format.specials == Specials::uz && magnitude_code == 0) return 0;
  return magnitude_code | std::int64_t{1} << (format.width - 1);
}

Encoded overflow_floating(const Format& format, bool negative, bool was_infinite) {
  const std::int64_t largest = max_finite_code(format);
  Encoded result{.code = 0, .overflowed = true};
  switch (format.overflow) {
    case Overflow::inf:
      result.code = with_sign(
          format, !was_infinite && stays_finite(format.rounding, negative) ? largest : infinity_code(format), negative);
      break;
    case Overflow::nan: result.code = nan_code(format); break;
    case Overflow::error: throw_overflow(format);
    default: result.code = with_sign(format, largest, negative); break;
  }
  return result;
}

/// A format whose numbers take a code each, and nothing else.
void check_has_codes(const Format& format) {
  if (format.family == Family::exact) {
    throw UsageError("format 'exact' has no codes: it marks a place where nothing is rounded");
  }
  if (format.has_blocks()) {
    throw UsageError("format '" + format.name +
                     "': a code has a value in its block only; block formats are for the roles *_update and *_moment");
  }
}

/// 2^k only: no zero, no sign. Positive numbers below the least value round to it; zero and negative numbers overflow.
Encoded encode_power_of_two(const Format& format, const ExactNumber& number, std::uint32_t random) {
  const bool infinite = number.kind == ExactNumber::Kind::infinite;
  if (number.negative || (!infinite && number.magnitude == 0 && !number.sticky)) {
    if (format.overflow == Overflow::error) throw_overflow(format);
    return {.code = format.overflow == Overflow::nan ? std::int64_t{nan_code(format)} : 0, .overflowed = true};
  }
  if (infinite) return overflow_floating(format, false, true);
  if (number.magnitude == 0) return {};
  const int exponent = bit_width(number.magnitude) - 1 + number.exponent;
  if (exponent < -format.bias) return {};
  const Steps steps = in_steps(number, exponent, 1);
  const std::int64_t low = exponent + format.bias;
  const std::int64_t code = low + (rounds_away(format, steps, false, (steps.whole & 1) != 0, random) ? 1 : 0);
  if (code > std::int64_t{max_finite_code(format)}) return overflow_floating(format, false, false);
  return {.code = code};
}

Encoded encode_floating(const Format& format, const ExactNumber& number, std::uint32_t random) {
  if (!format.has_zero) return encode_power_of_two(format, number, random);
  const std::int64_t limit = clamp_code(format);
  const bool clamps = limit < std::int64_t{max_finite_code(format)};  // the float of range initialisation
  if (number.kind == ExactNumber::Kind::infinite) {
    if (clamps) return {.code = with_sign(format, limit, number.negative), .overflowed = true};
    return overflow_floating(format, number.negative, true);
  }
  if (number.magnitude == 0 && !number.sticky) return {.code = with_sign(format, 0, number.negative)};
  const int top = number.magnitude == 0 ? format.min_exponent() : bit_width(number.magnitude) - 1 + number.exponent;
  const int exponent = std::max(top, format.min_exponent());
  const Steps steps = in_steps(number, exponent - format.mantissa_bits, 1);
  // The exponent field of a subnormal is 0 and that of the least normal 1; the implicit bit of `whole` makes up for it.
  const std::int64_t low = (std::int64_t{exponent - format.min_exponent()} << format.mantissa_bits) + steps.whole;
  const bool odd = (steps.whole & 1) != 0;
  const std::int64_t code = low + (rounds_away(format, steps, number.negative, odd, random) ? 1 : 0);
  if (clamps && code > limit) return {.code = with_sign(format, limit, number.negative), .overflowed = true};
  if (code > std::int64_t{max_finite_code(format)}) return overflow_floating(format, number.negative, false);
  return {.code = with_sign(format, code, number.negative)};
}

/// Odd integer and exponent of a positive float.
std::pair<std::uint64_t, int> odd_part(float scale) {
  const ExactNumber number = exact_number(scale);
  const int zeros = std::countr_zero(static_cast<std::uint64_t>(number.magnitude));
  return {static_cast<std::uint64_t>(number.magnitude) >> zeros, number.exponent + zeros};
}

/// Code of a grid after rounding: the limits and the policies that grids have, `wrap` apart.
Encoded within_limits(const Format& format, std::int64_t code) {
  if (code >= format.min_code && code <= format.max_code) return {.code = code};
  if (format.overflow == Overflow::error) throw_overflow(format);
  return {.code = std::clamp(code, format.min_code, format.max_code), .overflowed = true};
}

/// Odd multiples of H, of which -H and +H are codes. Between these two no neighbour is nearer zero: everything is
/// decided from the lower one, and a tie that goes "away from zero" goes up.
Encoded encode_binary(const Format& format, const ExactNumber& number, std::uint32_t random) {
  if (number.kind == ExactNumber::Kind::infinite) {
    return within_limits(format, number.negative ? format.min_code - 1 : format.max_code + 1);
  }
  const auto [divisor, exponent] = odd_part(format.scale);
  Steps steps = in_steps(number, format.step_exponent + 1 + exponent, divisor);  // |x| in units of 2H
  steps.whole += static_cast<std::int64_t>((steps.fraction + kHalf) >> kFractionBits);
  steps.fraction = (steps.fraction + kHalf) & (kOne - 1);
  // Now state k lies at k whole steps, for negative numbers counted down from +H: code 1 - k.
  if (steps.whole > 0) {
    const bool odd = ((steps.whole + (number.negative ? 1 : 0)) & 1) != 0;
    const std::int64_t k = steps.whole + (rounds_away(format, steps, number.negative, odd, random) ? 1 : 0);
    return within_limits(format, number.negative ? 1 - k : k);
  }
  const bool zero = steps.fraction == kHalf && !steps.sticky;
  const std::uint64_t above_lower = number.negative ? kOne - steps.fraction - (steps.sticky ? 1 : 0) : steps.fraction;
  switch (format.rounding) {
    case Rounding::rne:
    case Rounding::rnd: return {.code = !number.negative && !zero ? 1 : 0};
    case Rounding::rna:
    case Rounding::rnu: return {.code = zero || !number.negative ? 1 : 0};
    case Rounding::rtz:
    case Rounding::rd: return {.code = 0};
    case Rounding::ru:
    case Rounding::ro: return {.code = 1};
    default: return {.code = stochastic_moves(format.rounding, above_lower, random) ? 1 : 0};
  }
}

Encoded encode_grid(const Format& format, const ExactNumber& number, std::uint32_t random) {
  if (format.code_multiplier != 1) return encode_binary(format, number, random);
  const bool infinite = number.kind == ExactNumber::Kind::infinite;
  const auto [divisor, exponent] = odd_part(format.scale);
  Steps steps = in_steps(number, format.step_exponent + exponent, divisor);
  if (infinite) {
    if (format.overflow == Overflow::wrap) throw NonFiniteError("infinity does not wrap in " + format_name(format));
    steps.whole = std::int64_t{1} << 62;
  }
  const std::int64_t parity_offset = format.family == Family::discrete ? format.code_offset : 0;
  const bool odd = ((steps.whole + parity_offset) & 1) != 0;
  const std::int64_t magnitude =
      steps.whole + (!infinite && rounds_away(format, steps, number.negative, odd, random) ? 1 : 0);
  const std::int64_t code = (number.negative ? -magnitude : magnitude) + format.code_offset;
  const bool outside = code < format.min_code || code > format.max_code;
  if (outside && format.overflow == Overflow::wrap) {
    const std::uint64_t low_bits = steps.low_bits + static_cast<std::uint64_t>(magnitude - steps.whole);
    const std::uint64_t wrapped = (number.negative ? -low_bits : low_bits) & ((std::uint64_t{1} << format.width) - 1);
    const bool high = format.min_code < 0 && (wrapped >> (format.width - 1)) != 0;
    return {.code = static_cast<std::int64_t>(wrapped) - (high ? std::int64_t{1} << format.width : 0),
            .overflowed = true};
  }
  return within_limits(format, code);
}

}  // namespace

ExactNumber exact_number(double value) {
  ExactNumber number;
  number.negative = std::signbit(value);
  if (std::isnan(value)) number.kind = ExactNumber::Kind::nan;
  if (std::isinf(value)) number.kind = ExactNumber::Kind::infinite;
  if (!std::isfinite(value) || value == 0) return number;
  const double fraction = std::frexp(std::fabs(value), &number.exponent);
  number.magnitude = static_cast<std::uint64_t>(std::ldexp(fraction, 53));
  number.exponent -= 53;
  return number;
}

ExactNumber exact_sum(std::int64_t a, int a_exponent, std::int64_t b, int b_exponent) {
  if (a == 0) a_exponent = b_exponent;
  if (b == 0) b_exponent = a_exponent;
  // `a` becomes the term with the larger exponent; it is shifted left as far as 126 bits hold it. What then still lies
  // below becomes sticky, and cannot meet cancellation: |a| has at least 2^125 units, |b| less than 2^63.
  if (a_exponent < b_exponent) {
    std::swap(a, b);
    std::swap(a_exponent, b_exponent);
  }
  __extension__ using int128 = __int128;
  const int128 wide = a;
  const int room = 126 - bit_width(static_cast<uint128>(a < 0 ? -wide : wide));
  int gap = a_exponent - b_exponent;
  bool sticky = false;
  int128 low = b;
  if (gap > room) {
    const int drop = std::min(gap - room, 64);
    sticky = (low & ((int128{1} << drop) - 1)) != 0;
    low >>= drop;  // floor; the sticky part is positive
    b_exponent = a_exponent - room;
    gap = room;
  }
  const int128 sum = wide * (int128{1} << gap) + low;
  ExactNumber number;
  number.exponent = b_exponent;
  number.sticky = sticky;
  if (sum < 0) {
    number.negative = true;
    number.magnitude = static_cast<uint128>(-sum) - (sticky ? 1 : 0);  // magnitude below, sticky above
  } else {
    number.magnitude = static_cast<uint128>(sum);
  }
  return number;
}

Encoded encode(const Format& format, const ExactNumber& number, std::uint32_t random_bits) {
  check_has_codes(format);
  if (number.kind == ExactNumber::Kind::nan) {
    if (format.has_nan()) return {.code = nan_code(format)};
    return {.code = format.is_grid()
                        ? std::clamp(format.code_offset / format.code_multiplier, format.min_code, format.max_code)
                        : 0,
            .not_a_number = true};
  }
  return format.is_grid() ? encode_grid(format, number, random_bits) : encode_floating(format, number, random_bits);
}

Encoded encode(const Format& format, double value, std::uint32_t random_bits) {
  if (format.family == Family::affine && format.scale != 1.0F) {
    // An affine scale that is not a power of two is a named float island: one float32 division, then exact rounding.
    Format unit = format;
    unit.scale = 1.0F;
    unit.step_exponent = 0;
    return encode(unit, exact_number(static_cast<float>(value) / std::ldexp(format.scale, format.step_exponent)),
                  random_bits);
  }
  return encode(format, exact_number(value), random_bits);
}

std::int64_t power_of_two_code(const Format& format, int exponent) {
  const int place = exponent - format.min_exponent();
  const std::int64_t code = place >= 0                       ? std::int64_t{place + 1} << format.mantissa_bits
                            : place >= -format.mantissa_bits ? std::int64_t{1} << (format.mantissa_bits + place)
                                                             : 1;
  return std::min(code, std::int64_t{max_finite_code(format)} + 1);
}

std::int64_t clamp_code(const Format& format) {
  const std::int64_t largest = max_finite_code(format);
  if (!format.has_range()) return largest;
  const bool below_all = format.range < format.min_exponent() - format.mantissa_bits;
  return below_all ? 0 : std::min(power_of_two_code(format, format.range), largest);
}

double decode(const Format& format, std::int64_t code) {
  check_has_codes(format);
  if (format.is_grid()) {
    const auto steps = static_cast<double>(format.code_multiplier * code - format.code_offset);
    const double value = std::ldexp(steps * format.scale, format.step_exponent);
    return format.scale == 1.0F ? value : static_cast<double>(static_cast<float>(value));
  }
  const auto bits = static_cast<std::uint64_t>(code);
  if (!format.has_zero) {
    return bits == nan_code(format) ? std::numeric_limits<double>::quiet_NaN()
                                    : std::ldexp(1.0, static_cast<int>(bits) - format.bias);
  }
  const bool negative = format.is_signed && (bits >> (format.width - 1)) != 0;
  const std::uint64_t magnitude = bits & ((std::uint64_t{1} << (format.exponent_bits + format.mantissa_bits)) - 1);
  const bool uz_nan = format.specials == Specials::uz && negative && magnitude == 0;
  if (uz_nan || magnitude > max_finite_code(format)) {
    if (format.has_infinity() && magnitude == infinity_code(format)) {
      return negative ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
    }
    return std::numeric_limits<double>::quiet_NaN();
  }
  const auto field = static_cast<int>(magnitude >> format.mantissa_bits);
  const std::uint64_t mantissa = magnitude & ((std::uint64_t{1} << format.mantissa_bits) - 1);
  const std::uint64_t significand = field == 0 ? mantissa : mantissa | std::uint64_t{1} << format.mantissa_bits;
  const double value =
      std::ldexp(static_cast<double>(significand), std::max(field, 1) - format.bias - format.mantissa_bits);
  return negative ? -value : value;
}

}  // namespace dyadic
