#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "dyadic/kernels/target.h"
#include "dyadic/kernels/update_jobs.h"
#include "dyadic/kernels/update_rows.h"

// The update step where every operand is a grid of at most 16-bit codes rounded rna or rne: dynamic and plain fixed
// point. What the definition computes in float64 and what integers give is the same wherever integers are used:
//
//   u'   float64 products of M and LR with codes, in units of the new step (a power of two moves no rounding)
//   W1   the sum of two integers times powers of two, shifted right with rounding: exact in int32 (can_update_short)
//   W'   W1 * f in float64; skipped for a row where f is so close to 1 that every code rounds to itself
//
// Sixteen columns at a time, which split into 32- and 64-bit lanes within each half of a register and come together
// the same way: no instruction crosses the halves. Numbers change between integers and doubles by adding constants that
// put them into the low bits of a double's mantissa. Counters are kept in 16-bit lanes and added up per row.

DYADIC_BEGIN_AVX2

namespace dyadic::avx2 {
namespace {

constexpr std::int64_t kColumns = 16;

DYADIC_INLINE __m256i load(const std::int16_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
DYADIC_INLINE void store(std::int16_t* p, __m256i v) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v); }

/// Sixteen codes in 32-bit lanes: 0-3 and 8-11, 4-7 and 12-15.
struct Integers {
  __m256i low, high;
};

DYADIC_INLINE Integers widen(__m256i codes) {
  return {_mm256_srai_epi32(_mm256_unpacklo_epi16(codes, codes), 16),
          _mm256_srai_epi32(_mm256_unpackhi_epi16(codes, codes), 16)};
}
/// Values must fit 16 bits.
DYADIC_INLINE __m256i narrow(Integers v) { return _mm256_packs_epi32(v.low, v.high); }

/// Sixteen doubles: 0-1 and 8-9, 2-3 and 10-11, 4-5 and 12-13, 6-7 and 14-15.
struct Doubles {
  __m256d part[4];
};

/// The code plus 2^15 as the low bits of 2^52.
DYADIC_INLINE Doubles to_doubles(__m256i codes) {
  const __m256i biased = _mm256_xor_si256(codes, _mm256_set1_epi16(INT16_MIN));
  const __m256i zeros = _mm256_setzero_si256();
  const __m256i exponent = _mm256_set1_epi32(0x43300000);
  const __m256d bias = _mm256_set1_pd(0x1p52 + 0x1p15);
  const __m256i low = _mm256_unpacklo_epi16(biased, zeros);
  const __m256i high = _mm256_unpackhi_epi16(biased, zeros);
  return {{_mm256_sub_pd(_mm256_castsi256_pd(_mm256_unpacklo_epi32(low, exponent)), bias),
           _mm256_sub_pd(_mm256_castsi256_pd(_mm256_unpackhi_epi32(low, exponent)), bias),
           _mm256_sub_pd(_mm256_castsi256_pd(_mm256_unpacklo_epi32(high, exponent)), bias),
           _mm256_sub_pd(_mm256_castsi256_pd(_mm256_unpackhi_epi32(high, exponent)), bias)}};
}

/// The nearest integer in the low 32 bits, for |x| < 2^30. Ties away from zero by trunc(x + copysign(pred(1/2), x)).
template <bool kAway>
DYADIC_INLINE __m256d nearest(__m256d x) {
  const __m256d integer = _mm256_set1_pd(0x1.8p52);
  if (!kAway) return _mm256_add_pd(x, integer);
  const __m256d half = _mm256_or_pd(_mm256_and_pd(x, _mm256_set1_pd(-0.0)), _mm256_set1_pd(0x1.fffffffffffffp-2));
  return _mm256_add_pd(_mm256_round_pd(_mm256_add_pd(x, half), _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC), integer);
}

DYADIC_INLINE __m256i low_words(__m256d a, __m256d b) {
  return _mm256_castps_si256(_mm256_shuffle_ps(_mm256_castpd_ps(a), _mm256_castpd_ps(b), 0x88));
}

template <bool kAway>
DYADIC_INLINE Integers to_integers(const Doubles& x) {
  return {low_words(nearest<kAway>(x.part[0]), nearest<kAway>(x.part[1])),
          low_words(nearest<kAway>(x.part[2]), nearest<kAway>(x.part[3]))};
}

/// sum / 2^shift to the nearest integer.
template <bool kAway>
DYADIC_INLINE __m256i shift_right(__m256i sum, int shift) {
  if (shift == 0) return sum;
  const __m128i count = _mm_cvtsi32_si128(shift);
  const __m256i magnitude = _mm256_abs_epi32(sum);
  __m256i addend = _mm256_set1_epi32((1 << (shift - 1)) - (kAway ? 0 : 1));
  if (!kAway) {
    addend = _mm256_add_epi32(addend, _mm256_and_si256(_mm256_srl_epi32(magnitude, count), _mm256_set1_epi32(1)));
  }
  // The sign instruction also makes zeros of zeros, which they are.
  return _mm256_sign_epi32(_mm256_srl_epi32(_mm256_add_epi32(magnitude, addend), count), sum);
}

struct Limits {
  __m256i low, high;
  explicit Limits(const Format& format)
      : low(_mm256_set1_epi32(static_cast<int>(format.min_code))),
        high(_mm256_set1_epi32(static_cast<int>(format.max_code))) {}
  [[nodiscard]] DYADIC_INLINE __m256i clamp(__m256i x) const {
    return _mm256_max_epi32(low, _mm256_min_epi32(high, x));
  }
};

DYADIC_INLINE std::int64_t add_lanes(__m256i counts) {
  alignas(32) std::int16_t lanes[kColumns];
  _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), counts);
  std::int64_t sum = 0;
  for (const std::int16_t lane : lanes) sum += lane;
  return sum;
}

