// Packing of -1, 0 and 1 into bit planes (product_engine.h, PackedType::planes) for every tier from avx2 on. Bytes
// become integers 32 at a time by wrapping arithmetic, which is exact for integers of a byte; their comparisons with
// zero are the planes. Where memory runs across the panel, bits of eight k are collected in bytes and four such bytes
// zipped.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dyadic/kernels/product_engine.h"
#include "dyadic/kernels/target.h"

DYADIC_BEGIN_AVX2
namespace dyadic::avx2 {
namespace {

using product::PackJob;
using product::PackSource;

constexpr std::int64_t kGroup = product::group_codes(product::PackedType::planes);
constexpr std::int64_t kWord = 4;

/// Where the words of a row lie: [panel][group][plane][row of the panel].
struct PlanePanels {
  std::byte* base;
  std::int64_t width, groups;

  explicit PlanePanels(const PackJob& job)
      : base(job.panels), width(job.layout.width), groups(job.panel_groups != 0 ? job.panel_groups : job.groups) {}

  /// Of `row`, counted from the job's first one: the word "not zero"; the word "negative" lies plane_bytes() on.
  [[nodiscard]] std::byte* at(std::int64_t row, std::int64_t group) const {
    return base + ((row / width * groups + group) * 2 * width + row % width) * kWord;
  }
  [[nodiscard]] std::int64_t plane_bytes() const { return width * kWord; }
};

void store_words(const PlanePanels& panels, std::int64_t row, std::int64_t group, std::uint32_t nonzero,
                 std::uint32_t negative) {
  std::byte* to = panels.at(row, group);
  std::memcpy(to, &nonzero, kWord);
  std::memcpy(to + panels.plane_bytes(), &negative, kWord);
}

/// Wrapping bytes multiplier * code - offset, for multipliers of 1 and 2.
struct ByteIntegers {
  __m256i doubled, offset;

  explicit ByteIntegers(const PackSource& source)
      : doubled(_mm256_set1_epi8(source.multiplier == 2 ? -1 : 0)),
        offset(_mm256_set1_epi8(static_cast<char>(source.offset))) {}

  [[nodiscard]] DYADIC_INLINE __m256i load(const void* codes) const {
    const __m256i code = _mm256_loadu_si256(static_cast<const __m256i*>(codes));
    return _mm256_sub_epi8(_mm256_add_epi8(code, _mm256_and_si256(code, doubled)), offset);
  }
};

/// Bytes along the depth.
void pack_planes_along(const PackJob& job) {
  const PackSource& source = *job.source;
  const ByteIntegers integers(source);
  const PlanePanels panels(job);
  for (std::int64_t row = job.row_begin; row < job.row_end; ++row) {
    const std::byte* codes = static_cast<const std::byte*>(source.codes) + row * source.row_stride + job.depth_begin;
    const std::int64_t depth = source.depth - job.depth_begin;
    for (std::int64_t group = 0; group < job.groups; ++group) {
      const std::int64_t here = std::clamp<std::int64_t>(depth - group * kGroup, 0, kGroup);
      __m256i values = _mm256_setzero_si256();
      if (here == kGroup) {
        values = integers.load(codes + group * kGroup);
      } else if (here > 0) {
        std::byte few[kGroup] = {};
        std::memcpy(few, codes + group * kGroup, static_cast<std::size_t>(here));
        values = integers.load(few);
      }
      const std::uint32_t exist = here == kGroup ? ~0U : (1U << here) - 1;
      const auto zero =
          static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(values, _mm256_setzero_si256())));
      const auto negative = static_cast<std::uint32_t>(_mm256_movemask_epi8(values));
      store_words(panels, row - job.row_begin, group, ~zero & exist, negative & exist);
    }
  }
}

/// Bytes b0, b1, b2, b3 of 32 rows, zipped to words; rows 4i to 4i + 3 are quarter i.
void zip_bytes(const __m256i* bytes, __m128i* quarters) {
  const __m256i low01 = _mm256_unpacklo_epi8(bytes[0], bytes[1]);
  const __m256i high01 = _mm256_unpackhi_epi8(bytes[0], bytes[1]);
  const __m256i low23 = _mm256_unpacklo_epi8(bytes[2], bytes[3]);
  const __m256i high23 = _mm256_unpackhi_epi8(bytes[2], bytes[3]);
  const __m256i words[4] = {_mm256_unpacklo_epi16(low01, low23), _mm256_unpackhi_epi16(low01, low23),
                            _mm256_unpacklo_epi16(high01, high23), _mm256_unpackhi_epi16(high01, high23)};
  for (int i = 0; i < 4; ++i) {
    quarters[i] = _mm256_castsi256_si128(words[i]);
    quarters[4 + i] = _mm256_extracti128_si256(words[i], 1);
  }
}

