#include "dyadic/kernels/update_rows.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#include "dyadic/base/aligned.h"
#include "dyadic/base/math.h"
#include "dyadic/kernels/target.h"
#include "dyadic/kernels/update_jobs.h"
#include "dyadic/tensor/tensor.h"

// The fused update step, eight columns at a time in two registers of float64. Grids: all values of one operand are
// integers times one power of two, so each product and sum is computed in units of the target's step; scaling by powers
// of two does not change where float64 rounds. A row goes through once for u' and W1 and once for W' = Q(W1 f), both
// passes out of the first-level cache. What is left at the end of a row goes through buffers padded with zeros.

DYADIC_BEGIN_AVX2

namespace dyadic::avx2 {
namespace {

constexpr std::int64_t kColumns = 8;

struct Doubles {
  __m256d low, high;
};

DYADIC_INLINE Doubles widen(__m256i v) {
  return {_mm256_cvtepi32_pd(_mm256_castsi256_si128(v)), _mm256_cvtepi32_pd(_mm256_extracti128_si256(v, 1))};
}
DYADIC_INLINE Doubles widen(__m256 v) {
  return {_mm256_cvtps_pd(_mm256_castps256_ps128(v)), _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1))};
}
DYADIC_INLINE Doubles multiply(__m256d a, Doubles b) { return {_mm256_mul_pd(a, b.low), _mm256_mul_pd(a, b.high)}; }
DYADIC_INLINE Doubles add(Doubles a, Doubles b) { return {_mm256_add_pd(a.low, b.low), _mm256_add_pd(a.high, b.high)}; }
DYADIC_INLINE Doubles subtract(Doubles a, Doubles b) {
  return {_mm256_sub_pd(a.low, b.low), _mm256_sub_pd(a.high, b.high)};
}

DYADIC_INLINE std::int64_t add_lanes(__m256i counts) {
  alignas(32) std::int32_t lanes[kColumns];
  _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), counts);
  std::int64_t sum = 0;
  for (const std::int32_t lane : lanes) sum += lane;
  return sum;
}

/// One more in each lane where `mask` holds.
DYADIC_INLINE void count(__m256i& lanes, __m256i mask) { lanes = _mm256_sub_epi32(lanes, mask); }
DYADIC_INLINE void count(__m256i& lanes, __m256 mask) { count(lanes, _mm256_castps_si256(mask)); }

/// The rest of a row: fewer than eight columns, padded with zeros.
template <typename Code>
struct Rest {
  Code codes[kColumns] = {};
  Code* row;
  std::size_t bytes;
  Rest(Code* first, std::int64_t n) : row(first), bytes(static_cast<std::size_t>(n) * sizeof(Code)) {
    std::memcpy(codes, row, bytes);
  }
  void write_back() const { std::memcpy(row, codes, bytes); }
};

// ---- grids

DYADIC_INLINE __m256i load_codes(const std::int16_t* codes) {
  return _mm256_cvtepi16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(codes)));
}
DYADIC_INLINE __m256i load_codes(const std::int32_t* codes) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(codes));
}
DYADIC_INLINE void store_codes(std::int16_t* codes, __m256i values) {
  const __m256i packed = _mm256_permute4x64_epi64(_mm256_packs_epi32(values, values), 0x08);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(codes), _mm256_castsi256_si128(packed));
}
DYADIC_INLINE void store_codes(std::int32_t* codes, __m256i values) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(codes), values);
}

/// Rounds to an integer and clamps. rna: trunc(x + copysign(pred(1/2), x)) is exact for |x| < 2^52.
template <bool kAway>
DYADIC_INLINE __m128i round_grid(__m256d x, const GridTarget& target) {
  const __m256d clamped = _mm256_max_pd(_mm256_set1_pd(target.low), _mm256_min_pd(_mm256_set1_pd(target.high), x));
  if (!kAway) return _mm256_cvtpd_epi32(clamped);
  const __m256d sign = _mm256_and_pd(clamped, _mm256_set1_pd(-0.0));
  return _mm256_cvttpd_epi32(_mm256_add_pd(clamped, _mm256_or_pd(sign, _mm256_set1_pd(0x1.fffffffffffffp-2))));
}
template <bool kAway>
DYADIC_INLINE __m256i round_grid(Doubles x, const GridTarget& target) {
  return _mm256_set_m128i(round_grid<kAway>(x.high, target), round_grid<kAway>(x.low, target));
}

