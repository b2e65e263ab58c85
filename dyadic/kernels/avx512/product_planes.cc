// Bit planes on the avx512 tier, where a processor counts bits in vectors (VPOPCNTDQ). See avx2/product_narrow.cc for
// what is counted.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "dyadic/kernels/product_engine.h"
#include "dyadic/kernels/target.h"

DYADIC_BEGIN_AVX512_POPCOUNT
namespace dyadic::avx512 {
namespace {

struct PlaneLanes {
  static constexpr int kLanes = 16;
  static constexpr int kRowWidth = 4;
  static constexpr int kColumnWidth = 32;
  static constexpr int kGroupBytes = 8;
  static constexpr int kRowGroupBytes = 8;
  static constexpr std::int64_t kMostGroups = std::int64_t{1} << 26;  // a group adds at most 32 to a count in int32
  struct Planes {
    __m512i nonzero, negative;
  };
  using Row = Planes;
  using Column = Planes;
  struct Sum {
    __m512i gates, negative;
  };

  static DYADIC_INLINE __m512i load(const void* p) { return _mm512_loadu_si512(p); }
  static DYADIC_INLINE void store(void* p, __m512i v) { _mm512_storeu_si512(p, v); }
  static DYADIC_INLINE __m512i add32(__m512i a, __m512i b) { return _mm512_add_epi32(a, b); }
  static DYADIC_INLINE __m512i broadcast(const std::byte* p) {
    int word = 0;
    std::memcpy(&word, p, sizeof word);
    return _mm512_set1_epi32(word);
  }
  static DYADIC_INLINE Row row(const std::byte* panel, int r) {
    return {broadcast(panel + 4 * r), broadcast(panel + 4 * (kRowWidth + r))};
  }
  static DYADIC_INLINE Column column(const std::byte* panel, int v) {
    return {load(panel + 64 * v), load(panel + 4 * kColumnWidth + 64 * v)};
  }
  static DYADIC_INLINE Sum add(const Sum& sum, const Row& row, const Column& column) {
    constexpr int kXorGated = 0x28;  // truth table of (a xor b) and c
    const __m512i gate = _mm512_and_si512(row.nonzero, column.nonzero);
    const __m512i negative = _mm512_ternarylogic_epi32(row.negative, column.negative, gate, kXorGated);
    return {_mm512_add_epi32(sum.gates, _mm512_popcnt_epi32(gate)),
            _mm512_add_epi32(sum.negative, _mm512_popcnt_epi32(negative))};
  }
  static DYADIC_INLINE __m512i total(const Sum& sum) {
    return _mm512_sub_epi32(sum.gates, _mm512_add_epi32(sum.negative, sum.negative));
  }
};

#include "dyadic/kernels/generic/product_stretches-inl.h"

}  // namespace

constinit const product::Engine kPlanes = make_stretch_engine<PlaneLanes>("vpopcntd", product::PackedType::planes);

}  // namespace dyadic::avx512
DYADIC_END_TARGET
