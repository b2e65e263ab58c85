// The oracle of the conformance suite. It knows a format as a line of values: finite values in increasing order have
// consecutive ranks, and the line goes on beyond both ends as if there were no limits. A number is rounded by looking
// for its two neighbours on the line (a binary search) and comparing it with the point half-way between them, all in
// long double, where every value, half-way point and double is exact. That shares no step with the codec, which shifts
// and divides integers.
#pragma once

#include <cstdint>

#include "dyadic/formats/format.h"

namespace dyadic {

class ValueLine {
 public:
  explicit ValueLine(const Format& format);

  [[nodiscard]] std::int64_t first() const { return first_; }
  [[nodiscard]] std::int64_t last() const { return last_; }
  /// Ends of the continued line: what lies beyond them counts as lying there.
  [[nodiscard]] std::int64_t lowest() const { return first_ - beyond_; }
  [[nodiscard]] std::int64_t highest() const { return last_ + beyond_; }
  /// Exact value at a rank in [lowest, highest].
  [[nodiscard]] long double value(std::int64_t rank) const;
  /// Code of a rank in [first, last]; `negative_zero` asks for the code of -0 where there is one.
  [[nodiscard]] std::int64_t code(std::int64_t rank, bool negative_zero = false) const;

  /// The rank in [lowest, highest] at which rounding to nearest or in a direction ends, limits left aside.
  [[nodiscard]] std::int64_t round(long double x, Rounding rounding) const;
  /// Largest rank in [lowest, highest] whose value is not above x.
  [[nodiscard]] std::int64_t at_or_below(long double x) const;

 private:
  /// Even and odd of rne and ro: the last digit of the significand, of the integer or of the index of a state.
  [[nodiscard]] bool is_odd(std::int64_t rank) const;

  Format format_;
  std::int64_t first_ = 0;
  std::int64_t last_ = 0;
  std::int64_t beyond_ = 0;
};

/// What encode() must return.
struct ExpectedCode {
  std::int64_t code = 0;
  bool overflowed = false;
  bool throws = false;
};

/// The policies of docs/formats.md on top of ValueLine::round. `line` is that of line_format(format), `x` no NaN,
/// `format.rounding` not stochastic.
ExpectedCode expected_code(const Format& format, const ValueLine& line, double x);

/// What the overflow policy makes of `rank`; `x` is the number that was rounded to it.
ExpectedCode expected_after_overflow(const Format& format, const ValueLine& line, std::int64_t rank, long double x);

/// The number that is rounded when `x` meets a format, in units of the line: affine formats whose scale is no power of
/// two divide in float32 first (docs/formats.md).
double on_line(const Format& format, double x);

/// The format without such a scale, whose line on_line() refers to.
Format line_format(const Format& format);

}  // namespace dyadic
