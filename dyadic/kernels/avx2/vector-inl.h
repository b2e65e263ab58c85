// The few operations that the code in ../generic/*-inl.h is written in, on 8 lanes of 32 bits. Included inside the AVX2
// target region, in namespace dyadic::avx2. A Mask is all ones or zero in each lane; Wide registers hold kWide lanes of
// 64 bits, two of them for the lanes of one Int.

constexpr int kLanes = 8;
constexpr int kWide = 4;
using Int = __m256i;
using Float = __m256;
using Mask = __m256i;
using WideInt = __m256i;
using Double = __m256d;

DYADIC_INLINE Int zero() { return _mm256_setzero_si256(); }
DYADIC_INLINE Int splat(std::uint32_t x) { return _mm256_set1_epi32(static_cast<int>(x)); }
DYADIC_INLINE Float splat_float(float x) { return _mm256_set1_ps(x); }
DYADIC_INLINE Int load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
DYADIC_INLINE Float load_float(const float* p) { return _mm256_loadu_ps(p); }
DYADIC_INLINE void store(void* p, Int v) { _mm256_storeu_si256(static_cast<__m256i*>(p), v); }
DYADIC_INLINE void store_float(float* p, Float v) { _mm256_storeu_ps(p, v); }
DYADIC_INLINE void stream_float(float* p, Float v) { _mm256_stream_ps(p, v); }
DYADIC_INLINE Int load_i8(const void* p) {
  return _mm256_cvtepi8_epi32(_mm_loadl_epi64(static_cast<const __m128i*>(p)));
}
DYADIC_INLINE Int load_u8(const void* p) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64(static_cast<const __m128i*>(p)));
}
DYADIC_INLINE Int load_i16(const void* p) {
  return _mm256_cvtepi16_epi32(_mm_loadu_si128(static_cast<const __m128i*>(p)));
}
DYADIC_INLINE Int load_u16(const void* p) {
  return _mm256_cvtepu16_epi32(_mm_loadu_si128(static_cast<const __m128i*>(p)));
}
/// The low 8 or 16 bits of each lane.
DYADIC_INLINE void store_8(void* p, Int v) {
  const __m256i low_bytes = _mm256_set1_epi32(0x0C080400);
  const __m256i packed = _mm256_shuffle_epi8(v, low_bytes);
  _mm_storel_epi64(static_cast<__m128i*>(p),
                   _mm_unpacklo_epi32(_mm256_castsi256_si128(packed), _mm256_extracti128_si256(packed, 1)));
}
DYADIC_INLINE void store_16(void* p, Int v) {
  const __m256i low_words = _mm256_set1_epi64x(0x0D0C090805040100);
  const __m256i packed = _mm256_shuffle_epi8(v, low_words);
  _mm_storeu_si128(static_cast<__m128i*>(p), _mm256_castsi256_si128(_mm256_permute4x64_epi64(packed, 0x08)));
}

