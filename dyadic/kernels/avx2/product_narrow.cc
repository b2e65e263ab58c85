// Engines of the avx2 tier for integers of few bits. Planes: -1, 0 and 1 as bits; a product is not zero where both bits
// "not zero" are set, and negative where the bits "negative" differ, so a sum is the number of the former less twice
// that of the latter. Counting bits is two lookups of nibbles, vpshufb, per 256 of them. Light bytes: vpmaddubsw, whose
// int16 sums of two products are exact, and stay so for a few additions, if one side is small.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "dyadic/kernels/product_engine.h"
#include "dyadic/kernels/target.h"

DYADIC_BEGIN_AVX2
namespace dyadic::avx2 {
namespace {

struct Int32Vectors {
  static constexpr int kLanes = 8;
  static constexpr int kRowWidth = 4;
  static constexpr int kColumnWidth = 16;
  static DYADIC_INLINE __m256i load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
  static DYADIC_INLINE void store(void* p, __m256i v) { _mm256_storeu_si256(static_cast<__m256i*>(p), v); }
  static DYADIC_INLINE __m256i add32(__m256i a, __m256i b) { return _mm256_add_epi32(a, b); }
  static DYADIC_INLINE __m256i broadcast(const std::byte* p) {
    int word = 0;
    std::memcpy(&word, p, sizeof word);
    return _mm256_set1_epi32(word);
  }
};

struct PlaneLanes : Int32Vectors {
  static constexpr int kGroupBytes = 8;
  static constexpr int kRowGroupBytes = 8;
  static constexpr std::int64_t kMostGroups = 15;  // a byte of a group adds -8 to 8
  struct Planes {
    __m256i nonzero, negative;
  };
  using Row = Planes;
  using Column = Planes;
  using Sum = __m256i;  // of bytes

  static DYADIC_INLINE Row row(const std::byte* panel, int r) {
    return {broadcast(panel + 4 * r), broadcast(panel + 4 * (kRowWidth + r))};
  }
  static DYADIC_INLINE Column column(const std::byte* panel, int v) {
    return {load(panel + 32 * v), load(panel + 4 * kColumnWidth + 32 * v)};
  }
  static DYADIC_INLINE Sum add(Sum sum, const Row& row, const Column& column) {
    const __m256i bits = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,  //
                                          0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    const __m256i minus_twice = _mm256_setr_epi8(0, -2, -2, -4, -2, -4, -4, -6, -2, -4, -4, -6, -4, -6, -6, -8,  //
                                                 0, -2, -2, -4, -2, -4, -4, -6, -2, -4, -4, -6, -4, -6, -6, -8);
    const __m256i gate = _mm256_and_si256(row.nonzero, column.nonzero);
    const __m256i negative = _mm256_and_si256(gate, _mm256_xor_si256(row.negative, column.negative));
    return _mm256_add_epi8(sum, _mm256_add_epi8(look_up(bits, gate), look_up(minus_twice, negative)));
  }
  static DYADIC_INLINE __m256i total(Sum sum) {
    const __m256i pairs = _mm256_maddubs_epi16(_mm256_set1_epi8(1), sum);
    return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
  }

 private:
  /// Of each byte the entries of its two nibbles, added.
  static DYADIC_INLINE __m256i look_up(__m256i table, __m256i bytes) {
    const __m256i nibble = _mm256_set1_epi8(15);
    const __m256i high = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), nibble);
    return _mm256_add_epi8(_mm256_shuffle_epi8(table, _mm256_and_si256(bytes, nibble)),
                           _mm256_shuffle_epi8(table, high));
  }
};

struct LightByteLanes : Int32Vectors {
  static constexpr int kGroupBytes = 4;
  static constexpr int kRowGroupBytes = 4;
  // One step adds two products of at most 255 * kLightByte.
  static constexpr std::int64_t kMostGroups = 32767 / (2 * 255 * product::kLightByte);
  using Row = __m256i;
  using Column = __m256i;
  using Sum = __m256i;  // of int16

  static DYADIC_INLINE Row row(const std::byte* panel, int r) { return broadcast(panel + 4 * r); }
  static DYADIC_INLINE Column column(const std::byte* panel, int v) { return load(panel + 32 * v); }
  static DYADIC_INLINE Sum add(Sum sum, Row row, Column column) {
    return _mm256_add_epi16(sum, _mm256_maddubs_epi16(row, column));
  }
  static DYADIC_INLINE __m256i total(Sum sum) { return _mm256_madd_epi16(sum, _mm256_set1_epi16(1)); }
};

/// Columns of -1, 0 and 1.
struct TernaryByteLanes : LightByteLanes {
  static constexpr std::int64_t kMostGroups = 32767 / (2 * 255);
};

/// int8 rows, columns of two bits, unpacked in registers by shifts.
struct TwoBitLanes : Int32Vectors {
  static constexpr int kColumnWidth = 8;
  static constexpr int kGroupBytes = 4;      // of columns
  static constexpr int kRowGroupBytes = 16;  // four groups of four bytes
  // One group adds eight products of at most 128 * 3.
  static constexpr std::int64_t kMostGroups = 32767 / (8 * 128 * 3);
  using Row = const std::byte*;
  struct Column {
    __m256i quads[4];
  };
  using Sum = __m256i;  // of int16