/// All ones where the rounded value lies outside the limits.
DYADIC_INLINE __m256i outside(__m256d x, const GridTarget& target) {
  return _mm256_castpd_si256(_mm256_or_pd(_mm256_cmp_pd(x, _mm256_set1_pd(target.overflow_high), _CMP_GE_OQ),
                                          _mm256_cmp_pd(x, _mm256_set1_pd(target.overflow_low), _CMP_LE_OQ)));
}

/// Counts of one tensor's codes in 32-bit lanes.
struct GridCounts {
  __m256i high, low, half, minus_half, largest, half_range, zeros;
  explicit GridCounts(const Format& format)
      : high(_mm256_set1_epi32(static_cast<int>(format.max_code))),
        low(_mm256_set1_epi32(static_cast<int>(format.min_code))),
        half(_mm256_set1_epi32((1 << (format.width - 2)) - 1)),
        minus_half(_mm256_set1_epi32(1 - (1 << (format.width - 2)))),
        largest(_mm256_setzero_si256()),
        half_range(largest),
        zeros(largest) {}
  DYADIC_INLINE void add(__m256i codes) {
    count(largest, _mm256_or_si256(_mm256_cmpeq_epi32(codes, high), _mm256_cmpeq_epi32(codes, low)));
    count(half_range, _mm256_or_si256(_mm256_cmpgt_epi32(codes, half), _mm256_cmpgt_epi32(minus_half, codes)));
    count(zeros, _mm256_cmpeq_epi32(codes, _mm256_setzero_si256()));
  }
  DYADIC_INLINE void finish(std::int64_t elements, std::int64_t padding, RoundingCounts& counts) const {
    counts.elements += elements;
    counts.largest += add_lanes(largest);
    counts.half_range += add_lanes(half_range);
    counts.zeros += add_lanes(zeros) - padding;
  }
};

template <typename Master, typename Update, typename Gradient, bool kAway>
class GridRow {
 public:
  explicit GridRow(const SgdUpdate& job)
      : momentum_(_mm256_set1_pd(job.momentum * step_ratio(job.update_from, job.update_to))),
        rate_(_mm256_set1_pd(job.learning_rate * step_ratio(job.gradient_format, job.update_to))),
        old_master_unit_(_mm256_set1_pd(step_ratio(job.master_from, job.master_to))),
        update_unit_(_mm256_set1_pd(step_ratio(job.update_to, job.master_to))),
        update_target_(grid_target(job.update_to)),
        master_target_(grid_target(job.master_to)),
        before_(job.master_from),
        updates_(job.update_to),
        overflows_(_mm256_setzero_si256()),
        squares_(_mm256_setzero_pd()) {}

  DYADIC_INLINE void update(Master* master, Update* update, const Gradient* gradient) {
    const __m256i old_master = load_codes(master);
    before_.add(old_master);
    const Doubles step =
        subtract(multiply(momentum_, widen(load_codes(update))), multiply(rate_, widen(load_codes(gradient))));
    overflows_ = _mm256_sub_epi64(overflows_, outside(step.low, update_target_));
    overflows_ = _mm256_sub_epi64(overflows_, outside(step.high, update_target_));
    const __m256i new_update = round_grid<kAway>(step, update_target_);
    updates_.add(new_update);
    store_codes(update, new_update);
    const Doubles sum = add(multiply(old_master_unit_, widen(old_master)), multiply(update_unit_, widen(new_update)));
    const __m256i new_master = round_grid<kAway>(sum, master_target_);
    store_codes(master, new_master);
    const Doubles steps = widen(new_master);
    squares_ = _mm256_fmadd_pd(steps.low, steps.low, squares_);  // integers below 2^53: exact in any order
    squares_ = _mm256_fmadd_pd(steps.high, steps.high, squares_);
  }

  DYADIC_INLINE void scale(Master* master, __m256d factor) const {
    store_codes(master, round_grid<kAway>(multiply(factor, widen(load_codes(master))), master_target_));
  }

  void finish(std::int64_t columns, std::int64_t padding, SgdUpdateCounts& counts) const {
    alignas(32) std::int64_t overflows[4];
    _mm256_store_si256(reinterpret_cast<__m256i*>(overflows), overflows_);
    before_.finish(columns, padding, counts.master_before);
    updates_.finish(columns, padding, counts.update);
    counts.update.overflowed += overflows[0] + overflows[1] + overflows[2] + overflows[3];
  }

  [[nodiscard]] std::uint64_t squares() const {
    alignas(32) double sums[4];
    _mm256_store_pd(sums, squares_);
    return static_cast<std::uint64_t>(sums[0] + sums[1] + sums[2] + sums[3]);
  }

