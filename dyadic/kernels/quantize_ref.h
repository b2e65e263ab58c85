// The `ref` tier of rounding: loops over the reference codec, for every format. The other tiers are tested against it
// and hand it what they do not cover.
#pragma once

#include "dyadic/kernels/quantize.h"

namespace dyadic::ref {

/// Adds what one stored code says to everything but `overflowed`.
void count_code(const Format& format, std::int64_t code, RoundingCounts& counts);

RoundingCounts quantize(const float* values, std::int64_t n, const Format& format, void* codes,
                        const RoundingRandom& random);
RoundingCounts quantize(const double* values, std::int64_t n, const Format& format, void* codes,
                        const RoundingRandom& random);
void dequantize(const void* codes, std::int64_t n, const Format& format, float* values);
RoundingCounts round_values(const float* values, std::int64_t n, const Format& format, float* out,
                            const RoundingRandom& random);
RoundingCounts requantize(const void* from_codes, const Format& from, std::int64_t n, const Format& to, void* to_codes,
                          const RoundingRandom& random);
RoundingCounts count_codes(const void* codes, std::int64_t n, const Format& format);
RoundingCounts round_sums(const std::int32_t* sums, std::int64_t n, int exponent, const BiasRow* bias,
                          const Format& format, void* codes, const RoundingRandom& random);
RoundingCounts round_sums(const std::int64_t* sums, std::int64_t n, int exponent, const BiasRow* bias,
                          const Format& format, void* codes, const RoundingRandom& random);

}  // namespace dyadic::ref