/// Bytes across the depth: rows are neighbours.
void pack_planes_across(const PackJob& job) {
  const PackSource& source = *job.source;
  const ByteIntegers integers(source);
  const PlanePanels panels(job);
  const std::int64_t rows = job.row_end - job.row_begin;
  for (std::int64_t row = 0; row < rows; row += 32) {
    const std::int64_t rows_here = std::min<std::int64_t>(32, rows - row);
    for (std::int64_t group = 0; group < job.groups; ++group) {
      __m256i nonzero[4] = {}, negative[4] = {};
      for (std::int64_t i = 0; i < kGroup; ++i) {
        const std::int64_t k = job.depth_begin + group * kGroup + i;
        if (k >= source.depth) break;
        const std::byte* codes =
            static_cast<const std::byte*>(source.codes) + k * source.depth_stride + job.row_begin + row;
        std::byte few[32] = {};
        if (rows_here < 32) std::memcpy(few, codes, static_cast<std::size_t>(rows_here));
        const __m256i values = integers.load(rows_here < 32 ? few : codes);
        const __m256i bit = _mm256_set1_epi8(static_cast<char>(1 << (i % 8)));
        const __m256i zero = _mm256_cmpeq_epi8(values, _mm256_setzero_si256());
        const __m256i below = _mm256_cmpgt_epi8(_mm256_setzero_si256(), values);
        nonzero[i / 8] = _mm256_or_si256(nonzero[i / 8], _mm256_andnot_si256(zero, bit));
        negative[i / 8] = _mm256_or_si256(negative[i / 8], _mm256_and_si256(below, bit));
      }
      __m128i nonzero_words[8], negative_words[8];
      zip_bytes(nonzero, nonzero_words);
      zip_bytes(negative, negative_words);
      // Panels are multiples of four rows wide, so four rows lie together, padded ones among them.
      for (std::int64_t quarter = 0; quarter * 4 < rows_here; ++quarter) {
        std::byte* to = panels.at(row + quarter * 4, group);
        _mm_storeu_si128(reinterpret_cast<__m128i*>(to), nonzero_words[quarter]);
        _mm_storeu_si128(reinterpret_cast<__m128i*>(to + panels.plane_bytes()), negative_words[quarter]);
      }
    }
  }
}

/// Any codes and strides, one at a time.
template <class Code>
void pack_planes_slowly(const PackJob& job) {
  const PackSource& source = *job.source;
  const PlanePanels panels(job);
  for (std::int64_t row = job.row_begin; row < job.row_end; ++row) {
    for (std::int64_t group = 0; group < job.groups; ++group) {
      std::uint32_t nonzero = 0, negative = 0;
      for (std::int64_t i = 0; i < kGroup; ++i) {
        const std::int64_t k = job.depth_begin + group * kGroup + i;
        if (k >= source.depth) break;
        const Code code = static_cast<const Code*>(source.codes)[row * source.row_stride + k * source.depth_stride];
        const std::int64_t value = source.multiplier * std::int64_t{code} - source.offset;
        nonzero |= static_cast<std::uint32_t>(value != 0) << i;
        negative |= static_cast<std::uint32_t>(value < 0) << i;
      }
      store_words(panels, row - job.row_begin, group, nonzero, negative);
    }
  }
}

template <class Code>
void pack_planes(const PackJob& job) {
  const PackSource& source = *job.source;
  const bool wraps = sizeof(Code) == 1 && (source.multiplier == 1 || source.multiplier == 2);
  if (wraps && source.depth_stride == 1) return pack_planes_along(job);
  if (wraps && source.row_stride == 1) return pack_planes_across(job);
  pack_planes_slowly<Code>(job);
}

}  // namespace

product::PackFunction planes_pack(CodeType type) {
  static constexpr product::PackFunction kPacks[] = {&pack_planes<std::int8_t>,  &pack_planes<std::uint8_t>,
                                                     &pack_planes<std::int16_t>, &pack_planes<std::uint16_t>,
                                                     &pack_planes<std::int32_t>, &pack_planes<std::uint32_t>};
  return kPacks[static_cast<int>(type)];
}

}  // namespace dyadic::avx2
DYADIC_END_TARGET
