// Rounding and overflow: every half-way point, its neighbours in double, and everything beyond the limits.
#include <cmath>
#include <limits>

#include "conformance_suite.h"
#include "dyadic/base/error.h"
#include "dyadic/formats/codec.h"

namespace dyadic {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Finite numbers around and far beyond both ends of the line.
std::vector<double> numbers_at_the_limits(const Format& format, const ValueLine& line) {
  std::vector<double> numbers;
  const auto add = [&](long double value) {
    const double x = input_for(format, value);
    numbers.insert(numbers.end(), {std::nextafter(x, -kInfinity), x, std::nextafter(x, kInfinity)});
  };
  for (const bool upper : {false, true}) {
    const std::int64_t end = upper ? line.last() : line.first();
    const std::int64_t outwards = upper ? 1 : -1;
    const long double gap = line.value(end + outwards) - line.value(end);
    for (const long double steps : {0.0L, 0.25L, 0.5L, 0.75L, 1.0L, 1.25L, 1.5L, 2.0L, 2.5L, 3.0L}) {
      add(line.value(end) + steps * gap);
    }
    for (const long double factor :
         {1.5L, 2.0L, 3.0L, 100.0L, 65537.0L, 0x1p33L + 1, 0x1.8p40L, 0x1p51L + 3, 0x1p70L}) {
      add(line.value(line.last()) * factor * outwards);
    }
  }
  for (const double far : {1e30, 1.7e38, 3.5e38, 1e100, 1e300, std::numeric_limits<double>::max()}) {
    numbers.insert(numbers.end(), {far, -far});
  }
  return numbers;
}

}  // namespace

TEST_P(FormatConformance, RoundsEveryHalfWayPointAndItsNeighbours) {
  const ValueLine line(line_format(format()));
  Mismatches mismatches;
  Format rounded = format();
  for (const std::int64_t rank : tested_ranks(format(), line)) {
    const double value = input_for(format(), line.value(rank));
    const double half_way = input_for(format(), (line.value(rank) + line.value(rank + 1)) / 2);
    for (const double x : {std::nextafter(value, kInfinity), std::nextafter(half_way, -kInfinity), half_way,
                           std::nextafter(half_way, kInfinity), std::nextafter(value, -kInfinity)}) {
      for (const Rounding rounding : deterministic_roundings()) {
        rounded.rounding = rounding;
        mismatches.add(encode_mismatch(rounded, line, x));
      }
    }
  }
}

TEST_P(FormatConformance, FollowsItsOverflowPolicies) {
  const ValueLine line(line_format(format()));
  Mismatches mismatches;
  Format rounded = format();
  std::vector<double> numbers = numbers_at_the_limits(format(), line);
  numbers.insert(numbers.end(), {kInfinity, -kInfinity});
  for (const Overflow overflow : admitted_policies(format())) {
    rounded.overflow = overflow;
    for (const Rounding rounding : deterministic_roundings()) {
      rounded.rounding = rounding;
      for (const double x : numbers) mismatches.add(encode_mismatch(rounded, line, x));
    }
  }
}

TEST_P(FormatConformance, RoundsNumbersNearZero) {
  const ValueLine line(line_format(format()));
  Mismatches mismatches;
  Format rounded = format();
  const double least = std::numeric_limits<double>::denorm_min();
  const double smallest_step = input_for(format(), line.value(1) - line.value(0));
  for (const double magnitude : {0.0, least, 0x1p-1022, 1e-300, 1e-46, smallest_step * 0x1p-40, smallest_step / 3,
                                 smallest_step / 2, smallest_step * 0.75, smallest_step}) {
    for (const double x : {magnitude, -magnitude}) {
      for (const Rounding rounding : deterministic_roundings()) {
        rounded.rounding = rounding;
        mismatches.add(encode_mismatch(rounded, line, x));
      }
    }
  }
}

TEST_P(FormatConformance, KeepsTheSignOfZeroWhereItHasOne) {
  const Encoded encoded = encode(format(), -0.0);
  const bool has_negative_zero = format().family == Family::floating && format().has_zero && format().is_signed &&
                                 format().specials != Specials::uz;
  EXPECT_EQ(std::signbit(decode(format(), encoded.code)),
            has_negative_zero || (format().code_multiplier == 2 && encoded.code == 0));
}

TEST_P(FormatConformance, NanIsNanOrReported) {
  for (const double nan : {std::numeric_limits<double>::quiet_NaN(), -std::numeric_limits<double>::quiet_NaN()}) {
    for (const Overflow overflow : admitted_policies(format())) {
      Format with_policy = format();
      with_policy.overflow = overflow;
      const Encoded encoded = encode(with_policy, nan);
      EXPECT_FALSE(encoded.overflowed);
      if (format().family == Family::floating && format().specials != Specials::none) {
        EXPECT_TRUE(std::isnan(decode(format(), encoded.code)));
        EXPECT_FALSE(encoded.not_a_number);
      } else {
        EXPECT_TRUE(encoded.not_a_number) << "a NaN must never become a number in silence";
        // Stored as zero, or, in a format without zero, as its least value.
        const double stored = decode(format(), encoded.code);
        EXPECT_TRUE(stored == 0 || format().code_multiplier == 2) << stored;
      }
    }
  }
}

}  // namespace dyadic