 private:
  __m256d momentum_, rate_, old_master_unit_, update_unit_;
  GridTarget update_target_, master_target_;
  GridCounts before_, updates_;
  __m256i overflows_;
  __m256d squares_;
};

template <typename Master, typename Update, typename Gradient, bool kAway>
void update_rows_of(const SgdUpdate& job, std::int64_t begin, std::int64_t end, SgdUpdateCounts& counts) {
  const std::int64_t n = job.columns;
  const std::int64_t whole = n / kColumns * kColumns;
  for (std::int64_t row = begin; row < end; ++row) {
    Master* master = static_cast<Master*>(job.master) + row * n;
    Update* update = static_cast<Update*>(job.update) + row * n;
    const Gradient* gradient = static_cast<const Gradient*>(job.gradient) + row * n;
    GridRow<Master, Update, Gradient, kAway> constants(job);
    for (std::int64_t j = 0; j < whole; j += kColumns) constants.update(master + j, update + j, gradient + j);
    if (whole < n) {
      Rest<Master> last_master(master + whole, n - whole);
      Rest<Update> last_update(update + whole, n - whole);
      Rest<Gradient> last_gradient(const_cast<Gradient*>(gradient) + whole, n - whole);  // only read
      constants.update(last_master.codes, last_update.codes, last_gradient.codes);
      last_master.write_back();
      last_update.write_back();
    }
    constants.finish(n, whole < n ? whole + kColumns - n : 0, counts);
    if (job.max_norm <= 0) continue;
    const double f = norm_factor(grid_norm(constants.squares(), job.master_to.step_exponent), job.max_norm);
    // |code| (1 - f) < 1/2 with room for the product's own rounding: every code rounds to itself.
    if ((1 - f) * static_cast<double>(job.master_to.max_magnitude()) < 0.49) continue;
    const __m256d factor = _mm256_set1_pd(f);
    for (std::int64_t j = 0; j < whole; j += kColumns) constants.scale(master + j, factor);
    if (whole < n) {
      Rest<Master> last_master(master + whole, n - whole);
      constants.scale(last_master.codes, factor);
      last_master.write_back();
    }
  }
}

template <typename Master, typename Update, typename Gradient>
void with_rounding(const SgdUpdate& job, std::int64_t begin, std::int64_t end, SgdUpdateCounts& counts) {
  if (job.master_to.rounding == Rounding::rna) update_rows_of<Master, Update, Gradient, true>(job, begin, end, counts);
  else update_rows_of<Master, Update, Gradient, false>(job, begin, end, counts);
}

template <typename Master, typename Update>
void with_gradient(const SgdUpdate& job, std::int64_t begin, std::int64_t end, SgdUpdateCounts& counts) {
  if (code_type(job.gradient_format) == CodeType::i16)
    with_rounding<Master, Update, std::int16_t>(job, begin, end, counts);
  else with_rounding<Master, Update, std::int32_t>(job, begin, end, counts);
}

template <typename Master>
void with_update(const SgdUpdate& job, std::int64_t begin, std::int64_t end, SgdUpdateCounts& counts) {
  if (code_type(job.update_to) == CodeType::i16) with_gradient<Master, std::int16_t>(job, begin, end, counts);
  else with_gradient<Master, std::int32_t>(job, begin, end, counts);
}

// ---- floats

DYADIC_INLINE __m256 absolute(__m256 v) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0F), v); }

/// The NaN that codecs write in place of any NaN.
DYADIC_INLINE __m256 with_one_nan(__m256 v) {
  return _mm256_blendv_ps(v, _mm256_castsi256_ps(_mm256_set1_epi32(0x7FC00000)), _mm256_cmp_ps(v, v, _CMP_UNORD_Q));
}

struct Singles {
  using Code = float;
  static constexpr float kLargest = std::numeric_limits<float>::max();
  static DYADIC_INLINE __m256 load(const float* p) { return _mm256_loadu_ps(p); }
  static DYADIC_INLINE void store(float* p, __m256 v) { _mm256_storeu_ps(p, v); }
  static DYADIC_INLINE __m256 round(Doubles x) {
    return with_one_nan(_mm256_set_m128(_mm256_cvtpd_ps(x.high), _mm256_cvtpd_ps(x.low)));
  }
};

