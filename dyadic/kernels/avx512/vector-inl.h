// The few operations that the code in ../generic/*-inl.h is written in, on 16 lanes of 32 bits. Included inside the
// AVX-512 target region, in namespace dyadic::avx512. A Mask says yes or no for each lane; Wide registers hold kWide
// lanes of 64 bits, two of them for the lanes of one Int.

constexpr int kLanes = 16;
constexpr int kWide = 8;
using Int = __m512i;
using Float = __m512;
using Mask = __mmask16;
using WideInt = __m512i;
using Double = __m512d;

DYADIC_INLINE Int zero() { return _mm512_setzero_si512(); }
DYADIC_INLINE Int splat(std::uint32_t x) { return _mm512_set1_epi32(static_cast<int>(x)); }
DYADIC_INLINE Float splat_float(float x) { return _mm512_set1_ps(x); }
DYADIC_INLINE Int load(const void* p) { return _mm512_loadu_si512(p); }
DYADIC_INLINE Float load_float(const float* p) { return _mm512_loadu_ps(p); }
DYADIC_INLINE void store(void* p, Int v) { _mm512_storeu_si512(p, v); }
DYADIC_INLINE void store_float(float* p, Float v) { _mm512_storeu_ps(p, v); }
DYADIC_INLINE void stream_float(float* p, Float v) { _mm512_stream_ps(p, v); }
DYADIC_INLINE Int load_i8(const void* p) {
  return _mm512_cvtepi8_epi32(_mm_loadu_si128(static_cast<const __m128i*>(p)));
}
DYADIC_INLINE Int load_u8(const void* p) {
  return _mm512_cvtepu8_epi32(_mm_loadu_si128(static_cast<const __m128i*>(p)));
}
DYADIC_INLINE Int load_i16(const void* p) {
  return _mm512_cvtepi16_epi32(_mm256_loadu_si256(static_cast<const __m256i*>(p)));
}
DYADIC_INLINE Int load_u16(const void* p) {
  return _mm512_cvtepu16_epi32(_mm256_loadu_si256(static_cast<const __m256i*>(p)));
}
/// The low 8 or 16 bits of each lane.
DYADIC_INLINE void store_8(void* p, Int v) { _mm_storeu_si128(static_cast<__m128i*>(p), _mm512_cvtepi32_epi8(v)); }
DYADIC_INLINE void store_16(void* p, Int v) { _mm256_storeu_si256(static_cast<__m256i*>(p), _mm512_cvtepi32_epi16(v)); }

/// float16 codes of all lanes, to nearest even: not yet on this tier, and code that asks kHalves does not call these.
constexpr bool kHalves = false;
template <int = 0>
Float load_half(const void* p);
template <int = 0>
void store_half(void* p, Float v);

DYADIC_INLINE Int bits(Float v) { return _mm512_castps_si512(v); }
DYADIC_INLINE Float as_float(Int v) { return _mm512_castsi512_ps(v); }
DYADIC_INLINE Int both(Int a, Int b) { return _mm512_and_si512(a, b); }
DYADIC_INLINE Int either(Int a, Int b) { return _mm512_or_si512(a, b); }
DYADIC_INLINE Int differing(Int a, Int b) { return _mm512_xor_si512(a, b); }
DYADIC_INLINE Int differing(Int a, Int b, Int c) { return _mm512_ternarylogic_epi32(a, b, c, 0x96); }
DYADIC_INLINE Int add(Int a, Int b) { return _mm512_add_epi32(a, b); }
DYADIC_INLINE Int subtract(Int a, Int b) { return _mm512_sub_epi32(a, b); }
DYADIC_INLINE Int multiply(Int a, Int b) { return _mm512_mullo_epi32(a, b); }
DYADIC_INLINE Int magnitude(Int v) { return _mm512_abs_epi32(v); }
DYADIC_INLINE Int min_unsigned(Int a, Int b) { return _mm512_min_epu32(a, b); }
DYADIC_INLINE Int min_signed(Int a, Int b) { return _mm512_min_epi32(a, b); }
DYADIC_INLINE Int max_signed(Int a, Int b) { return _mm512_max_epi32(a, b); }
// Counts of 32 and more (as unsigned numbers) give 0. A count of its own for each lane also where all are equal:
// Intel's shifts of all lanes by one register are two operations.
DYADIC_INLINE Int left_each(Int v, Int count) { return _mm512_sllv_epi32(v, count); }
DYADIC_INLINE Int right_each(Int v, Int count) { return _mm512_srlv_epi32(v, count); }
template <int kCount>
DYADIC_INLINE Int left(Int v) {
  return _mm512_slli_epi32(v, kCount);
}
template <int kCount>
DYADIC_INLINE Int right(Int v) {
  return _mm512_srli_epi32(v, kCount);
}
DYADIC_INLINE Float to_float(Int v) { return _mm512_cvtepi32_ps(v); }
DYADIC_INLINE Float multiply(Float a, Float b) { return _mm512_mul_ps(a, b); }
DYADIC_INLINE Float divide(Float a, Float b) { return _mm512_div_ps(a, b); }
DYADIC_INLINE Float add(Float a, Float b) { return _mm512_add_ps(a, b); }
DYADIC_INLINE Float subtract(Float a, Float b) { return _mm512_sub_ps(a, b); }

