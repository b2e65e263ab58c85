// Packing for products of int8 with weights that stay two bits each (product_engine.h, PackedType::i8x16 and u2x16):
// both are made of groups of i8x4, whose packing does the work.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dyadic/kernels/product_engine.h"

namespace dyadic::avx2 {
namespace {

using product::PackedType;
using product::PackJob;

constexpr std::int64_t kQuads = 4;  // groups of i8x4 in one of these

template <CodeType kType>
void pack_sixteens(const PackJob& job) {
  PackJob quads = job;
  quads.groups = job.groups * kQuads;
  quads.panel_groups = job.panel_groups * kQuads;
  product_pack(PackedType::i8x4, kType)(quads);
}

/// A few groups of a panel at a time, through a buffer.
template <CodeType kType>
void pack_two_bits(const PackJob& job) {
  constexpr std::int64_t kGroups = 8;
  constexpr std::int64_t kMostWidth = 16;
  alignas(64) std::uint32_t quads[kGroups * kQuads * kMostWidth];
  const std::int64_t width = job.layout.width;
  const std::int64_t panel_groups = job.panel_groups != 0 ? job.panel_groups : job.groups;
  for (std::int64_t row = job.row_begin; row < job.row_end; row += width) {
    for (std::int64_t group = 0; group < job.groups; group += kGroups) {
      const std::int64_t groups = std::min(kGroups, job.groups - group);
      PackJob part = job;
      part.row_begin = row;
      part.row_end = std::min(row + width, job.row_end);
      part.depth_begin = job.depth_begin + group * product::group_codes(PackedType::u2x16);
      part.groups = groups * kQuads;
      part.panel_groups = 0;
      part.panels = reinterpret_cast<std::byte*>(quads);
      product_pack(PackedType::i8x4, kType)(part);
      std::byte* to = job.panels + ((row - job.row_begin) / width * panel_groups + group) * width * 4;
      for (std::int64_t i = 0; i < groups * width; ++i) {
        const std::uint32_t* from = quads + i / width * kQuads * width + i % width;
        const std::uint32_t word = from[0] | from[width] << 2 | from[2 * width] << 4 | from[3 * width] << 6;
        std::memcpy(to + i * 4, &word, sizeof word);
      }
    }
  }
}

}  // namespace

product::PackFunction sixteens_pack(CodeType type) {
  static constexpr product::PackFunction kPacks[] = {&pack_sixteens<CodeType::i8>,  &pack_sixteens<CodeType::u8>,
                                                     &pack_sixteens<CodeType::i16>, &pack_sixteens<CodeType::u16>,
                                                     &pack_sixteens<CodeType::i32>, &pack_sixteens<CodeType::u32>};
  return kPacks[static_cast<int>(type)];
}

product::PackFunction two_bits_pack(CodeType type) {
  static constexpr product::PackFunction kPacks[] = {&pack_two_bits<CodeType::i8>,  &pack_two_bits<CodeType::u8>,
                                                     &pack_two_bits<CodeType::i16>, &pack_two_bits<CodeType::u16>,
                                                     &pack_two_bits<CodeType::i32>, &pack_two_bits<CodeType::u32>};
  return kPacks[static_cast<int>(type)];
}

}  // namespace dyadic::avx2
