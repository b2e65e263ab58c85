// int8 rows against columns of two bits on the avx512 tier; see avx2/product_narrow.cc. vpdpbusd sums in int32 at once.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "dyadic/kernels/product_engine.h"
#include "dyadic/kernels/target.h"

DYADIC_BEGIN_AVX512
namespace dyadic::avx512 {
namespace {

struct TwoBitLanes {
  static constexpr int kLanes = 16;
  static constexpr int kRowWidth = 4;
  static constexpr int kColumnWidth = 16;
  static constexpr int kGroupBytes = 4;                               // of columns
  static constexpr int kRowGroupBytes = 16;                           // four groups of four bytes
  static constexpr std::int64_t kMostGroups = std::int64_t{1} << 40;  // int32 sums may wrap
  using Row = const std::byte*;
  struct Column {
    __m512i quads[4];
  };
  using Sum = __m512i;

  static DYADIC_INLINE __m512i load(const void* p) { return _mm512_loadu_si512(p); }
  static DYADIC_INLINE void store(void* p, __m512i v) { _mm512_storeu_si512(p, v); }
  static DYADIC_INLINE __m512i add32(__m512i a, __m512i b) { return _mm512_add_epi32(a, b); }
  static DYADIC_INLINE __m512i broadcast(const std::byte* p) {
    int word = 0;
    std::memcpy(&word, p, sizeof word);
    return _mm512_set1_epi32(word);
  }
  static DYADIC_INLINE Row row(const std::byte* panel, int r) { return panel + 4 * r; }
  static DYADIC_INLINE Column column(const std::byte* panel, int v) {
    const __m512i two_bits = _mm512_set1_epi8(3);
    const __m512i words = load(panel + 64 * v);
    return {{_mm512_and_si512(words, two_bits), _mm512_and_si512(_mm512_srli_epi16(words, 2), two_bits),
             _mm512_and_si512(_mm512_srli_epi16(words, 4), two_bits),
             _mm512_and_si512(_mm512_srli_epi16(words, 6), two_bits)}};
  }
  static DYADIC_INLINE Sum add(Sum sum, Row row, const Column& column) {
    sum = _mm512_dpbusd_epi32(sum, column.quads[0], broadcast(row));
    sum = _mm512_dpbusd_epi32(sum, column.quads[1], broadcast(row + 4 * kRowWidth));
    sum = _mm512_dpbusd_epi32(sum, column.quads[2], broadcast(row + 8 * kRowWidth));
    return _mm512_dpbusd_epi32(sum, column.quads[3], broadcast(row + 12 * kRowWidth));
  }
  static DYADIC_INLINE __m512i total(Sum sum) { return sum; }
};

/// Sums of the rows of a panel of i8x16.
void sum_sixteen_rows(const std::byte* panel, std::int64_t groups, std::int64_t* sums) {
  __m128i sum = _mm_setzero_si128();
  for (std::int64_t k = 0; k < groups * 4; ++k) {
    const __m128i rows = _mm_loadu_si128(reinterpret_cast<const __m128i*>(panel + k * 16));
    sum = _mm_dpbusd_epi32(sum, _mm_set1_epi8(1), rows);
  }
  alignas(16) std::int32_t lanes[4];
  _mm_store_si128(reinterpret_cast<__m128i*>(lanes), sum);
  for (const std::int32_t lane : lanes) *sums++ += lane;
}

/// Sums of the columns of a panel of u2x16.
void sum_two_bit_columns(const std::byte* panel, std::int64_t groups, std::int64_t* sums) {
  __m512i sum = _mm512_setzero_si512();
  for (std::int64_t k = 0; k < groups; ++k) {
    const TwoBitLanes::Column column = TwoBitLanes::column(panel + k * 64, 0);
    for (const __m512i& quad : column.quads) sum = _mm512_dpbusd_epi32(sum, quad, _mm512_set1_epi8(1));
  }
  alignas(64) std::int32_t lanes[TwoBitLanes::kLanes];
  TwoBitLanes::store(lanes, sum);
  for (const std::int32_t lane : lanes) *sums++ += lane;
}

#include "dyadic/kernels/generic/product_stretches-inl.h"

constexpr product::Engine make_two_bit_engine() {
  product::Engine engine = make_stretch_engine<TwoBitLanes>("vpdpbusd", product::PackedType::u2x16);
  engine.packed_a = product::PackedType::i8x16;
  engine.sum_a = &sum_sixteen_rows;
  engine.sum_b = &sum_two_bit_columns;
  return engine;
}

}  // namespace

constinit const product::Engine kTwoBits = make_two_bit_engine();

}  // namespace dyadic::avx512
DYADIC_END_TARGET