/// float16 codes of all lanes, to nearest even. Code that asks kHalves does not call these where there are none.
constexpr bool kHalves = true;
DYADIC_INLINE Float load_half(const void* p) {
  return _mm256_cvtph_ps(_mm_loadu_si128(static_cast<const __m128i*>(p)));
}
DYADIC_INLINE void store_half(void* p, Float v) {
  _mm_storeu_si128(static_cast<__m128i*>(p), _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}

DYADIC_INLINE Int bits(Float v) { return _mm256_castps_si256(v); }
DYADIC_INLINE Float as_float(Int v) { return _mm256_castsi256_ps(v); }
DYADIC_INLINE Int both(Int a, Int b) { return _mm256_and_si256(a, b); }
DYADIC_INLINE Int either(Int a, Int b) { return _mm256_or_si256(a, b); }
DYADIC_INLINE Int differing(Int a, Int b) { return _mm256_xor_si256(a, b); }
DYADIC_INLINE Int differing(Int a, Int b, Int c) { return _mm256_xor_si256(_mm256_xor_si256(a, b), c); }
DYADIC_INLINE Int add(Int a, Int b) { return _mm256_add_epi32(a, b); }
DYADIC_INLINE Int subtract(Int a, Int b) { return _mm256_sub_epi32(a, b); }
DYADIC_INLINE Int multiply(Int a, Int b) { return _mm256_mullo_epi32(a, b); }
DYADIC_INLINE Int magnitude(Int v) { return _mm256_abs_epi32(v); }
DYADIC_INLINE Int min_unsigned(Int a, Int b) { return _mm256_min_epu32(a, b); }
DYADIC_INLINE Int min_signed(Int a, Int b) { return _mm256_min_epi32(a, b); }
DYADIC_INLINE Int max_signed(Int a, Int b) { return _mm256_max_epi32(a, b); }
// Counts of 32 and more (as unsigned numbers) give 0. A count of its own for each lane also where all are equal:
// Intel's shifts of all lanes by one register are two operations.
DYADIC_INLINE Int left_each(Int v, Int count) { return _mm256_sllv_epi32(v, count); }
DYADIC_INLINE Int right_each(Int v, Int count) { return _mm256_srlv_epi32(v, count); }
template <int kCount>
DYADIC_INLINE Int left(Int v) {
  return _mm256_slli_epi32(v, kCount);
}
template <int kCount>
DYADIC_INLINE Int right(Int v) {
  return _mm256_srli_epi32(v, kCount);
}
DYADIC_INLINE Float to_float(Int v) { return _mm256_cvtepi32_ps(v); }
DYADIC_INLINE Float multiply(Float a, Float b) { return _mm256_mul_ps(a, b); }
DYADIC_INLINE Float divide(Float a, Float b) { return _mm256_div_ps(a, b); }
DYADIC_INLINE Float add(Float a, Float b) { return _mm256_add_ps(a, b); }
DYADIC_INLINE Float subtract(Float a, Float b) { return _mm256_sub_ps(a, b); }

DYADIC_INLINE Float multiply_add(Float a, Float b, Float c) { return _mm256_fmadd_ps(a, b, c); }
/// Rounded toward minus infinity: AVX2 has no instructions for it, and code that asks kRoundsDown does not call these.
constexpr bool kRoundsDown = false;
template <int = 0>
Float add_down(Float a, Float b);
template <int = 0>
Float multiply_add_down(Float a, Float b, Float c);
/// Whole numbers: ties to even; the largest not above v.
DYADIC_INLINE Float to_nearest(Float v) { return _mm256_round_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
DYADIC_INLINE Float toward_lower(Float v) { return _mm256_round_ps(v, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); }
DYADIC_INLINE Int to_int(Float v) { return _mm256_cvtps_epi32(v); }
DYADIC_INLINE Mask equals(Float a, Float b) { return _mm256_castps_si256(_mm256_cmp_ps(a, b, _CMP_EQ_OQ)); }
/// a >= b, or one of them is NaN.
DYADIC_INLINE Mask not_less(Float a, Float b) { return _mm256_castps_si256(_mm256_cmp_ps(a, b, _CMP_NLT_UQ)); }

DYADIC_INLINE Mask negative(Int v) { return _mm256_srai_epi32(v, 31); }
DYADIC_INLINE Mask is_equal(Int a, Int b) { return _mm256_cmpeq_epi32(a, b); }
DYADIC_INLINE Mask is_different(Int a, Int b) {
  return _mm256_xor_si256(_mm256_cmpeq_epi32(a, b), _mm256_set1_epi32(-1));
}
DYADIC_INLINE Mask is_zero(Int v) { return _mm256_cmpeq_epi32(v, _mm256_setzero_si256()); }
/// b must be a single bit.
DYADIC_INLINE Mask any_bit(Int a, Int b) { return _mm256_cmpeq_epi32(_mm256_and_si256(a, b), b); }
DYADIC_INLINE Mask greater(Int a, Int b) { return _mm256_cmpgt_epi32(a, b); }
DYADIC_INLINE Mask greater_unsigned(Int a, Int b) {
  const __m256i top = _mm256_set1_epi32(INT32_MIN);
  return _mm256_cmpgt_epi32(_mm256_xor_si256(a, top), _mm256_xor_si256(b, top));
}
DYADIC_INLINE Mask is_nan(Float v) { return _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q)); }
DYADIC_INLINE Mask without(Mask a, Mask b) { return _mm256_andnot_si256(b, a); }
DYADIC_INLINE bool any(Mask m) { return _mm256_testz_si256(m, m) == 0; }
DYADIC_INLINE Int select(Mask m, Int yes, Int no) { return _mm256_blendv_epi8(no, yes, m); }
DYADIC_INLINE Int zero_where(Mask m, Int v) { return _mm256_andnot_si256(m, v); }
DYADIC_INLINE Int flip_where(Mask m, Int v, Int flips) { return _mm256_xor_si256(v, _mm256_and_si256(m, flips)); }
DYADIC_INLINE Int set_where(Mask m, Int v, Int set) { return _mm256_or_si256(v, _mm256_and_si256(m, set)); }
DYADIC_INLINE Int increment_where(Mask m, Int v) { return _mm256_sub_epi32(v, m); }
DYADIC_INLINE Int negate_where(Mask m, Int v) { return _mm256_sub_epi32(_mm256_xor_si256(v, m), m); }
DYADIC_INLINE std::int64_t sum_lanes(Int v) {
  const __m128i fours = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  const __m128i twos = _mm_add_epi32(fours, _mm_shuffle_epi32(fours, 0x4E));
  return _mm_cvtsi128_si32(_mm_add_epi32(twos, _mm_shuffle_epi32(twos, 0xB1)));
}