/// float16 from float64 in one rounding: |x| + c - c with c so large that float64 keeps nothing below float16's spacing
/// at |x|. What comes out is exact in float32, infinity apart.
struct Halves {
  using Code = std::uint16_t;
  static constexpr float kLargest = 65504;
  static DYADIC_INLINE __m256 load(const std::uint16_t* p) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static DYADIC_INLINE void store(std::uint16_t* p, __m256 v) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
  }
  static DYADIC_INLINE __m128 shorten(__m256d x) {
    const __m256d sign = _mm256_and_pd(x, _mm256_set1_pd(-0.0));
    // 2^20 stands for all that is larger; NaN stays, because the second operand wins.
    const __m256d magnitude = _mm256_min_pd(_mm256_set1_pd(0x1p20), _mm256_xor_pd(x, sign));
    const __m256d infinity = _mm256_set1_pd(std::numeric_limits<double>::infinity());
    const __m256d binade = _mm256_max_pd(_mm256_and_pd(magnitude, infinity), _mm256_set1_pd(0x1p-14));
    const __m256d anchor = _mm256_castsi256_pd(
        _mm256_add_epi64(_mm256_castpd_si256(binade), _mm256_set1_epi64x(std::int64_t{52 - 10} << 52)));
    const __m256d rounded = _mm256_sub_pd(_mm256_add_pd(magnitude, anchor), anchor);
    return _mm256_cvtpd_ps(_mm256_or_pd(rounded, sign));
  }
  static DYADIC_INLINE __m256 round(Doubles x) {
    const __m256 value = _mm256_set_m128(shorten(x.high), shorten(x.low));
    return with_one_nan(_mm256_cvtph_ps(_mm256_cvtps_ph(value, _MM_FROUND_TO_NEAREST_INT)));  // 2^16 becomes infinity
  }
};

struct FloatCounts {
  __m256 from_largest, from_half;
  __m256i largest, half_range, zeros, nonfinite;
  FloatCounts(const Format& format, float largest_finite)
      : from_largest(_mm256_set1_ps(format.has_range() ? std::ldexp(1.0F, format.range) : largest_finite)),
        from_half(_mm256_set1_ps(format.has_range() ? std::ldexp(1.0F, format.range - 1)
                                                    : std::numeric_limits<float>::quiet_NaN())),  // none is
        largest(_mm256_setzero_si256()),
        half_range(largest),
        zeros(largest),
        nonfinite(largest) {}
  DYADIC_INLINE void add(__m256 values) {
    const __m256 magnitude = absolute(values);
    count(largest, _mm256_cmp_ps(magnitude, from_largest, _CMP_GE_OQ));
    count(half_range, _mm256_cmp_ps(magnitude, from_half, _CMP_GE_OQ));
    count(zeros, _mm256_cmp_ps(magnitude, _mm256_setzero_ps(), _CMP_EQ_OQ));
    count(nonfinite, _mm256_cmp_ps(magnitude, _mm256_set1_ps(std::numeric_limits<float>::infinity()), _CMP_NLT_UQ));
  }
  void finish(std::int64_t elements, std::int64_t padding, RoundingCounts& counts) const {
    counts.elements += elements;
    counts.largest += add_lanes(largest);
    counts.half_range += add_lanes(half_range);
    counts.zeros += add_lanes(zeros) - padding;
    counts.nonfinite += add_lanes(nonfinite);
  }
};

/// ((0+1) + (2+3)) + ((4+5) + (6+7)): the first three rounds of the fixed tree (docs/numerics.md).
DYADIC_INLINE double tree_of_eight(Doubles v) {
  const __m256d pairs = _mm256_hadd_pd(v.low, v.high);  // 0+1, 4+5, 2+3, 6+7
  const __m128d fours = _mm_add_pd(_mm256_castpd256_pd128(pairs), _mm256_extractf128_pd(pairs, 1));
  return _mm_cvtsd_f64(_mm_add_sd(fours, _mm_unpackhi_pd(fours, fours)));
}

template <class Storage>
class FloatRow {
 public:
  using Code = typename Storage::Code;

  explicit FloatRow(const SgdUpdate& job)
      : momentum_(_mm256_set1_pd(job.momentum)),
        rate_(_mm256_set1_pd(job.learning_rate)),
        update_limit_(_mm256_set1_ps(clamp_limit(job.update_to))),
        master_limit_(_mm256_set1_ps(clamp_limit(job.master_to))),
        beyond_(_mm256_set1_ps(job.update_to.has_range() ? largest_value(job.update_to) : Storage::kLargest)),
        before_(job.master_from, Storage::kLargest),
        updates_(job.update_to, Storage::kLargest),
        overflows_(_mm256_setzero_si256()) {}

