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
  std::int64_t whole = 0;  // saturates at 2^62: beyond every limit
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
      steps.whole = std::int64_t{1} << 62;
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

/// True if the magnitude goes to the neighbour away from zero. `odd`: parity of the code of the neighbour nearer zero.
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

/// 2^k only: no zero, no sign. Everything at or below the least value is the least value.
Encoded encode_power_of_two(const Format& format, const ExactNumber& number, std::uint32_t random) {
  const bool below = number.negative || (number.magnitude == 0);
  if (below && number.kind == ExactNumber::Kind::finite && !number.negative) return {};
  if (number.negative) {
    if (format.overflow == Overflow::error) throw_overflow(format);
    return {.code = format.overflow == Overflow::nan ? std::int64_t{nan_code(format)} : 0, .overflowed = true};
  }
  if (number.kind == ExactNumber::Kind::infinite) return overflow_floating(format, false, true);
  const int exponent = bit_width(number.magnitude) - 1 + number.exponent;
  if (exponent < -format.bias) return {};
  const Steps steps = in_steps(number, exponent, 1);
  const std::int64_t low = exponent + format.bias;
  const std::int64_t code = low + (rounds_away(format, steps, false, (low & 1) != 0, random) ? 1 : 0);
  if (code > std::int64_t{max_finite_code(format)}) return overflow_floating(format, false, false);
  return {.code = code};
}

Encoded encode_floating(const Format& format, const ExactNumber& number, std::uint32_t random) {
  if (!format.has_zero) return encode_power_of_two(format, number, random);
  if (number.kind == ExactNumber::Kind::infinite) {
    if (format.has_range()) {
      const std::int64_t limit = std::int64_t{format.range + format.bias} << format.mantissa_bits;
      return {.code = with_sign(format, limit, number.negative), .overflowed = true};
    }
    return overflow_floating(format, number.negative, true);
  }
  if (number.magnitude == 0) return {.code = with_sign(format, 0, number.negative)};
  const int exponent = std::max(bit_width(number.magnitude) - 1 + number.exponent, format.min_exponent());
  const Steps steps = in_steps(number, exponent - format.mantissa_bits, 1);
  // The exponent field of a subnormal is 0 and that of the least normal 1; the implicit bit of `whole` makes up for it.
  const std::int64_t low = (std::int64_t{exponent - format.min_exponent()} << format.mantissa_bits) + steps.whole;
  std::int64_t code = low + (rounds_away(format, steps, number.negative, (low & 1) != 0, random) ? 1 : 0);
  if (format.has_range()) {  // clamped to +-2^range, the float of range initialisation
    const std::int64_t limit = std::int64_t{format.range + format.bias} << format.mantissa_bits;
    if (code > limit) return {.code = with_sign(format, limit, number.negative), .overflowed = true};
  }
  if (code > std::int64_t{max_finite_code(format)}) return overflow_floating(format, number.negative, false);
  return {.code = with_sign(format, code, number.negative)};
}

/// Odd integer and exponent of a positive float.
std::pair<std::uint64_t, int> odd_part(float scale) {
  const ExactNumber number = exact_number(scale);
  const int zeros = std::countr_zero(static_cast<std::uint64_t>(number.magnitude));
  return {static_cast<std::uint64_t>(number.magnitude) >> zeros, number.exponent + zeros};
}

/// The two states -H and +H have no neighbour nearer zero: everything is decided from the lower one, and a tie that
/// goes "away from zero" goes up.
Encoded encode_binary(const Format& format, const ExactNumber& number, std::uint32_t random) {
  const auto [divisor, exponent] = odd_part(format.scale);
  const Steps half_width = in_steps(number, format.step_exponent + 1 + exponent, divisor);  // |x| in units of 2H
  const bool outside =
      half_width.whole > 0 || half_width.fraction >= kHalf || number.kind == ExactNumber::Kind::infinite;
  const bool at_limit = half_width.whole == 0 && half_width.fraction == kHalf && !half_width.sticky;
  if (outside) {
    if (!at_limit && format.overflow == Overflow::error) throw_overflow(format);
    return {.code = number.negative ? 0 : 1, .overflowed = !at_limit};
  }
  const bool zero = !half_width.inexact();
  const std::uint64_t above_lower =
      number.negative ? kHalf - half_width.fraction - (half_width.sticky ? 1 : 0) : kHalf + half_width.fraction;
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
  if (code >= format.min_code && code <= format.max_code) return {.code = code};
  if (format.overflow == Overflow::error) throw_overflow(format);
  if (format.overflow == Overflow::wrap) {
    // Only the low bits count, also where `whole` is far beyond 2^62.
    const int shift = number.exponent - format.step_exponent;
    const uint128 low_bits = steps.whole < (std::int64_t{1} << 62) ? static_cast<uint128>(magnitude)
                             : shift >= 64                         ? 0
                                                                   : number.magnitude << shift;
    const auto wrapped =
        static_cast<std::uint64_t>(number.negative ? -low_bits : low_bits) & ((std::uint64_t{1} << format.width) - 1);
    const bool high = format.min_code < 0 && (wrapped >> (format.width - 1)) != 0;
    return {.code = static_cast<std::int64_t>(wrapped) - (high ? std::int64_t{1} << format.width : 0),
            .overflowed = true};
  }
  return {.code = std::clamp(code, format.min_code, format.max_code), .overflowed = true};
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
  // `a` becomes the term with the larger exponent; it can be shifted left by 62 without loss.
  if (a_exponent < b_exponent) {
    std::swap(a, b);
    std::swap(a_exponent, b_exponent);
  }
  __extension__ using int128 = __int128;
  constexpr int kRoom = 62;
  int gap = a_exponent - b_exponent;
  bool sticky = false;
  int128 low = b;
  if (gap > kRoom) {  // |b| < 2^63 is below one unit after this shift, or keeps its high bits
    const int drop = std::min(gap - kRoom, 63);
    sticky = (low & ((int128{1} << drop) - 1)) != 0;
    low >>= drop;  // floor; the sticky part is positive
    b_exponent = a_exponent - kRoom;
    gap = kRoom;
  }
  int128 sum = (int128{a} << gap) + low;
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

double decode(const Format& format, std::int64_t code) {
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
