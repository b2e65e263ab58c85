// The order of codes: what selection kernels (maxout, max pooling) compare. A code is mapped to an integer that orders
// as its value does: the code itself for grids, sign and magnitude for floats, NaN below everything. -0 equals +0, and
// equals(code, ordered) says whether the code is a number with that order.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "dyadic/formats/codec.h"
#include "dyadic/formats/format.h"

namespace dyadic {

struct IntegerOrder {
  template <typename Code>
  Code operator()(Code code) const {
    return code;
  }
  template <typename Code>
  bool equals(Code code, Code ordered) const {
    return code == ordered;
  }
};

struct FloatOrder {
  std::uint32_t sign_bit = 0;
  std::uint32_t nan_above = 0;   // magnitudes beyond this are NaN
  std::uint32_t nan_code = ~0U;  // and so is this code: that of -0 in formats that spend it on NaN

  template <typename Code>
  std::int32_t operator()(Code code) const {
    const auto magnitude = static_cast<std::int32_t>(code & (sign_bit - 1));
    const bool is_number = static_cast<std::uint32_t>(magnitude) <= nan_above && code != nan_code;
    const std::int32_t ordered = (code & sign_bit) != 0 ? -magnitude : magnitude;
    return is_number ? ordered : kNaN;
  }
  template <typename Code>
  bool equals(Code code, std::int32_t ordered) const {
    return (static_cast<int>((*this)(code) == ordered) & static_cast<int>(ordered != kNaN)) != 0;
  }

  static constexpr std::int32_t kNaN = std::numeric_limits<std::int32_t>::min();
};

/// FloatOrder of float32, whose masks compilers know.
struct SingleOrder {
  std::int32_t operator()(std::uint32_t code) const {
    const auto negative = static_cast<std::int32_t>(code) >> 31;  // all bits
    const auto magnitude = static_cast<std::int32_t>(code & 0x7FFFFFFFU);
    const std::int32_t ordered = (magnitude ^ negative) - negative;
    return magnitude <= 0x7F800000 ? ordered : kNaN;
  }
  bool equals(std::uint32_t code, std::int32_t ordered) const {
    return (static_cast<int>((*this)(code) == ordered) & static_cast<int>(ordered != kNaN)) != 0;
  }

  static constexpr std::int32_t kNaN = FloatOrder::kNaN;
};

/// Calls function(Code{}, order) for the format's codes; float32 ones are looked at as their bits.
template <typename Function>
void with_order(const Format& format, Function function) {
  if (!format.is_grid()) {
    if (code_type(format) == CodeType::f32) return function(std::uint32_t{}, SingleOrder{});
    const std::uint32_t sign_bit = format.is_signed ? 1U << (format.width - 1) : 1U << format.width;
    const FloatOrder order = {sign_bit, format.has_infinity() ? infinity_code(format) : max_finite_code(format),
                              format.specials == Specials::uz ? sign_bit : ~0U};
    switch (code_type(format)) {
      case CodeType::u8: return function(std::uint8_t{}, order);
      case CodeType::u16: return function(std::uint16_t{}, order);
      default: return function(std::uint32_t{}, order);
    }
  }
  switch (code_type(format)) {
    case CodeType::i8: return function(std::int8_t{}, IntegerOrder{});
    case CodeType::u8: return function(std::uint8_t{}, IntegerOrder{});
    case CodeType::i16: return function(std::int16_t{}, IntegerOrder{});
    case CodeType::u16: return function(std::uint16_t{}, IntegerOrder{});
    case CodeType::i32: return function(std::int32_t{}, IntegerOrder{});
    default: return function(std::uint32_t{}, IntegerOrder{});
  }
}

/// Calls function(Code{}) for the unsigned type of the width of the format's codes: all that matters where codes are
/// moved.
template <typename Function>
void with_code_width(const Format& format, Function function) {
  switch (code_bytes(code_type(format))) {
    case 1: return function(std::uint8_t{});
    case 2: return function(std::uint16_t{});
    default: return function(std::uint32_t{});
  }
}

/// The code worth 0 (of binary, which has none, the lower one).
template <typename Code>
Code zero_code(const Format& format) {
  return format.is_grid() ? static_cast<Code>(format.code_offset / format.code_multiplier) : Code{0};
}

/// The positive code where a clipped straight-through estimator stops gradients; beyond it, infinity and NaN, too.
inline std::int64_t limit_code(const Format& format) {
  if (format.is_grid()) return format.max_code;
  if (format.has_range()) return clamp_code(format);
  return code_type(format) == CodeType::f32 ? 0x7F7FFFFF : std::int64_t{max_finite_code(format)};
}

/// Which ordered codes of the format let gradients pass: all, or with `clipped` those between its limits.
template <typename Ordered>
struct PassingOrders {
  Ordered low = std::numeric_limits<Ordered>::min(), high = std::numeric_limits<Ordered>::max();

  PassingOrders(const Format& format, bool clipped) {
    if (!clipped) return;
    low = static_cast<Ordered>(format.is_grid() ? format.min_code + 1 : 1 - limit_code(format));
    high = static_cast<Ordered>(limit_code(format) - 1);
  }

  bool operator()(Ordered ordered) const {
    return (static_cast<int>(ordered >= low) & static_cast<int>(ordered <= high)) != 0;
  }
};

/// The codes worth more than zero of a format that has one: neighbours, `count` of them from `first` on, as unsigned
/// numbers of the code's width; with `clipped` only those below limit_code. NaN is not among them.
struct PositiveCodes {
  std::uint32_t first = 1, count = 0;

  PositiveCodes(const Format& format, bool clipped) {
    const std::int64_t last = clipped                              ? limit_code(format) - 1
                              : format.is_grid()                   ? format.max_code
                              : code_type(format) == CodeType::f32 ? 0x7F800000
                              : format.has_infinity()              ? infinity_code(format)
                                                                   : max_finite_code(format);
    const std::int64_t zero = format.is_grid() ? format.code_offset / format.code_multiplier : 0;
    first = static_cast<std::uint32_t>(zero + 1);
    count = static_cast<std::uint32_t>(std::max<std::int64_t>(last - zero, 0));
  }

  template <typename Code>
  bool operator()(Code code) const {
    static_assert(std::is_unsigned_v<Code>);
    return static_cast<Code>(code - static_cast<Code>(first)) < static_cast<Code>(count);
  }
};

}  // namespace dyadic
