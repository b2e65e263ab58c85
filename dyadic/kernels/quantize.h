// Rounding kernels: values or sums in, codes out, with the counts that range controllers and reports need taken in the
// same pass. This is one of the two places where numbers change (the other is an epilogue, which calls round_sums).
// All functions: same bits on every tier and for any number of threads; source docs/numerics.md.
#pragma once

#include <cstdint>

#include "dyadic/base/philox.h"
#include "dyadic/formats/format.h"

namespace dyadic {

/// What one rounding pass saw. Integers, so that adding the parts of threads has one answer.
struct RoundingCounts {
  std::int64_t elements = 0;
  /// Codes at the limit. Grid: code == max_code or code == min_code. Floating with a range R: |x| >= 2^R. Floating
  /// without: largest finite code or infinity.
  std::int64_t largest = 0;
  /// Codes that would be at the limit one range lower. Grid with an even span around 0 (fixed, dfx): |code| >= 2^(W-2);
  /// floating with a range R: |x| >= 2^(R-1); 0 for every other format.
  std::int64_t half_range = 0;
  /// Rounded values beyond the limits, before the overflow policy acted.
  std::int64_t overflowed = 0;
  /// Codes whose value is zero.
  std::int64_t zeros = 0;
  /// Results that are NaN or infinite, and NaNs that met a format without NaN (stored as zero; the caller must throw a
  /// NonFiniteError that names the tensor).
  std::int64_t nonfinite = 0;

  RoundingCounts& operator+=(const RoundingCounts& other);
  bool operator==(const RoundingCounts&) const = default;
};

/// Random bits for stochastic rounding: element i of a call uses the bits of element first_index + i of `stream`.
struct RoundingRandom {
  RandomStream stream;
  std::uint64_t first_index = 0;

  /// Of the elements from number `i` on.
  [[nodiscard]] RoundingRandom from(std::int64_t i) const {
    return {stream, first_index + static_cast<std::uint64_t>(i)};
  }
};

/// codes[i] = Q(values[i]), codes of type code_type(format). `codes` may not overlap `values`.
/// Throws NonFiniteError under Overflow::error.
RoundingCounts quantize(const float* values, std::int64_t n, const Format& format, void* codes,
                        const RoundingRandom& random);
RoundingCounts quantize(const double* values, std::int64_t n, const Format& format, void* codes,
                        const RoundingRandom& random);

/// values[i] = value of codes[i]; a code of more than 24 bits rounds rne to float32.
void dequantize(const void* codes, std::int64_t n, const Format& format, float* values);

/// out[i] = decode(Q(values[i])) in one pass over memory; `out` may be `values`.
RoundingCounts round_values(const float* values, std::int64_t n, const Format& format, float* out,
                            const RoundingRandom& random);

/// codes[i] = Q_to(value of from_codes[i]): master weights to the copy that products see, a tensor to a new range.
/// `to_codes` may be `from_codes` when both code types are the same.
RoundingCounts requantize(const void* from_codes, const Format& from, std::int64_t n, const Format& to, void* to_codes,
                          const RoundingRandom& random);

/// Counts stored codes without changing them (master weights before a step; tensors after a dropout mask).
RoundingCounts count_codes(const void* codes, std::int64_t n, const Format& format);

/// A bias row made ready for sums whose unit is 2^exponent: see PreparedBias in epilogue.h.
struct BiasRow {
  const std::int64_t* steps = nullptr;  // bias = steps[i] * 2^exponent
  int exponent = 0;
  /// steps[i] * 2^(exponent - sum exponent), when those are integers that cannot carry a sum past int32; else null.
  const std::int32_t* aligned = nullptr;
};

/// codes[i] = Q(sums[i] * 2^exponent + bias[i]), the sum exact, one rounding. `bias` may be null.
RoundingCounts round_sums(const std::int32_t* sums, std::int64_t n, int exponent, const BiasRow* bias,
                          const Format& format, void* codes, const RoundingRandom& random);
RoundingCounts round_sums(const std::int64_t* sums, std::int64_t n, int exponent, const BiasRow* bias,
                          const Format& format, void* codes, const RoundingRandom& random);
/// Float accumulators: bias is one float32 addition (docs/numerics.md), then one rounding.
RoundingCounts round_sums(const float* sums, std::int64_t n, const float* bias, const Format& format, void* codes,
                          const RoundingRandom& random);

}  // namespace dyadic
