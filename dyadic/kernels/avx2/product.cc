// Engines of the avx2 tier: 4 broadcast rows against 3 vectors of columns, 12 of the 16 registers for sums.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "dyadic/kernels/product_engine.h"
#include "dyadic/kernels/target.h"

DYADIC_BEGIN_AVX2
namespace dyadic::avx2 {
namespace {

struct IntegerVector {
  using Vector = __m256i;
  static DYADIC_INLINE Vector zero() { return _mm256_setzero_si256(); }
  static DYADIC_INLINE Vector load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
  static DYADIC_INLINE Vector load_sum(const void* p) { return load(p); }
  static DYADIC_INLINE void store_sum(void* p, Vector v) { _mm256_storeu_si256(static_cast<__m256i*>(p), v); }
};

template <int kBytes>
struct Shape {
  static constexpr int kGroupBytes = kBytes;
  static constexpr int kLanes = 32 / kBytes;
  static constexpr int kRowWidth = 4;
  static constexpr int kColumnWidth = 3 * kLanes;
};

struct PairLanes : IntegerVector, Shape<4> {
  using Sum = std::int32_t;
  static DYADIC_INLINE Vector broadcast(const std::byte* p) {
    int group = 0;
    std::memcpy(&group, p, sizeof group);
    return _mm256_set1_epi32(group);
  }
  static DYADIC_INLINE Vector multiply_add(Vector sum, Vector row, Vector column) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(row, column));
  }
  static DYADIC_INLINE void add_shifted(std::int64_t* to, Vector sums, int shift) {
    const __m128i count = _mm_cvtsi32_si128(shift);
    const __m256i low = _mm256_sll_epi64(_mm256_cvtepi32_epi64(_mm256_castsi256_si128(sums)), count);
    const __m256i high = _mm256_sll_epi64(_mm256_cvtepi32_epi64(_mm256_extracti128_si256(sums, 1)), count);
    store_sum(to, _mm256_add_epi64(load_sum(to), low));
    store_sum(to + 4, _mm256_add_epi64(load_sum(to + 4), high));
  }
};

struct Int64Lanes : IntegerVector, Shape<8> {
  using Sum = std::int64_t;
  static DYADIC_INLINE Vector broadcast(const std::byte* p) {
    long long group = 0;
    std::memcpy(&group, p, sizeof group);
    return _mm256_set1_epi64x(group);
  }
  /// The low 64 bits of 64-bit products, from three 32-bit ones.
  static DYADIC_INLINE Vector multiply_add(Vector sum, Vector row, Vector column) {
    const Vector cross = _mm256_add_epi64(_mm256_mul_epu32(_mm256_srli_epi64(row, 32), column),
                                          _mm256_mul_epu32(row, _mm256_srli_epi64(column, 32)));
    return _mm256_add_epi64(sum, _mm256_add_epi64(_mm256_mul_epu32(row, column), _mm256_slli_epi64(cross, 32)));
  }
};

struct FloatLanes : Shape<4> {
  using Vector = __m256;
  using Sum = float;
  static DYADIC_INLINE Vector zero() { return _mm256_setzero_ps(); }
  static DYADIC_INLINE Vector load(const std::byte* p) { return _mm256_loadu_ps(reinterpret_cast<const float*>(p)); }
  static DYADIC_INLINE Vector load_sum(const Sum* p) { return _mm256_loadu_ps(p); }
  static DYADIC_INLINE void store_sum(Sum* p, Vector v) { _mm256_storeu_ps(p, v); }
  static DYADIC_INLINE Vector broadcast(const std::byte* p) {
    float value = 0;
    std::memcpy(&value, p, sizeof value);
    return _mm256_set1_ps(value);
  }
  static DYADIC_INLINE Vector multiply_add(Vector sum, Vector row, Vector column) {
    return _mm256_fmadd_ps(row, column, sum);
  }
};

struct DoubleLanes : Shape<8> {
  using Vector = __m256d;
  using Sum = double;
  static DYADIC_INLINE Vector zero() { return _mm256_setzero_pd(); }
  static DYADIC_INLINE Vector load(const std::byte* p) { return _mm256_loadu_pd(reinterpret_cast<const double*>(p)); }
  static DYADIC_INLINE Vector load_sum(const Sum* p) { return _mm256_loadu_pd(p); }
  static DYADIC_INLINE void store_sum(Sum* p, Vector v) { _mm256_storeu_pd(p, v); }
  static DYADIC_INLINE Vector broadcast(const std::byte* p) {
    double value = 0;
    std::memcpy(&value, p, sizeof value);
    return _mm256_set1_pd(value);
  }
  static DYADIC_INLINE Vector multiply_add(Vector sum, Vector row, Vector column) {
    return _mm256_fmadd_pd(row, column, sum);
  }
};

#include "dyadic/kernels/generic/product_micro-inl.h"

using product::Accumulator;
using product::PackedType;

constexpr product::Engine kFloat32 = make_engine<FloatLanes>("vfmadd231ps", PackedType::f32, Accumulator::f32);
constexpr product::Engine kFloat64 = make_engine<DoubleLanes>("vfmadd231pd", PackedType::f64, Accumulator::f64);
constexpr product::Engine kInt64 = make_engine<Int64Lanes>("vpmuludq", PackedType::i64, Accumulator::i64);
constexpr product::Engine kPairs = make_engine<PairLanes>("vpmaddwd", PackedType::i16x2, Accumulator::i32);

constexpr product::EngineSet kEngines = {
    .float32 = &kFloat32,
    .float64 = &kFloat64,
    .int64 = &kInt64,
    .pairs = &kPairs,
    .ternary_bytes = &kTernaryBytes,
    .two_bits = &kTwoBits,
    .light_bytes = &kLightBytes,
    .planes = &kPlanes,
    .conversions = &kConversions,
    .pack = &product_pack,
};

}  // namespace

const product::EngineSet& product_engines() { return kEngines; }

}  // namespace dyadic::avx2
DYADIC_END_TARGET
