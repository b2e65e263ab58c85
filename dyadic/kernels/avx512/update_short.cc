#include <algorithm>
#include <cmath>
#include <cstdint>

#include "dyadic/kernels/target.h"
#include "dyadic/kernels/update_jobs.h"
#include "dyadic/kernels/update_rows.h"

// The update step where every operand is a grid of at most 16-bit codes rounded rna or rne: dynamic and plain fixed
// point. What the definition computes in float64 and what integers give is the same wherever integers are used:
//
//   u'   float64 products of M and LR with codes, in units of the new step (a power of two moves no rounding)
//   W1   the sum of two integers times powers of two, shifted right with rounding: exact in int32 by the bounds below
//   W'   W1 * f in float64; skipped for a row where f is so close to 1 that every code rounds to itself
//
// Sixteen columns at a time; counters are kept in 16-bit lanes and added up per row.

namespace dyadic::avx512 {
DYADIC_BEGIN_AVX512

namespace {

DYADIC_INLINE __m512i load(const std::int16_t* codes, __mmask16 lanes, bool whole) {
  return _mm512_cvtepi16_epi32(whole ? _mm256_loadu_si256(reinterpret_cast<const __m256i*>(codes))
                                     : _mm256_maskz_loadu_epi16(lanes, codes));
}

DYADIC_INLINE void store(std::int16_t* codes, __mmask16 lanes, bool whole, __m256i values) {
  if (whole) _mm256_storeu_si256(reinterpret_cast<__m256i*>(codes), values);
  else _mm256_mask_storeu_epi16(codes, lanes, values);
}

/// Nearest integer; ties away from zero by trunc(x + copysign(pred(1/2), x)), exact for |x| < 2^52.
template <bool kAway>
DYADIC_INLINE __m256i to_integer(__m512d x) {
  if (!kAway) return _mm512_cvtpd_epi32(x);
  const __m512d sign = _mm512_and_pd(x, _mm512_set1_pd(-0.0));
  return _mm512_cvttpd_epi32(_mm512_add_pd(x, _mm512_or_pd(sign, _mm512_set1_pd(0x1.fffffffffffffp-2))));
}

DYADIC_INLINE __m512d low_half(__m512i x) { return _mm512_cvtepi32_pd(_mm512_castsi512_si256(x)); }
DYADIC_INLINE __m512d high_half(__m512i x) { return _mm512_cvtepi32_pd(_mm512_extracti64x4_epi64(x, 1)); }
DYADIC_INLINE __m512i join(__m256i low, __m256i high) {
  return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

/// sum / 2^shift to the nearest integer.
template <bool kAway>
DYADIC_INLINE __m512i shift_right(__m512i sum, int shift) {
  if (shift == 0) return sum;
  const __m128i count = _mm_cvtsi32_si128(shift);
  const __m512i magnitude = _mm512_abs_epi32(sum);
  __m512i addend = _mm512_set1_epi32((1 << (shift - 1)) - (kAway ? 0 : 1));
  if (!kAway)
    addend = _mm512_add_epi32(addend, _mm512_and_si512(_mm512_srl_epi32(magnitude, count), _mm512_set1_epi32(1)));
  const __m512i rounded = _mm512_srl_epi32(_mm512_add_epi32(magnitude, addend), count);
  return _mm512_mask_sub_epi32(rounded, _mm512_movepi32_mask(sum), _mm512_setzero_si512(), rounded);
}

struct Limits {
  __m512i low, high;
  explicit Limits(const Format& format)
      : low(_mm512_set1_epi32(static_cast<int>(format.min_code))),
        high(_mm512_set1_epi32(static_cast<int>(format.max_code))) {}
  DYADIC_INLINE __m512i clamp(__m512i x) const { return _mm512_max_epi32(low, _mm512_min_epi32(high, x)); }
  DYADIC_INLINE int beyond(__m512i x) const {
    return __builtin_popcount(
        static_cast<unsigned>(_mm512_cmpgt_epi32_mask(x, high) | _mm512_cmplt_epi32_mask(x, low)));
  }
};

DYADIC_INLINE std::int64_t add_lanes(__m256i counts) { return _mm512_reduce_add_epi32(_mm512_cvtepi16_epi32(counts)); }

#include "dyadic/kernels/generic/lane_counts-inl.h"

template <bool kAway>
void update_short_row(const SgdUpdate& job, const UpdateShifts& shifts, std::int64_t row, SgdUpdateCounts& counts) {
  const std::int64_t n = job.columns;
  const std::int64_t padding = (16 - n % 16) % 16;
  std::int16_t* master = static_cast<std::int16_t*>(job.master) + row * n;
  std::int16_t* update = static_cast<std::int16_t*>(job.update) + row * n;
  const std::int16_t* gradient = static_cast<const std::int16_t*>(job.gradient) + row * n;
  const __m512d momentum = _mm512_set1_pd(job.momentum * step_ratio(job.update_from, job.update_to));
  const __m512d rate = _mm512_set1_pd(job.learning_rate * step_ratio(job.gradient_format, job.update_to));
  const __m128i master_shift = _mm_cvtsi32_si128(shifts.master);
  const __m128i update_shift = _mm_cvtsi32_si128(shifts.update);
  const Limits update_limits(job.update_to);
  const Limits master_limits(job.master_to);
  LaneCounts before(job.master_from);
  LaneCounts updates(job.update_to);
  __m256i squares = _mm256_setzero_si256();
  std::int64_t overflows = 0;
  for (std::int64_t j = 0; j < n; j += 16) {
    const bool whole = n - j >= 16;
    const auto lanes = static_cast<__mmask16>(whole ? 0xFFFF : (1 << (n - j)) - 1);
    const __m512i u = load(update + j, lanes, whole);
    const __m512i g = load(gradient + j, lanes, whole);
    const __m512i w = load(master + j, lanes, whole);
    before.add(_mm512_cvtepi32_epi16(w));
    const __m512d low = _mm512_sub_pd(_mm512_mul_pd(momentum, low_half(u)), _mm512_mul_pd(rate, low_half(g)));
    const __m512d high = _mm512_sub_pd(_mm512_mul_pd(momentum, high_half(u)), _mm512_mul_pd(rate, high_half(g)));
    const __m512i step = join(to_integer<kAway>(low), to_integer<kAway>(high));
    overflows += update_limits.beyond(step);
    const __m512i new_update = update_limits.clamp(step);
    const __m256i update_codes = _mm512_cvtepi32_epi16(new_update);
    updates.add(update_codes);
    store(update + j, lanes, whole, update_codes);
    const __m512i sum = _mm512_add_epi32(_mm512_sll_epi32(w, master_shift), _mm512_sll_epi32(new_update, update_shift));
    const __m256i master_codes = _mm512_cvtepi32_epi16(master_limits.clamp(shift_right<kAway>(sum, shifts.right)));
    store(master + j, lanes, whole, master_codes);
    squares = _mm256_add_epi32(squares, _mm256_madd_epi16(master_codes, master_codes));
  }
  before.finish(n, padding, counts.master_before);
  updates.finish(n, padding, counts.update);
  counts.update.overflowed += overflows;
  if (job.max_norm <= 0) return;
  const std::int64_t sum = _mm512_reduce_add_epi64(_mm512_cvtepi32_epi64(squares));
  const double f = norm_factor(grid_norm(static_cast<std::uint64_t>(sum), job.master_to.step_exponent), job.max_norm);
  // |code| (1 - f) < 1/2 with room for the product's own rounding: every code rounds to itself.
  if ((1 - f) * static_cast<double>(job.master_to.max_magnitude()) < 0.49) return;
  const __m512d factor = _mm512_set1_pd(f);
  for (std::int64_t j = 0; j < n; j += 16) {
    const bool whole = n - j >= 16;
    const auto lanes = static_cast<__mmask16>(whole ? 0xFFFF : (1 << (n - j)) - 1);
    const __m512i w = load(master + j, lanes, whole);
    const __m512i scaled = join(to_integer<kAway>(_mm512_mul_pd(low_half(w), factor)),
                                to_integer<kAway>(_mm512_mul_pd(high_half(w), factor)));
    store(master + j, lanes, whole, _mm512_cvtepi32_epi16(scaled));  // f <= 1: within the limits
  }
}

}  // namespace

DYADIC_END_TARGET

void update_short_rows(const SgdUpdate& job, std::int64_t begin, std::int64_t end, SgdUpdateCounts& counts) {
  UpdateShifts shifts;
  find_shifts(job, shifts);
  const bool away = job.master_to.rounding == Rounding::rna;
  for (std::int64_t row = begin; row < end; ++row) {
    if (away) update_short_row<true>(job, shifts, row, counts);
    else update_short_row<false>(job, shifts, row, counts);
  }
}

}  // namespace dyadic::avx512
