// Codes as numbers that order like their values, for kernels that select (maxout, relu, pooling) and so move codes
// without computing with them.
#pragma once

#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>

#include "dyadic/formats/format.h"

namespace dyadic {

/// Maps codes to numbers that order like their values: identity for grids and floats, sign-magnitude for small floats.
template <typename Code>
struct IntegerOrder {
  auto operator()(Code code) const { return code; }
};

struct SmallFloatOrder {
  std::uint32_t sign_bit;
  std::uint32_t nan_above;  // magnitudes beyond this are NaN: below everything
  template <typename Code>
  std::int32_t operator()(Code code) const {
    const auto magnitude = static_cast<std::int32_t>(code & (sign_bit - 1));
    if (static_cast<std::uint32_t>(magnitude) > nan_above) return std::numeric_limits<std::int32_t>::min();
    return (code & sign_bit) != 0 ? -magnitude : magnitude;
  }
};

/// Calls function(Code{}, order) for the tensor's code type.
template <typename Function>
void with_order(const Format& format, Function function) {
  if (format.family == Family::floating && code_type(format) != CodeType::f32) {
    const std::uint32_t sign_bit = format.is_signed ? 1U << (format.width - 1) : 1U << format.width;
    const SmallFloatOrder order = {sign_bit, format.has_infinity() ? infinity_code(format) : max_finite_code(format)};
    switch (code_type(format)) {
      case CodeType::u8: return function(std::uint8_t{}, order);
      case CodeType::u16: return function(std::uint16_t{}, order);
      default: return function(std::uint32_t{}, order);
    }
  }
  switch (code_type(format)) {
    case CodeType::i8: return function(std::int8_t{}, IntegerOrder<std::int8_t>{});
    case CodeType::u8: return function(std::uint8_t{}, IntegerOrder<std::uint8_t>{});
    case CodeType::i16: return function(std::int16_t{}, IntegerOrder<std::int16_t>{});
    case CodeType::u16: return function(std::uint16_t{}, IntegerOrder<std::uint16_t>{});
    case CodeType::i32: return function(std::int32_t{}, IntegerOrder<std::int32_t>{});
    case CodeType::u32: return function(std::uint32_t{}, IntegerOrder<std::uint32_t>{});
    default: return function(float{}, IntegerOrder<float>{});
  }
}

/// The code worth 0 (of binary, which has none, the lower one).
template <typename Code>
Code zero_code(const Format& format) {
  if constexpr (std::same_as<Code, float>) return 0;
  else return format.is_grid() ? static_cast<Code>(format.code_offset / format.code_multiplier) : Code{0};
}

/// A test whether a code is at the limit of its format; never true unless `clipped`.
template <typename Code>
auto limit_test(const Format& format, bool clipped) {
  if constexpr (std::same_as<Code, float>) {
    const float limit = format.has_range() ? std::ldexp(1.0F, format.range) : std::numeric_limits<float>::max();
    return [=](float value) { return clipped && std::fabs(value) >= limit; };
  } else {
    const bool floating = !format.is_grid();
    const std::int64_t high = floating ? std::int64_t{max_finite_code(format)} : format.max_code;
    const std::int64_t low = floating ? high : format.min_code;
    const std::int64_t magnitude_bits =
        floating ? (std::int64_t{1} << (format.exponent_bits + format.mantissa_bits)) - 1 : -1;
    return [=](Code code) {
      const std::int64_t magnitude = code & magnitude_bits;
      return clipped && (floating ? magnitude >= high : magnitude == high || magnitude == low);
    };
  }
}

}  // namespace dyadic