DYADIC_INLINE Float multiply_add(Float a, Float b, Float c) { return _mm512_fmadd_ps(a, b, c); }
/// Rounded toward minus infinity.
constexpr bool kRoundsDown = true;
DYADIC_INLINE Float add_down(Float a, Float b) {
  return _mm512_add_round_ps(a, b, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}
DYADIC_INLINE Float multiply_add_down(Float a, Float b, Float c) {
  return _mm512_fmadd_round_ps(a, b, c, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}
/// Whole numbers: ties to even; the largest not above v.
DYADIC_INLINE Float to_nearest(Float v) {
  return _mm512_roundscale_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
DYADIC_INLINE Float toward_lower(Float v) { return _mm512_roundscale_ps(v, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); }
DYADIC_INLINE Int to_int(Float v) { return _mm512_cvtps_epi32(v); }
DYADIC_INLINE Mask equals(Float a, Float b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
/// a >= b, or one of them is NaN.
DYADIC_INLINE Mask not_less(Float a, Float b) { return _mm512_cmp_ps_mask(a, b, _CMP_NLT_UQ); }

DYADIC_INLINE Mask negative(Int v) { return _mm512_movepi32_mask(v); }
DYADIC_INLINE Mask is_equal(Int a, Int b) { return _mm512_cmpeq_epi32_mask(a, b); }
DYADIC_INLINE Mask is_different(Int a, Int b) { return _mm512_cmpneq_epi32_mask(a, b); }
DYADIC_INLINE Mask is_zero(Int v) { return _mm512_testn_epi32_mask(v, v); }
/// b must be a single bit.
DYADIC_INLINE Mask any_bit(Int a, Int b) { return _mm512_test_epi32_mask(a, b); }
DYADIC_INLINE Mask greater(Int a, Int b) { return _mm512_cmpgt_epi32_mask(a, b); }
DYADIC_INLINE Mask greater_unsigned(Int a, Int b) { return _mm512_cmpgt_epu32_mask(a, b); }
DYADIC_INLINE Mask is_nan(Float v) { return _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q); }
DYADIC_INLINE Mask both(Mask a, Mask b) { return static_cast<Mask>(a & b); }
DYADIC_INLINE Mask either(Mask a, Mask b) { return static_cast<Mask>(a | b); }
DYADIC_INLINE Mask without(Mask a, Mask b) { return static_cast<Mask>(a & ~b); }
DYADIC_INLINE bool any(Mask m) { return m != 0; }
DYADIC_INLINE Int select(Mask m, Int yes, Int no) { return _mm512_mask_mov_epi32(no, m, yes); }
DYADIC_INLINE Int zero_where(Mask m, Int v) { return _mm512_maskz_mov_epi32(static_cast<Mask>(~m), v); }
DYADIC_INLINE Int flip_where(Mask m, Int v, Int flips) { return _mm512_mask_xor_epi32(v, m, v, flips); }
DYADIC_INLINE Int set_where(Mask m, Int v, Int set) { return _mm512_mask_or_epi32(v, m, v, set); }
DYADIC_INLINE Int increment_where(Mask m, Int v) { return _mm512_mask_sub_epi32(v, m, v, _mm512_set1_epi32(-1)); }
DYADIC_INLINE Int negate_where(Mask m, Int v) { return _mm512_mask_sub_epi32(v, m, _mm512_setzero_si512(), v); }
DYADIC_INLINE std::int64_t sum_lanes(Int v) { return _mm512_reduce_add_epi32(v); }

DYADIC_INLINE WideInt wide_splat(std::uint64_t x) { return _mm512_set1_epi64(static_cast<long long>(x)); }
DYADIC_INLINE WideInt wide_load(const std::int64_t* p) { return _mm512_loadu_si512(p); }
DYADIC_INLINE WideInt wide_add(WideInt a, WideInt b) { return _mm512_add_epi64(a, b); }
DYADIC_INLINE WideInt wide_magnitude(WideInt v) { return _mm512_abs_epi64(v); }
DYADIC_INLINE WideInt wide_min_unsigned(WideInt a, WideInt b) { return _mm512_min_epu64(a, b); }
DYADIC_INLINE WideInt wide_left(WideInt v, WideInt count) { return _mm512_sllv_epi64(v, count); }
DYADIC_INLINE WideInt wide_right(WideInt v, WideInt count) { return _mm512_srlv_epi64(v, count); }
DYADIC_INLINE WideInt high_half(WideInt v) { return _mm512_srli_epi64(v, 32); }
DYADIC_INLINE WideInt wide_product(WideInt a, WideInt b) { return _mm512_mul_epu32(a, b); }
/// The low (high) halves of the lanes of a, then of b.
DYADIC_INLINE Int low_halves(WideInt a, WideInt b) {
  const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  return _mm512_permutex2var_epi32(a, even, b);
}
DYADIC_INLINE Int high_halves(WideInt a, WideInt b) {
  const __m512i odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
  return _mm512_permutex2var_epi32(a, odd, b);
}

/// Lanes a0 b0 a1 b1 of 32 bits from the low halves of a and b.
DYADIC_INLINE WideInt join_halves(WideInt low, WideInt high) {
  return _mm512_mask_blend_epi32(0xAAAA, low, _mm512_slli_epi64(high, 32));
}
/// In each 128 bits: the low 64 of a, then of b (the high 64).
DYADIC_INLINE WideInt even_lanes(WideInt a, WideInt b) { return _mm512_unpacklo_epi64(a, b); }
DYADIC_INLINE WideInt odd_lanes(WideInt a, WideInt b) { return _mm512_unpackhi_epi64(a, b); }
/// 0 and kWide / 2, 1 and kWide / 2 + 1, ...
DYADIC_INLINE WideInt interleaved_count() { return _mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7); }

DYADIC_INLINE Double splat_double(double x) { return _mm512_set1_pd(x); }
DYADIC_INLINE Double load_double(const double* p) { return _mm512_loadu_pd(p); }
DYADIC_INLINE WideInt bits(Double v) { return _mm512_castpd_si512(v); }
DYADIC_INLINE Double magnitude(Double v) { return _mm512_abs_pd(v); }
DYADIC_INLINE Double multiply(Double a, Double b) { return _mm512_mul_pd(a, b); }
DYADIC_INLINE Double add(Double a, Double b) { return _mm512_add_pd(a, b); }
DYADIC_INLINE Double subtract(Double a, Double b) { return _mm512_sub_pd(a, b); }
/// b if a is NaN.
DYADIC_INLINE Double min(Double a, Double b) { return _mm512_min_pd(a, b); }
DYADIC_INLINE Double toward_zero(Double v) { return _mm512_roundscale_pd(v, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC); }
/// Nonzero numbers, raised to at least `least` (positive); zeros stay.
DYADIC_INLINE Double raise_nonzero(Double v, Double least) {
  return _mm512_mask_max_pd(v, _mm512_cmp_pd_mask(v, _mm512_setzero_pd(), _CMP_NEQ_UQ), v, least);
}
DYADIC_INLINE Mask is_nan(Double a, Double b) {
  const unsigned low = _mm512_cmp_pd_mask(a, a, _CMP_UNORD_Q);
  const unsigned high = _mm512_cmp_pd_mask(b, b, _CMP_UNORD_Q);
  return static_cast<Mask>(low | high << 8);
}
DYADIC_INLINE void store_rounded(float* p, Double v) { _mm256_storeu_ps(p, _mm512_cvtpd_ps(v)); }
/// Round to odd: toward zero, the last bit set if anything was cut off. A second rounding to at most 22 bits then gives
/// what one rounding would.
DYADIC_INLINE void store_rounded_to_odd(float* p, Double v) {
  const __m256 cut = _mm512_cvt_roundpd_ps(v, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
  const __mmask8 inexact = _mm512_cmp_pd_mask(_mm512_cvtps_pd(cut), v, _CMP_NEQ_OQ);
  const __m256i cut_bits = _mm256_castps_si256(cut);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                      _mm256_mask_or_epi32(cut_bits, inexact, cut_bits, _mm256_set1_epi32(1)));
}
