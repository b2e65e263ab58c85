// Packing of operands into panels (product_engine.h) for every tier from avx2 on: packing is bound by memory, so
// 256-bit vectors are enough. One shape of code serves all code types and groups: 8 codes are widened to 32-bit
// lanes, made integers, combined to 8 groups of 32 bits, transposed where memory runs along the depth and the panel
// across it (or the other way round for tiles), and stored, widened again for 64-bit groups.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dyadic/kernels/product_engine.h"
#include "dyadic/kernels/target.h"

DYADIC_BEGIN_AVX2
namespace dyadic::avx2 {
namespace {

using product::PackedType;
using product::PackJob;

DYADIC_INLINE __m128i load16(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
DYADIC_INLINE __m256i load32(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
DYADIC_INLINE void store16(void* p, __m128i v) { _mm_storeu_si128(static_cast<__m128i*>(p), v); }
DYADIC_INLINE void store32(void* p, __m256i v) { _mm256_storeu_si256(static_cast<__m256i*>(p), v); }

DYADIC_INLINE __m256i widen8(const std::int8_t* p) {
  return _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
}
DYADIC_INLINE __m256i widen8(const std::uint8_t* p) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
}
DYADIC_INLINE __m256i widen8(const std::int16_t* p) { return _mm256_cvtepi16_epi32(load16(p)); }
DYADIC_INLINE __m256i widen8(const std::uint16_t* p) { return _mm256_cvtepu16_epi32(load16(p)); }
DYADIC_INLINE __m256i widen8(const std::int32_t* p) { return load32(p); }
DYADIC_INLINE __m256i widen8(const std::uint32_t* p) { return load32(p); }

/// What one job does to codes, in lanes. kPlain: the codes are the integers and the digit is the whole.
template <bool kPlain>
struct Integers {
  __m256i multiplier, offset, round;
  __m128i shift;
  bool low_byte;

  explicit Integers(const PackJob& job)
      : multiplier(_mm256_set1_epi32(static_cast<int>(job.source->multiplier))),
        offset(_mm256_set1_epi32(static_cast<int>(job.source->offset))),
        round(_mm256_set1_epi32(job.digit.round)),
        shift(_mm_cvtsi32_si128(job.digit.shift)),
        low_byte(job.digit.low_byte) {}

  [[nodiscard]] DYADIC_INLINE __m256i apply(__m256i codes) const {
    if constexpr (kPlain) return codes;
    const __m256i integers = _mm256_sub_epi32(_mm256_mullo_epi32(codes, multiplier), offset);
    const __m256i digits = _mm256_sra_epi32(_mm256_add_epi32(integers, round), shift);
    return low_byte ? _mm256_srai_epi32(_mm256_slli_epi32(digits, 24), 24) : digits;
  }
};

bool is_plain(const PackJob& job) {
  return job.source->multiplier == 1 && job.source->offset == 0 && job.digit.shift == 0 && !job.digit.low_byte;
}

// Groups: `across` combines integers of successive k for 8 rows, `along` those of 8 successive groups of one row.

struct Pairs {
  static constexpr int kCodes = 2;
  static constexpr int kBytes = 4;
  static DYADIC_INLINE __m256i across(const __m256i* k) {
    return _mm256_blend_epi16(k[0], _mm256_slli_epi32(k[1], 16), 0xAA);
  }
  static DYADIC_INLINE __m256i along(const __m256i* eights) {
    const __m256i low = _mm256_set1_epi32(0xFFFF);
    const __m256i lanes = _mm256_packus_epi32(_mm256_and_si256(eights[0], low), _mm256_and_si256(eights[1], low));
    return _mm256_permute4x64_epi64(lanes, 0xD8);
  }
  template <class Code>
  static DYADIC_INLINE __m256i along_plain(const Code* p) {
    static_assert(sizeof(Code) == 2);
    return load32(p);
  }
  static DYADIC_INLINE __m256i along_plain(const std::int8_t* p) { return _mm256_cvtepi8_epi16(load16(p)); }
  static DYADIC_INLINE __m256i along_plain(const std::uint8_t* p) { return _mm256_cvtepu8_epi16(load16(p)); }
};

struct Quads {
  static constexpr int kCodes = 4;
  static constexpr int kBytes = 4;
  static DYADIC_INLINE __m256i across(const __m256i* k) {
    const __m256i low = _mm256_set1_epi32(0xFF);
    const __m256i even =
        _mm256_or_si256(_mm256_and_si256(k[0], low), _mm256_slli_epi32(_mm256_and_si256(k[2], low), 16));
    const __m256i odd = _mm256_or_si256(_mm256_and_si256(k[1], low), _mm256_slli_epi32(k[3], 16));
    return _mm256_or_si256(even, _mm256_slli_epi32(odd, 8));
  }
  static DYADIC_INLINE __m256i along(const __m256i* eights) {
    const __m256i low = _mm256_set1_epi32(0xFF);
    const __m256i first = _mm256_packus_epi32(_mm256_and_si256(eights[0], low), _mm256_and_si256(eights[1], low));
    const __m256i second = _mm256_packus_epi32(_mm256_and_si256(eights[2], low), _mm256_and_si256(eights[3], low));
    return _mm256_permutevar8x32_epi32(_mm256_packus_epi16(first, second), _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
  }
  template <class Code>
  static DYADIC_INLINE __m256i along_plain(const Code* p) {
    static_assert(sizeof(Code) == 1);
    return load32(p);
  }
};

template <int kStoredBytes>
struct Singles {
  static constexpr int kCodes = 1;
  static constexpr int kBytes = kStoredBytes;
  static DYADIC_INLINE __m256i across(const __m256i* k) { return k[0]; }
  static DYADIC_INLINE __m256i along(const __m256i* eights) { return eights[0]; }
  template <class Code>
  static DYADIC_INLINE __m256i along_plain(const Code* p) {
    return widen8(p);
  }
};

struct Words {
  static constexpr int kPlainBytes = 4;
  static DYADIC_INLINE void store4(std::byte* to, __m128i groups) { store16(to, groups); }
  static DYADIC_INLINE void store8(std::byte* to, __m256i groups) { store32(to, groups); }
  static void put(std::byte* to, int code, std::int64_t integer, int codes) {
    const int bytes = 4 / codes;  // little endian
    std::memcpy(to + code * bytes, &integer, static_cast<std::size_t>(bytes));
  }
};

template <class Kind>
struct WordGroups : Kind, Words {};

struct FloatGroups : Singles<4>, Words {};

/// Wide groups are packed rarely: plain codes go the way of all others.
struct DoubleGroups : Singles<8> {
  static constexpr int kPlainBytes = 0;
  static DYADIC_INLINE void store4(std::byte* to, __m128i groups) {
    _mm256_storeu_pd(reinterpret_cast<double*>(to), _mm256_cvtepi32_pd(groups));
  }
  static DYADIC_INLINE void store8(std::byte* to, __m256i groups) {
    store4(to, _mm256_castsi256_si128(groups));
    store4(to + 32, _mm256_extracti128_si256(groups, 1));
  }
  static void put(std::byte* to, int, std::int64_t integer, int) {
    const auto value = static_cast<double>(integer);
    std::memcpy(to, &value, sizeof value);
  }
};

struct LongGroups : Singles<8> {
  static constexpr int kPlainBytes = 0;
  static DYADIC_INLINE void store4(std::byte* to, __m128i groups) { store32(to, _mm256_cvtepi32_epi64(groups)); }
  static DYADIC_INLINE void store8(std::byte* to, __m256i groups) {
    store4(to, _mm256_castsi256_si128(groups));
    store4(to + 32, _mm256_extracti128_si256(groups, 1));
  }
  static void put(std::byte* to, int, std::int64_t integer, int) { std::memcpy(to, &integer, sizeof integer); }
};

/// v[i] lane j becomes v[j] lane i.
DYADIC_INLINE void transpose8(__m256i* v) {
  __m256i pairs[8], fours[8];
  for (int i = 0; i < 8; i += 2) {
    pairs[i] = _mm256_unpacklo_epi32(v[i], v[i + 1]);
    pairs[i + 1] = _mm256_unpackhi_epi32(v[i], v[i + 1]);
  }
  for (int i = 0; i < 8; i += 4) {
    fours[i] = _mm256_unpacklo_epi64(pairs[i], pairs[i + 2]);
    fours[i + 1] = _mm256_unpackhi_epi64(pairs[i], pairs[i + 2]);
    fours[i + 2] = _mm256_unpacklo_epi64(pairs[i + 1], pairs[i + 3]);
    fours[i + 3] = _mm256_unpackhi_epi64(pairs[i + 1], pairs[i + 3]);
  }
  for (int i = 0; i < 4; ++i) {
    v[i] = _mm256_permute2x128_si256(fours[i], fours[i + 4], 0x20);
    v[i + 4] = _mm256_permute2x128_si256(fours[i], fours[i + 4], 0x31);
  }
}

/// Where groups go. Rows count from job.row_begin.
template <class Group>
class Panels {
 public:
  explicit Panels(const PackJob& job)
      : base_(job.panels),
        width_(job.layout.width),
        tiles_(job.layout.tiles),
        panel_bytes_((job.panel_groups != 0 ? job.panel_groups : job.groups) * width_ * Group::kBytes),
        rows_((job.row_end - job.row_begin + width_ - 1) / width_ * width_) {}

  [[nodiscard]] bool tiles() const { return tiles_; }
  [[nodiscard]] std::int64_t padded_rows() const { return rows_; }
  /// Rows 8 i .. 8 i + 7 of a group are neighbours.
  [[nodiscard]] bool holds_eights() const { return !tiles_ && width_ % 8 == 0; }
  /// Bytes from one group to the next.
  [[nodiscard]] std::int64_t step() const { return width_ * Group::kBytes; }

  [[nodiscard]] std::byte* at(std::int64_t row, std::int64_t group) const {
    std::byte* panel = base_ + row / width_ * panel_bytes_;
    const std::int64_t in_panel = row % width_;
    if (!tiles_) return panel + (group * width_ + in_panel) * Group::kBytes;
    return panel +
           ((group / product::kTileGroups * width_ + in_panel) * product::kTileGroups + group % product::kTileGroups) *
               Group::kBytes;
  }

  /// Stores `count` vectors: lane r of groups[g] belongs to (row + r, group + g). row is a multiple of 8.
  DYADIC_INLINE void store_across(std::int64_t row, std::int64_t group, const __m256i* groups, int count) const {
    std::byte* to = at(row, group);
    if (holds_eights()) {
      for (int g = 0; g < count; ++g) Group::store8(to + g * step(), groups[g]);
      return;
    }
    for (int g = 0; g < count; ++g) Group::store4(to + g * step(), _mm256_castsi256_si128(groups[g]));
    if (row + 4 >= rows_) return;
    to = at(row + 4, group);  // perhaps in the next panel: widths are multiples of 4
    for (int g = 0; g < count; ++g) Group::store4(to + g * step(), _mm256_extracti128_si256(groups[g], 1));
  }

  /// Lane g of rows[r] belongs to (row + r, group + g); group is a multiple of 8. Layouts of tiles only.
  DYADIC_INLINE void store_along(std::int64_t row, std::int64_t group, const __m256i* rows) const {
    std::byte* to = at(row, group);
    for (int r = 0; r < 8; ++r) Group::store8(to + r * product::kTileGroups * Group::kBytes, rows[r]);
  }

 private:
  std::byte* base_;
  std::int64_t width_;
  bool tiles_;
  std::int64_t panel_bytes_;
  std::int64_t rows_;
};

std::int64_t integer_at(const PackJob& job, std::int64_t code) {
  const std::int64_t integer = job.source->multiplier * code - job.source->offset;
  const std::int64_t digit = (integer + job.digit.round) >> job.digit.shift;
  return job.digit.low_byte ? static_cast<std::int8_t>(digit) : digit;
}

/// Any strides, any integers; also the ends of the depth. Writes zeros beyond it.
template <class Code, class Group>
void pack_slowly(const PackJob& job, std::int64_t first_group) {
  const product::PackSource& source = *job.source;
  const auto* codes = static_cast<const Code*>(source.codes);
  const Panels<Group> panels(job);
  for (std::int64_t row = job.row_begin; row < job.row_end; ++row) {
    for (std::int64_t group = first_group; group < job.groups; ++group) {
      std::byte* to = panels.at(row - job.row_begin, group);
      for (int c = 0; c < Group::kCodes; ++c) {
        const std::int64_t k = job.depth_begin + group * Group::kCodes + c;
        const std::int64_t at = row * source.row_stride + k * source.depth_stride;
        Group::put(to, c, k < source.depth ? integer_at(job, codes[at]) : 0, Group::kCodes);
      }
    }
  }
}

/// Zeros from `row`, a multiple of 8, to the panel's end, so that padding never holds another operand's numbers.
template <class Group>
void clear(const PackJob& job, std::int64_t row, std::int64_t first_group) {
  const Panels<Group> panels(job);
  const __m256i zeros[8] = {};
  for (; row < panels.padded_rows(); row += 8) {
    for (std::int64_t group = first_group; group < job.groups; group += 8) {
      if (panels.tiles()) panels.store_along(row, group, zeros);
      else panels.store_across(row, group, zeros, static_cast<int>(std::min<std::int64_t>(8, job.groups - group)));
    }
  }
}

/// Memory runs along the depth.
template <class Code, class Group, bool kPlain>
void pack_along(const PackJob& job) {
  const product::PackSource& source = *job.source;
  const Integers<kPlain> integers(job);
  const Panels<Group> panels(job);
  const std::int64_t codes_left = std::max<std::int64_t>(0, source.depth - job.depth_begin);
  const std::int64_t groups = std::min(job.groups, codes_left / Group::kCodes) / 8 * 8;
  const auto* codes = static_cast<const Code*>(source.codes) + job.depth_begin;
  const std::int64_t row_count = job.row_end - job.row_begin;
  for (std::int64_t row = 0; row < row_count; row += 8) {
    const Code* rows[8];
    for (int r = 0; r < 8; ++r) {  // a last row stands in for those that are not there
      rows[r] = codes + std::min(job.row_begin + row + r, job.row_end - 1) * source.row_stride;
    }
    for (std::int64_t group = 0; group < groups; group += 8) {
      __m256i lanes[8];
      for (int r = 0; r < 8; ++r) {
        const Code* from = rows[r] + group * Group::kCodes;
        if constexpr (kPlain) {
          lanes[r] = Group::along_plain(from);
        } else {
          __m256i eights[Group::kCodes];
          for (int c = 0; c < Group::kCodes; ++c) eights[c] = integers.apply(widen8(from + 8 * c));
          lanes[r] = Group::along(eights);
        }
      }
      if (panels.tiles()) {
        panels.store_along(row, group, lanes);
      } else {
        transpose8(lanes);
        panels.store_across(row, group, lanes, 8);
      }
    }
  }
  clear<Group>(job, (row_count + 7) / 8 * 8, 0);
  clear<Group>(job, row_count / 8 * 8, groups);
  pack_slowly<Code, Group>(job, groups);
}

/// Memory runs across the rows: groups of 8 rows at a time.
template <class Code, class Group, bool kPlain>
class AcrossReader {
 public:
  explicit AcrossReader(const PackJob& job)
      : integers_(job),
        codes_(static_cast<const Code*>(job.source->codes) + job.row_begin +
               job.depth_begin * job.source->depth_stride),
        stride_(job.source->depth_stride),
        depth_(std::max<std::int64_t>(0, job.source->depth - job.depth_begin)) {}

  /// Groups that the depth fills.
  [[nodiscard]] std::int64_t whole_groups() const { return depth_ / Group::kCodes; }

  /// Rows row .. row + 7 and all codes of the group exist.
  [[nodiscard]] DYADIC_INLINE __m256i read(std::int64_t row, std::int64_t group) const {
    const Code* from = codes_ + group * Group::kCodes * stride_ + row;
    __m256i ks[Group::kCodes];
    for (int c = 0; c < Group::kCodes; ++c) ks[c] = integers_.apply(widen8(from + c * stride_));
    return Group::across(ks);
  }

  /// `rows` of the 8 rows exist, and perhaps not all codes.
  [[nodiscard]] __m256i read_edge(std::int64_t row, std::int64_t group, std::int64_t rows) const {
    __m256i ks[Group::kCodes];
    for (int c = 0; c < Group::kCodes; ++c) {
      const std::int64_t k = group * Group::kCodes + c;
      Code few[8] = {};
      if (k < depth_) std::memcpy(few, codes_ + k * stride_ + row, static_cast<std::size_t>(rows) * sizeof(Code));
      ks[c] = k < depth_ ? integers_.apply(widen8(few)) : _mm256_setzero_si256();
    }
    return Group::across(ks);
  }

 private:
  Integers<kPlain> integers_;
  const Code* codes_;
  std::int64_t stride_;
  std::int64_t depth_;
};

template <class Code, class Group, bool kPlain>
void pack_across(const PackJob& job) {
  constexpr std::int64_t kStretch = 32;  // groups after which the next rows' share of the same cache lines is read
  const AcrossReader<Code, Group, kPlain> reader(job);
  const Panels<Group> panels(job);
  const std::int64_t rows = job.row_end - job.row_begin;
  for (std::int64_t stretch = 0; stretch < job.groups; stretch += kStretch) {
    const std::int64_t end = std::min(stretch + kStretch, job.groups);
    for (std::int64_t row = 0; row < rows; row += 8) {
      const std::int64_t rows_here = std::min<std::int64_t>(8, rows - row);
      std::int64_t group = stretch;
      if (rows_here == 8 && panels.holds_eights()) {
        std::byte* to = panels.at(row, group);
        for (; group < std::min(end, reader.whole_groups()); ++group, to += panels.step()) {
          Group::store8(to, reader.read(row, group));
        }
      }
      for (; group < end; group += 8) {
        const int count = static_cast<int>(std::min<std::int64_t>(8, end - group));
        __m256i lanes[8] = {};
        for (int g = 0; g < count; ++g) {
          const bool whole = rows_here == 8 && group + g < reader.whole_groups();
          lanes[g] = whole ? reader.read(row, group + g) : reader.read_edge(row, group + g, rows_here);
        }
        if (panels.tiles()) {
          transpose8(lanes);
          panels.store_along(row, group, lanes);
        } else {
          panels.store_across(row, group, lanes, count);
        }
      }
    }
  }
  clear<Group>(job, (rows + 7) / 8 * 8, 0);
}

/// Whether plain codes have a way of their own: where the group holds them as they are stored. Wider ones come as
/// digits, which are not plain, or go the way of all others.
template <class Code, class Group>
constexpr bool kTakesPlain = sizeof(Code) * Group::kCodes <= Group::kPlainBytes;

template <class Code, class Group>
void pack(const PackJob& job) {
  constexpr bool kPlain = kTakesPlain<Code, Group>;
  const product::PackSource& source = *job.source;
  if (!source.fits_int32 || (source.row_stride != 1 && source.depth_stride != 1)) {
    clear<Group>(job, (job.row_end - job.row_begin) / 8 * 8, 0);
    pack_slowly<Code, Group>(job, 0);
  } else if (source.depth_stride == 1) {
    if (kPlain && is_plain(job)) return pack_along<Code, Group, kPlain>(job);
    pack_along<Code, Group, false>(job);
  } else {
    if (kPlain && is_plain(job)) return pack_across<Code, Group, kPlain>(job);
    pack_across<Code, Group, false>(job);
  }
}

template <class Group>
constexpr product::PackFunction kIntegerPacks[] = {
    &pack<std::int8_t, Group>,   &pack<std::uint8_t, Group>, &pack<std::int16_t, Group>,
    &pack<std::uint16_t, Group>, &pack<std::int32_t, Group>, &pack<std::uint32_t, Group>,
};

}  // namespace

product::PackFunction product_pack(PackedType packed, CodeType type) {
  if (packed == PackedType::f32) return &pack<std::uint32_t, FloatGroups>;  // only moves bits
  if (packed == PackedType::planes) return planes_pack(type);
  if (packed == PackedType::i8x16) return sixteens_pack(type);
  if (packed == PackedType::u2x16) return two_bits_pack(type);
  static constexpr const product::PackFunction* kPacks[product::kPackedTypes] = {
      kIntegerPacks<WordGroups<Pairs>>, kIntegerPacks<WordGroups<Quads>>, nullptr,
      kIntegerPacks<DoubleGroups>,      kIntegerPacks<LongGroups>,
  };
  return kPacks[static_cast<int>(packed)][static_cast<int>(type)];
}

}  // namespace dyadic::avx2
DYADIC_END_TARGET
