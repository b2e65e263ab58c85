// Engines of the avx512 tier: 8 broadcast rows against 3 vectors of columns, 24 of the 32 registers for sums.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "dyadic/base/cpu.h"
#include "dyadic/kernels/product_engine.h"
#include "dyadic/kernels/target.h"

DYADIC_BEGIN_AVX512
namespace dyadic::avx512 {
namespace {

struct IntegerVector {
  using Vector = __m512i;
  static DYADIC_INLINE Vector zero() { return _mm512_setzero_si512(); }
  static DYADIC_INLINE Vector load(const std::byte* p) { return _mm512_loadu_si512(p); }
  static DYADIC_INLINE Vector load_sum(const void* p) { return _mm512_loadu_si512(p); }
  static DYADIC_INLINE void store_sum(void* p, Vector v) { _mm512_storeu_si512(p, v); }
};

template <int kBytes>
struct Shape {
  static constexpr int kGroupBytes = kBytes;
  static constexpr int kLanes = 64 / kBytes;
  static constexpr int kRowWidth = 8;
  static constexpr int kColumnWidth = 3 * kLanes;
};

struct Int32Sums : IntegerVector {
  static DYADIC_INLINE void add_shifted(std::int64_t* to, Vector sums, int shift) {
    const __m128i count = _mm_cvtsi32_si128(shift);
    const __m512i low = _mm512_sll_epi64(_mm512_cvtepi32_epi64(_mm512_castsi512_si256(sums)), count);
    const __m512i high = _mm512_sll_epi64(_mm512_cvtepi32_epi64(_mm512_extracti64x4_epi64(sums, 1)), count);
    store_sum(to, _mm512_add_epi64(load_sum(to), low));
    store_sum(to + 8, _mm512_add_epi64(load_sum(to + 8), high));
  }
  static DYADIC_INLINE Vector broadcast(const std::byte* p) {
    int group = 0;
    std::memcpy(&group, p, sizeof group);
    return _mm512_set1_epi32(group);
  }
};

struct PairLanes : Int32Sums, Shape<4> {
  using Sum = std::int32_t;
  static DYADIC_INLINE Vector multiply_add(Vector sum, Vector row, Vector column) {
    return _mm512_dpwssd_epi32(sum, row, column);
  }
};

// Unsigned rows, signed columns.
struct ByteLanes : Int32Sums, Shape<4> {
  using Sum = std::int32_t;
  static DYADIC_INLINE Vector multiply_add(Vector sum, Vector row, Vector column) {
    return _mm512_dpbusd_epi32(sum, row, column);
  }
};

struct Int64Lanes : IntegerVector, Shape<8> {
  using Sum = std::int64_t;
  static DYADIC_INLINE Vector broadcast(const std::byte* p) {
    long long group = 0;
    std::memcpy(&group, p, sizeof group);
    return _mm512_set1_epi64(group);
  }
  static DYADIC_INLINE Vector multiply_add(Vector sum, Vector row, Vector column) {
    return _mm512_add_epi64(sum, _mm512_mullo_epi64(row, column));
  }
};

struct FloatLanes : Shape<4> {
  using Vector = __m512;
  using Sum = float;
  static DYADIC_INLINE Vector zero() { return _mm512_setzero_ps(); }
  static DYADIC_INLINE Vector load(const std::byte* p) { return _mm512_loadu_ps(p); }
  static DYADIC_INLINE Vector load_sum(const Sum* p) { return _mm512_loadu_ps(p); }
  static DYADIC_INLINE void store_sum(Sum* p, Vector v) { _mm512_storeu_ps(p, v); }
  static DYADIC_INLINE Vector broadcast(const std::byte* p) {
    float value = 0;
    std::memcpy(&value, p, sizeof value);
    return _mm512_set1_ps(value);
  }
  static DYADIC_INLINE Vector multiply_add(Vector sum, Vector row, Vector column) {
    return _mm512_fmadd_ps(row, column, sum);
  }
};

struct DoubleLanes : Shape<8> {
  using Vector = __m512d;
  using Sum = double;
  static DYADIC_INLINE Vector zero() { return _mm512_setzero_pd(); }
  static DYADIC_INLINE Vector load(const std::byte* p) { return _mm512_loadu_pd(p); }
  static DYADIC_INLINE Vector load_sum(const Sum* p) { return _mm512_loadu_pd(p); }
  static DYADIC_INLINE void store_sum(Sum* p, Vector v) { _mm512_storeu_pd(p, v); }
  static DYADIC_INLINE Vector broadcast(const std::byte* p) {
    double value = 0;
    std::memcpy(&value, p, sizeof value);
    return _mm512_set1_pd(value);
  }
  static DYADIC_INLINE Vector multiply_add(Vector sum, Vector row, Vector column) {
    return _mm512_fmadd_pd(row, column, sum);
  }
};

/// Sums of the 8 unsigned rows of a panel.
void sum_byte_rows(const std::byte* panel, std::int64_t groups, std::int64_t* sums) {
  __m256i sum = _mm256_setzero_si256();
  for (std::int64_t k = 0; k < groups; ++k) {
    const __m256i rows = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(panel + k * 32));
    sum = _mm256_dpbusd_epi32(sum, rows, _mm256_set1_epi8(1));
  }
  _mm512_storeu_si512(sums, _mm512_add_epi64(_mm512_loadu_si512(sums), _mm512_cvtepi32_epi64(sum)));
}

/// Sums of the 48 signed columns of a panel.
void sum_byte_columns(const std::byte* panel, std::int64_t groups, std::int64_t* sums) {
  constexpr int kVectors = ByteLanes::kColumnWidth / 8;
  __m256i sum[kVectors] = {};
  for (std::int64_t k = 0; k < groups; ++k) {
    for (int v = 0; v < kVectors; ++v) {
      const __m256i columns = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(panel + (k * kVectors + v) * 32));
      sum[v] = _mm256_dpbusd_epi32(sum[v], _mm256_set1_epi8(1), columns);
    }
  }
  for (int v = 0; v < kVectors; ++v) {
    _mm512_storeu_si512(sums + 8 * v,
                        _mm512_add_epi64(_mm512_loadu_si512(sums + 8 * v), _mm512_cvtepi32_epi64(sum[v])));
  }
}