  static DYADIC_INLINE Row row(const std::byte* panel, int r) { return panel + 4 * r; }
  static DYADIC_INLINE Column column(const std::byte* panel, int v) {
    const __m256i two_bits = _mm256_set1_epi8(3);
    const __m256i words = load(panel + 32 * v);
    return {{_mm256_and_si256(words, two_bits), _mm256_and_si256(_mm256_srli_epi16(words, 2), two_bits),
             _mm256_and_si256(_mm256_srli_epi16(words, 4), two_bits),
             _mm256_and_si256(_mm256_srli_epi16(words, 6), two_bits)}};
  }
  static DYADIC_INLINE Sum add(Sum sum, Row row, const Column& column) {
    const __m256i first = _mm256_maddubs_epi16(column.quads[0], broadcast(row));
    const __m256i second = _mm256_maddubs_epi16(column.quads[1], broadcast(row + 4 * kRowWidth));
    const __m256i third = _mm256_maddubs_epi16(column.quads[2], broadcast(row + 8 * kRowWidth));
    const __m256i fourth = _mm256_maddubs_epi16(column.quads[3], broadcast(row + 12 * kRowWidth));
    return _mm256_add_epi16(sum, _mm256_add_epi16(_mm256_add_epi16(first, second), _mm256_add_epi16(third, fourth)));
  }
  static DYADIC_INLINE __m256i total(Sum sum) { return _mm256_madd_epi16(sum, _mm256_set1_epi16(1)); }
};

/// Sums of the rows of a panel of i8x16.
void sum_sixteen_rows(const std::byte* panel, std::int64_t groups, std::int64_t* sums) {
  __m128i sum = _mm_setzero_si128();
  for (std::int64_t k = 0; k < groups * 4; ++k) {
    const __m128i rows = _mm_loadu_si128(reinterpret_cast<const __m128i*>(panel + k * 16));
    sum = _mm_add_epi32(sum, _mm_madd_epi16(_mm_maddubs_epi16(_mm_set1_epi8(1), rows), _mm_set1_epi16(1)));
  }
  alignas(16) std::int32_t lanes[4];
  _mm_store_si128(reinterpret_cast<__m128i*>(lanes), sum);
  for (const std::int32_t lane : lanes) *sums++ += lane;
}

/// Sums of the columns of a panel of u2x16.
void sum_two_bit_columns(const std::byte* panel, std::int64_t groups, std::int64_t* sums) {
  __m256i sum = _mm256_setzero_si256();
  for (std::int64_t k = 0; k < groups; ++k) {
    const TwoBitLanes::Column column = TwoBitLanes::column(panel + k * 32, 0);
    for (const __m256i& quad : column.quads) {
      sum = _mm256_add_epi32(sum, TwoBitLanes::total(_mm256_maddubs_epi16(quad, _mm256_set1_epi8(1))));
    }
  }
  alignas(32) std::int32_t lanes[TwoBitLanes::kLanes];
  TwoBitLanes::store(lanes, sum);
  for (const std::int32_t lane : lanes) *sums++ += lane;
}

/// Sums of the columns of a panel of signed bytes.
void sum_byte_columns(const std::byte* panel, std::int64_t groups, std::int64_t* sums) {
  for (int v = 0; v < LightByteLanes::kColumnWidth / LightByteLanes::kLanes; ++v) {
    __m256i sum = _mm256_setzero_si256();
    for (std::int64_t k = 0; k < groups; ++k) {
      const __m256i column =
          LightByteLanes::column(panel + k * LightByteLanes::kColumnWidth * LightByteLanes::kGroupBytes, v);
      sum = _mm256_add_epi32(sum, LightByteLanes::total(_mm256_maddubs_epi16(_mm256_set1_epi8(1), column)));
    }
    alignas(32) std::int32_t lanes[LightByteLanes::kLanes];
    LightByteLanes::store(lanes, sum);
    for (const std::int32_t lane : lanes) *sums++ += lane;
  }
}

#include "dyadic/kernels/generic/product_stretches-inl.h"

template <class Lanes>
constexpr product::Engine make_byte_engine() {
  product::Engine engine = make_stretch_engine<Lanes>("vpmaddubsw", product::PackedType::i8x4);
  engine.sum_b = &sum_byte_columns;
  return engine;
}

constexpr product::Engine make_two_bit_engine() {
  product::Engine engine = make_stretch_engine<TwoBitLanes>("vpmaddubsw", product::PackedType::u2x16);
  engine.packed_a = product::PackedType::i8x16;
  engine.sum_a = &sum_sixteen_rows;
  engine.sum_b = &sum_two_bit_columns;
  return engine;
}

}  // namespace

constinit const product::Engine kPlanes = make_stretch_engine<PlaneLanes>("vpshufb", product::PackedType::planes);
constinit const product::Engine kLightBytes = make_byte_engine<LightByteLanes>();
constinit const product::Engine kTwoBits = make_two_bit_engine();
constinit const product::Engine kTernaryBytes = make_byte_engine<TernaryByteLanes>();

}  // namespace dyadic::avx2
DYADIC_END_TARGET
