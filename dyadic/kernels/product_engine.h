// What a matrix product is put together from: operands packed into panels, engines that multiply panels, and the plan
// that says which engine runs on which digits of the operands. Internal to the product kernels.
//
// A panel holds `width` rows of one operand (rows of a, or columns of y = rows of b) and a stretch of the depth, in
// groups: the neighbours in k that one instruction sums (2 int16 for vpdpwssd, 4 bytes for AMX and vpdpbusd, else 1).
// Groups lie [group][row], so that a kernel reads one vector per step; AMX row operands lie in tiles of 16 groups,
// [group / 16][row][group % 16]. Depth is padded with zeros to whole groups, which integers do not notice; float
// engines have groups of 1 and no padding. Padded rows hold anything finite: their sums are never looked at.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dyadic/formats/format.h"
#include "dyadic/kernels/product.h"

namespace dyadic::product {

/// Integers v of an operand are split as v = high * 256 + low when their products would be too large for an engine.
/// A digit is (v + round) >> shift, or the signed low byte of v: round is 128 for the high digit that belongs to a
/// signed low byte in [-128, 127], 0 for the one that belongs to an unsigned low byte.
struct Digit {
  int round = 0;
  int shift = 0;
  bool low_byte = false;
};

inline constexpr Digit kWhole = {0, 0, false};
inline constexpr Digit kHighOfSignedLow = {128, 8, false};
inline constexpr Digit kHighOfUnsignedLow = {0, 8, false};
inline constexpr Digit kLow = {0, 0, true};

/// One group of a packed operand.
///   planes   32 integers of -1, 0 and 1 as two words, one bit each for "not zero" and for "negative"; a group has the
///            first words of all its rows, then the second ones
///   i8x16    four groups of i8x4: what meets one of u2x16
///   u2x16    16 integers of 0 to 3 in a word: bits 2j of its four bytes are integers 4j to 4j + 3
enum class PackedType { i16x2, i8x4, f32, f64, i64, planes, i8x16, u2x16 };
inline constexpr int kPackedTypes = 8;

constexpr int group_codes(PackedType type) {
  constexpr int kCodes[kPackedTypes] = {2, 4, 1, 1, 1, 32, 16, 16};
  return kCodes[static_cast<int>(type)];
}
constexpr int group_bytes(PackedType type) {
  constexpr int kBytes[kPackedTypes] = {4, 4, 4, 8, 8, 8, 16, 4};
  return kBytes[static_cast<int>(type)];
}

inline constexpr int kTileGroups = 16;

struct PanelLayout {
  int width = 0;
  bool tiles = false;  // [group / 16][row][group % 16] instead of [group][row]
};

/// Codes of an operand that lie neither along nor across: packing copies them, a piece that fits the nearest cache at a
/// time, and packs the copy. `across`: the copy is depth-major, [k][row]; else [row][k]. No gaps.
struct Gather {
  using Copy = void (*)(const void* context, std::int64_t row_begin, std::int64_t row_end, std::int64_t depth_begin,
                        std::int64_t depth_end, std::byte* to);
  const void* context = nullptr;
  Copy copy = nullptr;
  bool across = false;
};

/// [rows, depth] of integers (multiplier * code - offset) or of float32.
struct PackSource {
  const void* codes = nullptr;
  CodeType type = CodeType::i16;
  std::int64_t row_stride = 0;
  std::int64_t depth_stride = 1;
  std::int64_t rows = 0;
  std::int64_t depth = 0;
  std::int64_t multiplier = 1;
  std::int64_t offset = 0;
  bool fits_int32 = true;          // all integers do; else only the slow packer is right
  const Gather* gather = nullptr;  // instead of codes and strides
};

/// Packs rows [row_begin, row_end) and `groups` groups from depth_begin on into consecutive panels. row_begin is a
/// multiple of the panel width, depth_begin of the group, and of the tile in layouts of tiles.
struct PackJob {
  const PackSource* source = nullptr;
  Digit digit;
  PanelLayout layout;
  std::int64_t row_begin = 0;
  std::int64_t row_end = 0;
  std::int64_t depth_begin = 0;
  std::int64_t groups = 0;
  std::int64_t panel_groups = 0;  // of the panels that this is a part of; 0: groups
  std::byte* panels = nullptr;
};
using PackFunction = void (*)(const PackJob& job);

/// sums[i * stride + j] (+)= sum over groups of row i of `a` times row j of `b`. Writes whole vectors: the tile of sums
/// is padded to panel widths. `rows` and `columns` are those that somebody looks at.
using MultiplyFunction = void (*)(const std::byte* a, const std::byte* b, std::int64_t groups, int rows, int columns,
                                  void* sums, std::int64_t stride, bool accumulate);

/// sums[i * stride + j] += (int32 sum over groups) << shift.
using MultiplyFlushFunction = void (*)(const std::byte* a, const std::byte* b, std::int64_t groups, int rows,
                                       int columns, std::int64_t* sums, std::int64_t stride, int shift);

enum class Accumulator { i32, i64, f32, f64 };

constexpr int accumulator_bytes(Accumulator type) {
  return type == Accumulator::i32 || type == Accumulator::f32 ? 4 : 8;
}

/// Adds int32 sums of one digit product, shifted, to a tile's sums. i32 wraps; i64 must not.
using FlushFunction = void (*)(const std::int32_t* from, std::int64_t from_stride, std::int64_t rows,
                               std::int64_t columns, int shift, void* to, std::int64_t to_stride);

/// Rewrites n accumulators as the sums that a consumer sees.
using ConvertFunction = void (*)(const void* from, std::int64_t n, void* to);

/// sums[i] += the numbers of row i of a panel of bytes.
using SumRowsFunction = void (*)(const std::byte* panel, std::int64_t groups, std::int64_t* sums);

struct Engine {
  const char* instructions = nullptr;
  PackedType packed_a = PackedType::f32, packed_b = PackedType::f32;  // groups of equally many codes
  Accumulator accumulator = Accumulator::f32;
  PanelLayout a, b;
  int block_groups = 0;  // depth of a block whose panels stay in the nearest cache
  /// [a is unsigned][b is unsigned] where the instruction asks, else four times the same function.
  MultiplyFunction multiply[2][2] = {};
  MultiplyFlushFunction multiply_flush = nullptr;  // null: through memory, by the tier's conversions
  SumRowsFunction sum_a = nullptr, sum_b = nullptr;
  void (*begin)() = nullptr;  // per thread, before the first and after the last multiplication
  void (*end)() = nullptr;
};

/// Sum conversions of a tier.
struct Conversions {
  FlushFunction flush_i32 = nullptr;
  FlushFunction flush_i64 = nullptr;
  ConvertFunction i32_to_i64 = nullptr;
  ConvertFunction i64_to_i32 = nullptr;
  ConvertFunction f64_to_i32 = nullptr;
  ConvertFunction f64_to_i64 = nullptr;
};

/// Columns up to which products uint8 x int8 may be summed in int16 for a while (vpmaddubsw): the 17 states of z4.
inline constexpr std::int64_t kLightByte = 8;

/// The engines of a tier; null where it has none of the kind.
struct EngineSet {
  const Engine* float32 = nullptr;
  const Engine* float64 = nullptr;  // integers whose sums stay below 2^53
  const Engine* int64 = nullptr;
  const Engine* pairs = nullptr;          // int16 x int16
  const Engine* bytes = nullptr;          // uint8 x int8, the others by offsets of 128
  const Engine* ternary_bytes = nullptr;  // the same for int8 of -1, 0 and 1
  const Engine* two_bits = nullptr;       // int8 x ternary weights that stay packed, two bits each
  const Engine* light_bytes = nullptr;    // uint8 x int8 of at most kLightByte
  const Engine* planes = nullptr;         // -1, 0 and 1 on both sides
  const Engine* tiles = nullptr;          // bytes of any sign
  const Conversions* conversions = nullptr;
  PackFunction (*pack)(PackedType packed, CodeType type) = nullptr;
  /// Digit products up to which tiles beat pairs on this machine.
  int (*tile_products)() = nullptr;
};

}  // namespace dyadic::product

namespace dyadic::avx2 {
const product::EngineSet& product_engines();
product::PackFunction product_pack(product::PackedType packed, CodeType type);
product::PackFunction planes_pack(CodeType type);
product::PackFunction sixteens_pack(CodeType type);  // PackedType::i8x16
product::PackFunction two_bits_pack(CodeType type);  // PackedType::u2x16
extern const product::Engine kPlanes;
extern const product::Engine kTernaryBytes;
extern const product::Engine kTwoBits;
extern const product::Engine kLightBytes;
}  // namespace dyadic::avx2

namespace dyadic::avx512 {
const product::EngineSet& product_engines();
extern const product::Engine kPlanes;  // needs VPOPCNTDQ
extern const product::Engine kTwoBits;
}  // namespace dyadic::avx512

namespace dyadic::amx {
const product::EngineSet& product_engines();
}