DYADIC_INLINE std::int64_t add_words(__m256i values) {
  alignas(32) std::int32_t lanes[8];
  _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), values);
  std::int64_t sum = 0;
  for (const std::int32_t lane : lanes) sum += lane;
  return sum;
}

#include "dyadic/kernels/generic/lane_counts-inl.h"

/// One row's constants and what is counted on the way.
template <bool kAway>
class ShortRow {
 public:
  ShortRow(const SgdUpdate& job, const UpdateShifts& shifts)
      : momentum_(_mm256_set1_pd(job.momentum * step_ratio(job.update_from, job.update_to))),
        rate_(_mm256_set1_pd(job.learning_rate * step_ratio(job.gradient_format, job.update_to))),
        master_shift_(_mm_cvtsi32_si128(shifts.master)),
        update_shift_(_mm_cvtsi32_si128(shifts.update)),
        right_(shifts.right),
        update_limits_(job.update_to),
        master_limits_(job.master_to),
        before_(job.master_from),
        updates_(job.update_to),
        within_(_mm256_setzero_si256()),
        squares_(within_) {}

  DYADIC_INLINE void update(std::int16_t* master, std::int16_t* update, const std::int16_t* gradient) {
    const __m256i master_codes = load(master);
    before_.add(master_codes);
    const Doubles u = to_doubles(load(update));
    const Doubles g = to_doubles(load(gradient));
    Doubles wanted;
    for (int i = 0; i < 4; ++i) {
      wanted.part[i] = _mm256_sub_pd(_mm256_mul_pd(momentum_, u.part[i]), _mm256_mul_pd(rate_, g.part[i]));
    }
    const Integers step = to_integers<kAway>(wanted);
    const Integers new_update = {update_limits_.clamp(step.low), update_limits_.clamp(step.high)};
    within_ = _mm256_add_epi32(within_, _mm256_add_epi32(_mm256_cmpeq_epi32(step.low, new_update.low),
                                                         _mm256_cmpeq_epi32(step.high, new_update.high)));
    const __m256i update_codes = narrow(new_update);
    updates_.add(update_codes);
    store(update, update_codes);
    const Integers old = widen(master_codes);
    const __m256i codes = narrow({add(old.low, new_update.low), add(old.high, new_update.high)});
    store(master, codes);
    squares_ = _mm256_add_epi32(squares_, _mm256_madd_epi16(codes, codes));
  }