  /// Returns the sum of the squares of W1.
  DYADIC_INLINE double update(Code* master, Code* update, const Code* gradient) {
    const __m256 old_master = Storage::load(master);
    before_.add(old_master);
    const __m256 rounded = Storage::round(
        subtract(multiply(momentum_, widen(Storage::load(update))), multiply(rate_, widen(Storage::load(gradient)))));
    count(overflows_, _mm256_cmp_ps(absolute(rounded), beyond_, _CMP_GT_OQ));
    const __m256 new_update = clamp(rounded, update_limit_);
    updates_.add(new_update);
    Storage::store(update, new_update);
    const __m256 new_master = clamp(Storage::round(add(widen(old_master), widen(new_update))), master_limit_);
    Storage::store(master, new_master);
    const Doubles wide = widen(new_master);
    return tree_of_eight({_mm256_mul_pd(wide.low, wide.low), _mm256_mul_pd(wide.high, wide.high)});
  }

  DYADIC_INLINE void scale(Code* master, __m256d factor) const {
    Storage::store(master, clamp(Storage::round(multiply(factor, widen(Storage::load(master)))), master_limit_));
  }

  void finish(std::int64_t columns, std::int64_t padding, SgdUpdateCounts& counts) const {
    before_.finish(columns, padding, counts.master_before);
    updates_.finish(columns, padding, counts.update);
    counts.update.overflowed += add_lanes(overflows_);
  }

 private:
  static DYADIC_INLINE __m256 clamp(__m256 v, __m256 limit) {
    return _mm256_max_ps(_mm256_sub_ps(_mm256_setzero_ps(), limit), _mm256_min_ps(limit, v));  // NaN stays
  }

  __m256d momentum_, rate_;
  __m256 update_limit_, master_limit_, beyond_;
  FloatCounts before_, updates_;
  __m256i overflows_;
};

template <class Storage>
void update_floats(const SgdUpdate& job, std::int64_t begin, std::int64_t end, SgdUpdateCounts& counts) {
  using Code = typename Storage::Code;
  const std::int64_t n = job.columns;
  const std::int64_t whole = n / kColumns * kColumns;
  const std::int64_t eights = (n + kColumns - 1) / kColumns;
  AlignedVector<double> squares(static_cast<std::size_t>(eights));
  for (std::int64_t row = begin; row < end; ++row) {
    Code* master = static_cast<Code*>(job.master) + row * n;
    Code* update = static_cast<Code*>(job.update) + row * n;
    const Code* gradient = static_cast<const Code*>(job.gradient) + row * n;
    FloatRow<Storage> constants(job);
    double* sums = squares.data();
    for (std::int64_t j = 0; j < whole; j += kColumns) *sums++ = constants.update(master + j, update + j, gradient + j);
    if (whole < n) {
      Rest<Code> last_master(master + whole, n - whole);
      Rest<Code> last_update(update + whole, n - whole);
      Rest<Code> last_gradient(const_cast<Code*>(gradient) + whole, n - whole);  // only read
      *sums = constants.update(last_master.codes, last_update.codes, last_gradient.codes);
      last_master.write_back();
      last_update.write_back();
    }
    constants.finish(n, eights * kColumns - n, counts);
    bool known_finite = false;
    if (job.max_norm > 0) {
      const double sum = tree_sum({squares.data(), static_cast<std::size_t>(eights)});
      known_finite = std::isfinite(sum);  // a square of a finite float32 is finite in float64
      const __m256d factor = _mm256_set1_pd(norm_factor(std::sqrt(sum), job.max_norm));
      for (std::int64_t j = 0; j < whole; j += kColumns) constants.scale(master + j, factor);
      if (whole < n) {
        Rest<Code> last_master(master + whole, n - whole);
        constants.scale(last_master.codes, factor);
        last_master.write_back();
      }
    }
    if (!known_finite) counts.master_nonfinite += count_codes(master, n, job.master_to).nonfinite;
  }
}

}  // namespace

void update_grid_rows(const SgdUpdate& job, std::int64_t begin, std::int64_t end, SgdUpdateCounts& counts) {
  if (code_type(job.master_to) == CodeType::i16) with_update<std::int16_t>(job, begin, end, counts);
  else with_update<std::int32_t>(job, begin, end, counts);
}

void update_float_rows(const SgdUpdate& job, std::int64_t begin, std::int64_t end, SgdUpdateCounts& counts) {
  update_floats<Singles>(job, begin, end, counts);
}

void update_half_rows(const SgdUpdate& job, std::int64_t begin, std::int64_t end, SgdUpdateCounts& counts) {
  update_floats<Halves>(job, begin, end, counts);
}

}  // namespace dyadic::avx2
DYADIC_END_TARGET
