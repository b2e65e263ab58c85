#include "dyadic/kernels/update_rows.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "dyadic/base/aligned.h"
#include "dyadic/base/math.h"
#include "dyadic/kernels/target.h"
#include "dyadic/kernels/update_jobs.h"
#include "dyadic/tensor/tensor.h"

// The fused update step. Grids: all values of one operand are integers times one power of two, so each product and sum
// is computed in units of the target's step; scaling by powers of two does not change where float64 rounds. A row goes
// through once for u' and W1 and once for W' = Q(W1 f), both passes out of the first-level cache.

namespace dyadic::avx512 {
DYADIC_BEGIN_AVX512

namespace {

// Masks are for the end of a row only: masked stores are slow on some machines.
constexpr __mmask8 kAllLanes = 0xFF;

DYADIC_INLINE __m512d load_codes(const std::int16_t* codes, __mmask8 lanes) {
  const __m128i values = lanes == kAllLanes ? _mm_loadu_si128(reinterpret_cast<const __m128i*>(codes))
                                            : _mm_maskz_loadu_epi16(lanes, codes);
  return _mm512_cvtepi32_pd(_mm256_cvtepi16_epi32(values));
}
DYADIC_INLINE __m512d load_codes(const std::int32_t* codes, __mmask8 lanes) {
  return _mm512_cvtepi32_pd(lanes == kAllLanes ? _mm256_loadu_si256(reinterpret_cast<const __m256i*>(codes))
                                               : _mm256_maskz_loadu_epi32(lanes, codes));
}
DYADIC_INLINE void store_codes(std::int16_t* codes, __mmask8 lanes, __m256i values) {
  if (lanes == kAllLanes) _mm_storeu_si128(reinterpret_cast<__m128i*>(codes), _mm256_cvtepi32_epi16(values));
  else _mm_mask_storeu_epi16(codes, lanes, _mm256_cvtepi32_epi16(values));
}
DYADIC_INLINE void store_codes(std::int32_t* codes, __mmask8 lanes, __m256i values) {
  if (lanes == kAllLanes) _mm256_storeu_si256(reinterpret_cast<__m256i*>(codes), values);
  else _mm256_mask_storeu_epi32(codes, lanes, values);
}
DYADIC_INLINE __m512d load_floats(const float* values, __mmask8 lanes) {
  return _mm512_cvtps_pd(lanes == kAllLanes ? _mm256_loadu_ps(values) : _mm256_maskz_loadu_ps(lanes, values));
}
DYADIC_INLINE void store_floats(float* to, __mmask8 lanes, __m256 values) {
  if (lanes == kAllLanes) _mm256_storeu_ps(to, values);
  else _mm256_mask_storeu_ps(to, lanes, values);
}

/// Rounds to an integer and clamps. rna: trunc(x + copysign(pred(1/2), x)) is exact for |x| < 2^52.
template <bool kAway>
DYADIC_INLINE __m256i round_grid(__m512d x, const GridTarget& target) {
  const __m512d clamped = _mm512_max_pd(_mm512_set1_pd(target.low), _mm512_min_pd(_mm512_set1_pd(target.high), x));
  if (!kAway) return _mm512_cvtpd_epi32(clamped);
  const __m512d sign = _mm512_and_pd(clamped, _mm512_set1_pd(-0.0));
  return _mm512_cvttpd_epi32(_mm512_add_pd(clamped, _mm512_or_pd(sign, _mm512_set1_pd(0x1.fffffffffffffp-2))));
}

DYADIC_INLINE int overflow_count(__m512d x, __mmask8 lanes, const GridTarget& target) {
  return __builtin_popcount(_mm512_mask_cmp_pd_mask(lanes, x, _mm512_set1_pd(target.overflow_high), _CMP_GE_OQ) |
                            _mm512_mask_cmp_pd_mask(lanes, x, _mm512_set1_pd(target.overflow_low), _CMP_LE_OQ));
}

DYADIC_INLINE __mmask8 lanes_left(std::int64_t left) {
  return static_cast<__mmask8>(left >= 8 ? 0xFFU : (1U << left) - 1);
}

template <typename Master, typename Update, typename Gradient, bool kAway>
void update_grid_rows(const SgdUpdate& job, std::int64_t begin, std::int64_t end, SgdUpdateCounts& counts) {
  const std::int64_t n = job.columns;
  const int master_step = job.master_to.step_exponent;
  const __m512d momentum = _mm512_set1_pd(job.momentum * step_ratio(job.update_from, job.update_to));
  const __m512d rate = _mm512_set1_pd(job.learning_rate * step_ratio(job.gradient_format, job.update_to));
  const __m512d old_master_unit = _mm512_set1_pd(step_ratio(job.master_from, job.master_to));
  const __m512d update_unit = _mm512_set1_pd(step_ratio(job.update_to, job.master_to));
  const GridTarget update_target = grid_target(job.update_to);
  const GridTarget master_target = grid_target(job.master_to);
  for (std::int64_t row = begin; row < end; ++row) {
    Master* master = static_cast<Master*>(job.master) + row * n;
    Update* update = static_cast<Update*>(job.update) + row * n;
    const Gradient* gradient = static_cast<const Gradient*>(job.gradient) + row * n;
    counts.master_before += count_codes(master, n, job.master_from);
    __m512d squares = _mm512_setzero_pd();
    std::int64_t update_overflows = 0;
    for (std::int64_t j = 0; j < n; j += 8) {
      const __mmask8 lanes = lanes_left(n - j);
      const __m512d step = _mm512_sub_pd(_mm512_mul_pd(momentum, load_codes(update + j, lanes)),
                                         _mm512_mul_pd(rate, load_codes(gradient + j, lanes)));
      const __m256i new_update = round_grid<kAway>(step, update_target);
      update_overflows += overflow_count(step, lanes, update_target);
      store_codes(update + j, lanes, new_update);
      const __m512d sum = _mm512_add_pd(_mm512_mul_pd(load_codes(master + j, lanes), old_master_unit),
                                        _mm512_mul_pd(_mm512_cvtepi32_pd(new_update), update_unit));
      const __m256i new_master = round_grid<kAway>(sum, master_target);
      store_codes(master + j, lanes, new_master);
      const __m512d steps = _mm512_cvtepi32_pd(new_master);
      squares = _mm512_fmadd_pd(steps, steps, squares);  // integers below 2^53: exact in any order
    }
    if (job.max_norm > 0) {
      const double norm = grid_norm(static_cast<std::uint64_t>(_mm512_reduce_add_pd(squares)), master_step);
      const __m512d factor = _mm512_set1_pd(norm_factor(norm, job.max_norm));
      for (std::int64_t j = 0; j < n; j += 8) {
        const __mmask8 lanes = lanes_left(n - j);
        store_codes(master + j, lanes,
                    round_grid<kAway>(_mm512_mul_pd(load_codes(master + j, lanes), factor), master_target));
      }
    }
    counts.update += count_codes(update, n, job.update_to);
    counts.update.overflowed += update_overflows;
  }
}

/// Rounds float64 to float32, clamped to +-limit (infinity: no clamp); NaN stays NaN.
DYADIC_INLINE __m256 round_float(__m512d x, __m256 limit, __mmask8 lanes, __m256 largest, std::int64_t& overflows) {
  const __m256 value = _mm512_cvtpd_ps(x);
  const __m256 magnitude = _mm256_andnot_ps(_mm256_set1_ps(-0.0F), value);
  overflows += __builtin_popcount(_mm256_mask_cmp_ps_mask(lanes, magnitude, largest, _CMP_GT_OQ));
  const __m256 minus_limit = _mm256_sub_ps(_mm256_setzero_ps(), limit);
  return _mm256_max_ps(minus_limit, _mm256_min_ps(limit, value));  // the second operand wins if it is NaN
}

/// The fixed tree of docs/numerics.md, in place: each round adds neighbours.
double tree_sum_in_place(double* values, std::int64_t n) {
  const __m512i even = _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14);
  const __m512i odd = _mm512_setr_epi64(1, 3, 5, 7, 9, 11, 13, 15);
  while (n > 16) {
    const std::int64_t pairs = n / 2;
    std::int64_t i = 0;
    for (; i + 8 <= pairs; i += 8) {
      const __m512d low = _mm512_loadu_pd(values + 2 * i);
      const __m512d high = _mm512_loadu_pd(values + 2 * i + 8);
      _mm512_storeu_pd(values + i,
                       _mm512_add_pd(_mm512_permutex2var_pd(low, even, high), _mm512_permutex2var_pd(low, odd, high)));
    }
    for (; i < pairs; ++i) values[i] = values[2 * i] + values[2 * i + 1];
    if (n % 2 != 0) values[pairs] = values[n - 1];
    n = pairs + n % 2;
  }
  return tree_sum({values, static_cast<std::size_t>(n)});
}

void update_float_rows(const SgdUpdate& job, std::int64_t begin, std::int64_t end, SgdUpdateCounts& counts) {
  const std::int64_t n = job.columns;
  const __m256 update_limit = _mm256_set1_ps(clamp_limit(job.update_to));
  const __m256 master_limit = _mm256_set1_ps(clamp_limit(job.master_to));
  const __m256 update_largest = _mm256_set1_ps(largest_value(job.update_to));
  const __m256 master_largest = _mm256_set1_ps(largest_value(job.master_to));
  const __m512d momentum = _mm512_set1_pd(job.momentum);
  const __m512d rate = _mm512_set1_pd(job.learning_rate);
  AlignedVector<double> squares(static_cast<std::size_t>(n) + 8);
  for (std::int64_t row = begin; row < end; ++row) {
    float* master = static_cast<float*>(job.master) + row * n;
    float* update = static_cast<float*>(job.update) + row * n;
    const float* gradient = static_cast<const float*>(job.gradient) + row * n;
    counts.master_before += count_codes(master, n, job.master_from);
    std::int64_t update_overflows = 0;
    std::int64_t ignored = 0;
    for (std::int64_t j = 0; j < n; j += 8) {
      const __mmask8 lanes = lanes_left(n - j);
      const __m512d step = _mm512_sub_pd(_mm512_mul_pd(momentum, load_floats(update + j, lanes)),
                                         _mm512_mul_pd(rate, load_floats(gradient + j, lanes)));
      const __m256 new_update = round_float(step, update_limit, lanes, update_largest, update_overflows);
      store_floats(update + j, lanes, new_update);
      const __m512d sum = _mm512_add_pd(load_floats(master + j, lanes), _mm512_cvtps_pd(new_update));
      const __m256 new_master = round_float(sum, master_limit, lanes, master_largest, ignored);
      store_floats(master + j, lanes, new_master);
      const __m512d wide = _mm512_cvtps_pd(new_master);
      _mm512_storeu_pd(squares.data() + j, _mm512_mul_pd(wide, wide));
    }
    bool known_finite = false;
    if (job.max_norm > 0) {
      const double sum = tree_sum_in_place(squares.data(), n);
      known_finite = std::isfinite(sum);  // a square of a float32 that is finite is finite in float64
      const __m512d factor = _mm512_set1_pd(norm_factor(std::sqrt(sum), job.max_norm));
      for (std::int64_t j = 0; j < n; j += 8) {
        const __mmask8 lanes = lanes_left(n - j);
        const __m512d scaled = _mm512_mul_pd(load_floats(master + j, lanes), factor);
        store_floats(master + j, lanes, round_float(scaled, master_limit, lanes, master_largest, ignored));
      }
    }
    counts.update += count_codes(update, n, job.update_to);
    counts.update.overflowed += update_overflows;
    if (!known_finite) counts.master_nonfinite += count_codes(master, n, job.master_to).nonfinite;
  }
}

template <typename Master, typename Update, typename Gradient>
void update_grid_rows_rounded(const SgdUpdate& job, std::int64_t begin, std::int64_t end, SgdUpdateCounts& counts) {
  if (job.master_to.rounding == Rounding::rna)
    update_grid_rows<Master, Update, Gradient, true>(job, begin, end, counts);
  else update_grid_rows<Master, Update, Gradient, false>(job, begin, end, counts);
}

template <typename Master, typename Update>
void update_grid_rows_gradient(const SgdUpdate& job, std::int64_t begin, std::int64_t end, SgdUpdateCounts& counts) {
  if (code_type(job.gradient_format) == CodeType::i16)
    update_grid_rows_rounded<Master, Update, std::int16_t>(job, begin, end, counts);
  else update_grid_rows_rounded<Master, Update, std::int32_t>(job, begin, end, counts);
}

template <typename Master>
void update_grid_rows_update(const SgdUpdate& job, std::int64_t begin, std::int64_t end, SgdUpdateCounts& counts) {
  if (code_type(job.update_to) == CodeType::i16)
    update_grid_rows_gradient<Master, std::int16_t>(job, begin, end, counts);
  else update_grid_rows_gradient<Master, std::int32_t>(job, begin, end, counts);
}

}  // namespace

DYADIC_END_TARGET

void update_rows(const SgdUpdate& job, std::int64_t begin, std::int64_t end, SgdUpdateCounts& counts) {
  if (code_type(job.master_to) == CodeType::f32) return update_float_rows(job, begin, end, counts);
  if (code_type(job.master_to) == CodeType::i16) return update_grid_rows_update<std::int16_t>(job, begin, end, counts);
  return update_grid_rows_update<std::int32_t>(job, begin, end, counts);
}

}  // namespace dyadic::avx512