  void finish(std::int64_t columns, std::int64_t padding, SgdUpdateCounts& counts) const {
    before_.finish(columns, padding, counts.master_before);
    updates_.finish(columns, padding, counts.update);
    counts.update.overflowed += columns + padding + add_words(within_);  // each within: -1
  }

  [[nodiscard]] std::int64_t squares() const { return add_words(squares_); }

 private:
  [[nodiscard]] DYADIC_INLINE __m256i add(__m256i master, __m256i update) const {
    const __m256i sum =
        _mm256_add_epi32(_mm256_sll_epi32(master, master_shift_), _mm256_sll_epi32(update, update_shift_));
    return master_limits_.clamp(shift_right<kAway>(sum, right_));
  }

  __m256d momentum_, rate_;
  __m128i master_shift_, update_shift_;
  int right_;
  Limits update_limits_, master_limits_;
  LaneCounts before_, updates_;
  __m256i within_, squares_;
};

template <bool kAway>
DYADIC_INLINE void scale_sixteen(std::int16_t* master, __m256d factor) {
  Doubles w = to_doubles(load(master));
  for (__m256d& part : w.part) part = _mm256_mul_pd(part, factor);
  store(master, narrow(to_integers<kAway>(w)));  // f <= 1: within the limits
}

template <bool kAway>
void update_short_row(const SgdUpdate& job, const UpdateShifts& shifts, std::int64_t row, SgdUpdateCounts& counts) {
  const std::int64_t n = job.columns;
  const std::int64_t whole = n / kColumns * kColumns;
  const std::int64_t padding = whole == n ? 0 : whole + kColumns - n;
  const std::size_t rest_bytes = static_cast<std::size_t>(n - whole) * sizeof(std::int16_t);
  std::int16_t* master = static_cast<std::int16_t*>(job.master) + row * n;
  std::int16_t* update = static_cast<std::int16_t*>(job.update) + row * n;
  const std::int16_t* gradient = static_cast<const std::int16_t*>(job.gradient) + row * n;
  ShortRow<kAway> constants(job, shifts);
  for (std::int64_t j = 0; j < whole; j += kColumns) constants.update(master + j, update + j, gradient + j);
  if (padding > 0) {
    std::int16_t last_master[kColumns] = {}, last_update[kColumns] = {}, last_gradient[kColumns] = {};
    std::memcpy(last_master, master + whole, rest_bytes);
    std::memcpy(last_update, update + whole, rest_bytes);
    std::memcpy(last_gradient, gradient + whole, rest_bytes);
    constants.update(last_master, last_update, last_gradient);
    std::memcpy(master + whole, last_master, rest_bytes);
    std::memcpy(update + whole, last_update, rest_bytes);
  }
  constants.finish(n, padding, counts);
  if (job.max_norm <= 0) return;
  const double norm = grid_norm(static_cast<std::uint64_t>(constants.squares()), job.master_to.step_exponent);
  const double f = norm_factor(norm, job.max_norm);
  // |code| (1 - f) < 1/2 with room for the product's own rounding: every code rounds to itself.
  if ((1 - f) * static_cast<double>(job.master_to.max_magnitude()) < 0.49) return;
  const __m256d factor = _mm256_set1_pd(f);
  for (std::int64_t j = 0; j < whole; j += kColumns) scale_sixteen<kAway>(master + j, factor);
  if (padding > 0) {
    std::int16_t last[kColumns] = {};
    std::memcpy(last, master + whole, rest_bytes);
    scale_sixteen<kAway>(last, factor);
    std::memcpy(master + whole, last, rest_bytes);
  }
}

}  // namespace

void update_short_rows(const SgdUpdate& job, std::int64_t begin, std::int64_t end, SgdUpdateCounts& counts) {
  UpdateShifts shifts;
  find_shifts(job, shifts);
  const bool away = job.master_to.rounding == Rounding::rna;
  for (std::int64_t row = begin; row < end; ++row) {
    if (away) update_short_row<true>(job, shifts, row, counts);
    else update_short_row<false>(job, shifts, row, counts);
  }
}

}  // namespace dyadic::avx2
DYADIC_END_TARGET
