#include "dyadic/kernels/blocks.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>

#include "dyadic/formats/block.h"
#include "dyadic/kernels/decode.h"

namespace dyadic {
namespace {

/// A multiple of every block size, so that a piece is whole blocks.
constexpr std::int64_t kBlocksPiece = 2048;

double largest_magnitude(const double* values, std::int64_t n) {
  double largest = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const double magnitude = std::fabs(values[i]);
    if (magnitude > largest) largest = magnitude;  // never with NaN
  }
  return largest;
}

/// values / 2^step_exponent, as far as rounding to integers can tell: exact, but that a number too small for a normal
/// float64 becomes the least one, which lies as far below every threshold and is no more zero than it.
void to_steps(const double* values, std::int64_t n, int step_exponent, double* steps) {
  constexpr double kLeast = std::numeric_limits<double>::min();
  const double factor = std::ldexp(1.0, -step_exponent);
  for (std::int64_t i = 0; i < n; ++i) {
    const double scaled = values[i] * factor;
    const bool vanishes = std::fabs(scaled) < kLeast && values[i] != 0;
    steps[i] = vanishes ? std::copysign(kLeast, values[i]) : scaled;
  }
}

/// Calls block(first element, length, number of the block) for the blocks of n elements.
template <typename Body>
void for_blocks(const Format& format, std::int64_t n, const Body& body) {
  for (std::int64_t first = 0, block = 0; first < n; first += format.block_size, ++block) {
    body(first, std::min<std::int64_t>(format.block_size, n - first), block);
  }
}

}  // namespace

RoundingCounts quantize_blocks(const double* values, std::int64_t n, const Format& format, void* codes,
                               std::int8_t* exponents, const RoundingRandom& random) {
  // All blocks of a piece are rounded at once, in steps of their own, to the one grid whose step is 1.
  const Format whole = block_grid(format, format.width - 2);
  const std::int64_t bytes = code_bytes(code_type(format));
  RoundingCounts counts;
  alignas(64) std::array<double, kBlocksPiece> steps;
  for (std::int64_t first = 0; first < n; first += kBlocksPiece) {
    const std::int64_t length = std::min(kBlocksPiece, n - first);
    std::int8_t* piece_exponents = exponents + first / format.block_size;
    for_blocks(format, length, [&](std::int64_t begin, std::int64_t size, std::int64_t block) {
      const double* in = values + first + begin;
      const int exponent = block_exponent(format, largest_magnitude(in, size));
      piece_exponents[block] = static_cast<std::int8_t>(exponent);
      to_steps(in, size, block_step_exponent(format, exponent), steps.data() + begin);
    });
    counts += quantize(steps.data(), length, whole, static_cast<std::byte*>(codes) + first * bytes, random.from(first));
  }
  return counts;
}

void decode_blocks(const void* codes, const std::int8_t* exponents, const Format& format, std::int64_t n,
                   double* values) {
  decode_values(codes, block_grid(format, format.width - 2), 0, n, values);
  for_blocks(format, n, [&](std::int64_t begin, std::int64_t size, std::int64_t block) {
    const double step = std::ldexp(1.0, block_step_exponent(format, exponents[block]));
    for (std::int64_t i = begin; i < begin + size; ++i) values[i] *= step;
  });
}

}  // namespace dyadic