DYADIC_INLINE WideInt wide_splat(std::uint64_t x) { return _mm256_set1_epi64x(static_cast<long long>(x)); }
DYADIC_INLINE WideInt wide_load(const std::int64_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
DYADIC_INLINE WideInt wide_add(WideInt a, WideInt b) { return _mm256_add_epi64(a, b); }
DYADIC_INLINE WideInt wide_magnitude(WideInt v) {
  const __m256i sign = _mm256_cmpgt_epi64(_mm256_setzero_si256(), v);
  return _mm256_sub_epi64(_mm256_xor_si256(v, sign), sign);
}
DYADIC_INLINE WideInt wide_min_unsigned(WideInt a, WideInt b) {
  const __m256i top = _mm256_set1_epi64x(INT64_MIN);
  return _mm256_blendv_epi8(a, b, _mm256_cmpgt_epi64(_mm256_xor_si256(a, top), _mm256_xor_si256(b, top)));
}
DYADIC_INLINE WideInt wide_left(WideInt v, WideInt count) { return _mm256_sllv_epi64(v, count); }
DYADIC_INLINE WideInt wide_right(WideInt v, WideInt count) { return _mm256_srlv_epi64(v, count); }
DYADIC_INLINE WideInt high_half(WideInt v) { return _mm256_srli_epi64(v, 32); }
DYADIC_INLINE WideInt wide_product(WideInt a, WideInt b) { return _mm256_mul_epu32(a, b); }
/// The low (high) halves of the lanes of a, then of b.
DYADIC_INLINE Int low_halves(WideInt a, WideInt b) {
  const __m256 mixed = _mm256_shuffle_ps(_mm256_castsi256_ps(a), _mm256_castsi256_ps(b), 0x88);
  return _mm256_permute4x64_epi64(_mm256_castps_si256(mixed), 0xD8);
}
DYADIC_INLINE Int high_halves(WideInt a, WideInt b) {
  const __m256 mixed = _mm256_shuffle_ps(_mm256_castsi256_ps(a), _mm256_castsi256_ps(b), 0xDD);
  return _mm256_permute4x64_epi64(_mm256_castps_si256(mixed), 0xD8);
}
/// Lanes a0 b0 a1 b1 of 32 bits from the low halves of a and b.
DYADIC_INLINE WideInt join_halves(WideInt low, WideInt high) {
  return _mm256_blend_epi32(low, _mm256_slli_epi64(high, 32), 0xAA);
}
/// In each 128 bits: the low 64 of a, then of b (the high 64).
DYADIC_INLINE WideInt even_lanes(WideInt a, WideInt b) { return _mm256_unpacklo_epi64(a, b); }
DYADIC_INLINE WideInt odd_lanes(WideInt a, WideInt b) { return _mm256_unpackhi_epi64(a, b); }
/// 0 and kWide / 2, 1 and kWide / 2 + 1, ...
DYADIC_INLINE WideInt interleaved_count() { return _mm256_setr_epi64x(0, 2, 1, 3); }

DYADIC_INLINE Double splat_double(double x) { return _mm256_set1_pd(x); }
DYADIC_INLINE Double load_double(const double* p) { return _mm256_loadu_pd(p); }
DYADIC_INLINE WideInt bits(Double v) { return _mm256_castpd_si256(v); }
DYADIC_INLINE Double magnitude(Double v) { return _mm256_andnot_pd(_mm256_set1_pd(-0.0), v); }
DYADIC_INLINE Double multiply(Double a, Double b) { return _mm256_mul_pd(a, b); }
DYADIC_INLINE Double add(Double a, Double b) { return _mm256_add_pd(a, b); }
DYADIC_INLINE Double subtract(Double a, Double b) { return _mm256_sub_pd(a, b); }
/// b if a is NaN.
DYADIC_INLINE Double min(Double a, Double b) { return _mm256_min_pd(a, b); }
DYADIC_INLINE Double toward_zero(Double v) { return _mm256_round_pd(v, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC); }
/// Nonzero numbers, raised to at least `least` (positive); zeros stay.
DYADIC_INLINE Double raise_nonzero(Double v, Double least) {
  return _mm256_and_pd(_mm256_max_pd(v, least), _mm256_cmp_pd(v, _mm256_setzero_pd(), _CMP_NEQ_UQ));
}
DYADIC_INLINE Mask is_nan(Double a, Double b) {
  return low_halves(_mm256_castpd_si256(_mm256_cmp_pd(a, a, _CMP_UNORD_Q)),
                    _mm256_castpd_si256(_mm256_cmp_pd(b, b, _CMP_UNORD_Q)));
}
DYADIC_INLINE void store_rounded(float* p, Double v) { _mm_storeu_ps(p, _mm256_cvtpd_ps(v)); }
/// Round to odd: toward zero, the last bit set if anything was cut off. A second rounding to at most 22 bits then gives
/// what one rounding would.
DYADIC_INLINE void store_rounded_to_odd(float* p, Double v) {
  const __m128 nearest = _mm256_cvtpd_ps(v);
  const __m256d back = _mm256_cvtps_pd(nearest);
  const __m256d too_large = _mm256_cmp_pd(magnitude(back), magnitude(v), _CMP_GT_OQ);
  const __m256d inexact = _mm256_cmp_pd(back, v, _CMP_NEQ_OQ);
  const __m256i masks = low_halves(_mm256_castpd_si256(too_large), _mm256_castpd_si256(inexact));
  // The code of the neighbour nearer zero is one less, also from infinity; the last bit only where inexact.
  const __m128i cut = _mm_add_epi32(_mm_castps_si128(nearest), _mm256_castsi256_si128(masks));
  const __m128i odd = _mm_and_si128(_mm256_extracti128_si256(masks, 1), _mm_set1_epi32(1));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm_or_si128(cut, odd));
}
