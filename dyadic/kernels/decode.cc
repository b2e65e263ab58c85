#include "dyadic/kernels/decode.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "dyadic/base/error.h"
#include "dyadic/kernels/quantize.h"

namespace dyadic {
namespace {

/// Calls read(pointer to code `first`) with the type of the grid's codes.
template <typename Read>
void with_codes(const void* codes, const Format& format, std::int64_t first, Read read) {
  switch (code_type(format)) {
    case CodeType::i8: return read(static_cast<const std::int8_t*>(codes) + first);
    case CodeType::u8: return read(static_cast<const std::uint8_t*>(codes) + first);
    case CodeType::i16: return read(static_cast<const std::int16_t*>(codes) + first);
    case CodeType::u16: return read(static_cast<const std::uint16_t*>(codes) + first);
    case CodeType::i32: return read(static_cast<const std::int32_t*>(codes) + first);
    default: return read(static_cast<const std::uint32_t*>(codes) + first);
  }
}

void decode_floats(const void* codes, const Format& format, std::int64_t first, std::int64_t n, double* values) {
  if (code_type(format) == CodeType::f32) {
    std::copy_n(static_cast<const float*>(codes) + first, n, values);
    return;
  }
  std::array<float, 1024> piece;
  const auto* bytes = static_cast<const std::byte*>(codes) + first * code_bytes(code_type(format));
  for (std::int64_t done = 0; done < n; done += std::ssize(piece)) {
    const std::int64_t count = std::min<std::int64_t>(std::ssize(piece), n - done);
    dequantize(bytes + done * code_bytes(code_type(format)), count, format, piece.data());
    std::copy_n(piece.begin(), count, values + done);
  }
}

}  // namespace

void decode_values(const void* codes, const Format& format, std::int64_t first, std::int64_t n, double* values) {
  if (!format.is_grid()) return decode_floats(codes, format, first, n, values);
  if (format.has_blocks()) throw UsageError(format.name + ": codes without the exponents of their blocks");
  const double step = std::ldexp(static_cast<double>(format.scale), format.step_exponent);
  const auto multiplier = static_cast<double>(format.code_multiplier);
  const auto offset = static_cast<double>(format.code_offset);
  with_codes(codes, format, first, [&](const auto* from) {
    for (std::int64_t i = 0; i < n; ++i) values[i] = (static_cast<double>(from[i]) * multiplier - offset) * step;
  });
  for (std::int64_t i = 0; format.scale != 1.0F && i < n; ++i) values[i] = static_cast<float>(values[i]);
}

void decode_steps(const void* codes, const Format& format, std::int64_t first, std::int64_t n, std::int64_t* steps) {
  with_codes(codes, format, first, [&](const auto* from) {
    for (std::int64_t i = 0; i < n; ++i) {
      steps[i] = static_cast<std::int64_t>(from[i]) * format.code_multiplier - format.code_offset;
    }
  });
}

}  // namespace dyadic
