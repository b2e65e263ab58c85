// The order of codes: what selection kernels (maxout, max pooling) compare. A code is mapped to an integer that orders
// as its value does: the code itself for grids, sign and magnitude for floats, NaN below everything. -0 equals +0.
#pragma once

#include <cstdint>
#include <limits>

#include "dyadic/formats/codec.h"
#include "dyadic/formats/format.h"

namespace dyadic {

struct IntegerOrder {
  template <typename Code>
  Code operator()(Code code) const {
    return code;
  }
  /// No code of a grid is NaN.
  template <typename Code>
  static bool is_nan(Code /*ordered*/) {
    return false;
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
    return is_number ? ordered : std::numeric_limits<std::int32_t>::min();
  }
  static bool is_nan(std::int32_t ordered) { return ordered == std::numeric_limits<std::int32_t>::min(); }
};

/// Calls function(Code{}, order) for the format's codes; float32 ones are looked at as their bits.
template <typename Function>
void with_order(const Format& format, Function function) {
  if (!format.is_grid()) {
    if (code_type(format) == CodeType::f32) return function(std::uint32_t{}, FloatOrder{1U << 31, 0x7F800000U});
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

/// The code worth 0 (of binary, which has none, the lower one).
template <typename Code>
Code zero_code(const Format& format) {
  return format.is_grid() ? static_cast<Code>(format.code_offset / format.code_multiplier) : Code{0};
}

/// Whether a code is at the limit of its format: the gradient stops there if a straight-through estimator is clipped.
struct CodeLimit {
  bool active = false;
  std::int64_t magnitude_bits = -1;
  std::int64_t high = 0, low = 0;  // grid: equal to one of them; floating: a magnitude of at least `high`
  bool floating = false;

  CodeLimit(const Format& format, bool clipped) : active(clipped), floating(!format.is_grid()) {
    if (!clipped) return;
    high = format.max_code;
    low = format.min_code;
    if (!floating) return;
    if (code_type(format) == CodeType::f32) {
      magnitude_bits = 0x7FFFFFFF;
      high = format.has_range() ? std::int64_t{clamp_code(format)} : 0x7F7FFFFF;
    } else {
      magnitude_bits = (std::int64_t{1} << (format.exponent_bits + format.mantissa_bits)) - 1;
      high = max_finite_code(format);
    }
  }

  template <typename Code>
  bool operator()(Code code) const {
    const std::int64_t magnitude = code & magnitude_bits;
    return active && (floating ? magnitude >= high : magnitude == high || magnitude == low);
  }
};

}  // namespace dyadic