#include "dyadic/kernels/generic/product_micro-inl.h"

using product::Accumulator;
using product::PackedType;

constexpr product::Engine kFloat32 = make_engine<FloatLanes>("vfmadd231ps", PackedType::f32, Accumulator::f32);
constexpr product::Engine kFloat64 = make_engine<DoubleLanes>("vfmadd231pd", PackedType::f64, Accumulator::f64);
constexpr product::Engine kInt64 = make_engine<Int64Lanes>("vpmullq", PackedType::i64, Accumulator::i64);
constexpr product::Engine kPairs = make_engine<PairLanes>("vpdpwssd", PackedType::i16x2, Accumulator::i32);

constexpr product::Engine make_byte_engine() {
  product::Engine engine = make_engine<ByteLanes>("vpdpbusd", PackedType::i8x4, Accumulator::i32);
  engine.sum_a = &sum_byte_rows;
  engine.sum_b = &sum_byte_columns;
  return engine;
}
constexpr product::Engine kBytes = make_byte_engine();

product::EngineSet make_engines() {
  return {
      .float32 = &kFloat32,
      .float64 = &kFloat64,
      .int64 = &kInt64,
      .pairs = &kPairs,
      .bytes = &kBytes,
      .two_bits = &kTwoBits,
      .planes = cpu_features().vpopcntdq ? &kPlanes : nullptr,
      .conversions = &kConversions,
      .pack = &avx2::product_pack,
  };
}

}  // namespace

const product::EngineSet& product_engines() {
  static const product::EngineSet engines = make_engines();
  return engines;
}

}  // namespace dyadic::avx512
DYADIC_END_TARGET
