#include "value_line.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace dyadic {
namespace {

// How far the line is followed beyond the limits: on a grid until every double is a whole number of steps, so that
// numbers that wrap are rounded, too; on a float a few places.
std::int64_t ranks_beyond(const Format& format) { return format.is_grid() ? std::int64_t{1} << 56 : 8; }

bool divides_in_float32(const Format& format) { return format.family == Family::affine && format.scale != 1.0F; }

std::int64_t last_rank(const Format& format) {
  if (format.is_grid()) return format.max_code;
  const std::int64_t codes = std::int64_t{1} << (format.exponent_bits + format.mantissa_bits);
  switch (format.specials) {
    case Specials::ieee: return codes - (std::int64_t{1} << format.mantissa_bits) - 1;
    case Specials::one_nan: return codes - 2;
    default: return codes - 1;
  }
}

/// Directed modes bring a finite number to the largest finite one, not to infinity (IEEE 754-2019 section 7.4).
bool ends_at_largest(Rounding rounding, bool negative) {
  if (rounding == Rounding::rtz || rounding == Rounding::ro) return true;
  return rounding == (negative ? Rounding::ru : Rounding::rd);
}

std::int64_t wrapped_code(const Format& format, long double x, std::int64_t rank, bool far) {
  const long double modulus = std::ldexp(1.0L, format.width);
  // Beyond the line a double is a whole number of steps: nothing was rounded.
  const long double steps = far ? std::ldexp(x, -format.step_exponent) : static_cast<long double>(rank);
  long double code = std::fmod(steps, modulus);
  if (code < static_cast<long double>(format.min_code)) code += modulus;
  if (code > static_cast<long double>(format.max_code)) code -= modulus;
  return static_cast<std::int64_t>(code);
}

}  // namespace

ValueLine::ValueLine(const Format& format) : format_(format), last_(last_rank(format)), beyond_(ranks_beyond(format)) {
  if (format.is_grid()) first_ = format.min_code;
  else first_ = format.is_signed ? -last_ : 0;
}

long double ValueLine::value(std::int64_t rank) const {
  if (format_.is_grid()) {
    const auto integer = static_cast<long double>(format_.code_multiplier * rank - format_.code_offset);
    return std::ldexp(integer * static_cast<long double>(format_.scale), format_.step_exponent);
  }
  if (!format_.has_zero) return std::ldexp(1.0L, static_cast<int>(rank) - format_.bias);
  const std::int64_t place = std::abs(rank);
  const auto binade = static_cast<int>(place >> format_.mantissa_bits);
  const long double fraction = std::ldexp(
      static_cast<long double>(place & ((std::int64_t{1} << format_.mantissa_bits) - 1)), -format_.mantissa_bits);
  const long double magnitude =
      binade == 0 ? std::ldexp(fraction, 1 - format_.bias) : std::ldexp(1 + fraction, binade - format_.bias);
  return rank < 0 ? -magnitude : magnitude;
}

std::int64_t ValueLine::code(std::int64_t rank, bool negative_zero) const {
  if (format_.is_grid() || !format_.is_signed) return rank;
  const bool sign = rank < 0 || (rank == 0 && negative_zero && format_.specials != Specials::uz);
  return std::abs(rank) + (sign ? std::int64_t{1} << (format_.width - 1) : 0);
}

std::int64_t ValueLine::at_or_below(long double x) const {
  std::int64_t low = std::max(first_ - 8, lowest());
  std::int64_t high = std::min(last_ + 8, highest());
  if (x < value(low)) low = lowest();
  if (x >= value(high)) high = highest();
  if (x < value(low)) return low;
  if (x >= value(high)) return high;
  while (high - low > 1) {
    const std::int64_t middle = low + (high - low) / 2;
    (value(middle) <= x ? low : high) = middle;
  }
  return low;
}

bool ValueLine::is_odd(std::int64_t rank) const {
  if (format_.family == Family::affine) return ((rank - format_.code_offset) & 1) != 0;
  // Every significand of one digit is 1.
  if (format_.family == Family::floating && format_.mantissa_bits == 0) return !format_.has_zero || rank != 0;
  return (rank & 1) != 0;
}

std::int64_t ValueLine::round(long double x, Rounding rounding) const {
  const std::int64_t low = at_or_below(x);
  const long double low_value = value(low);
  if (x <= low_value || low == highest()) return low;
  const std::int64_t high = low + 1;
  const long double high_value = value(high);
  const bool low_is_larger = std::fabs(low_value) > std::fabs(high_value);
  const bool high_is_larger = std::fabs(low_value) < std::fabs(high_value);
  const std::int64_t nearer_zero = low_is_larger ? high : low;
  switch (rounding) {
    case Rounding::rd: return low;
    case Rounding::ru: return high;
    case Rounding::rtz: return nearer_zero;
    case Rounding::ro: return is_odd(low) == is_odd(high) ? nearer_zero : is_odd(low) ? low : high;
    default: break;
  }
  const long double half_way = (low_value + high_value) / 2;
  if (x != half_way) return x < half_way ? low : high;
  switch (rounding) {
    case Rounding::rnd: return low;
    case Rounding::rnu: return high;
    case Rounding::rna: return low_is_larger ? low : high;
    // IEEE 754-2019 section 4.3.1: if neither is even, the larger magnitude.
    default: return is_odd(low) == is_odd(high) ? (high_is_larger ? high : low) : is_odd(low) ? high : low;
  }
}

double on_line(const Format& format, double x) {
  return divides_in_float32(format) ? static_cast<double>(static_cast<float>(x) / format.scale) : x;
}

Format line_format(const Format& format) {
  Format result = format;
  if (divides_in_float32(format)) result.scale = 1.0F;
  // on_line() counts from the zero point's value, 0, in steps of 1.
  return result;
}

ExpectedCode expected_after_overflow(const Format& format, const ValueLine& line, std::int64_t rank, long double x) {
  const bool negative = std::signbit(x);
  // Positive numbers below the least power of two have a nearest value; zero and negative numbers have none.
  if (!format.has_zero && rank < line.first() && x > 0) rank = line.first();
  if (rank >= line.first() && rank <= line.last() && !std::isinf(x)) return {.code = line.code(rank, negative)};
  const std::int64_t largest = line.code(rank < line.first() ? line.first() : line.last());
  switch (format.overflow) {
    case Overflow::error: return {.throws = true};
    case Overflow::nan: return {.code = nan_code(format), .overflowed = true};
    case Overflow::inf:
      if (!std::isinf(x) && ends_at_largest(format.rounding, negative)) return {.code = largest, .overflowed = true};
      return {.code = infinity_code(format) + (negative ? std::int64_t{1} << (format.width - 1) : 0),
              .overflowed = true};
    case Overflow::wrap: {
      if (std::isinf(x)) return {.throws = true};
      const bool far = rank <= line.lowest() || rank >= line.highest();
      return {.code = wrapped_code(format, x, rank, far), .overflowed = true};
    }
    default: return {.code = largest, .overflowed = true};
  }
}

ExpectedCode expected_code(const Format& format, const ValueLine& line, double x) {
  const long double position = on_line(format, x);
  return expected_after_overflow(format, line, line.round(position, format.rounding), position);
}

}  // namespace dyadic
