// What a number is. A Format is plain data: everything the codecs, kernels, names, packing, documentation and tests
// need is derived from it, and no code anywhere asks "is this q2.14?". Two encodings cover every scalar format:
//
//   floating   code = sign | exponent | mantissa, as in IEEE 754 but for `specials`
//   grid       code = integer in [min_code, max_code];
//              value = (code_multiplier * code - code_offset) * scale * 2^step_exponent
//
// fixed, dynamic fixed, affine and discrete formats are grids. So are the codes of a block format, but their step is
// that of their block, whose exponent a Tensor keeps beside them (block.h); what takes one code at a time refuses such
// a format. Codebooks will be a third encoding. Specification: docs/formats.md.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace dyadic {

enum class Family : std::uint8_t { floating, fixed, dynamic_fixed, affine, discrete, exact, block };

/// What happens to a value beyond the largest after rounding. Infinities are treated like finite overflow.
enum class Overflow : std::uint8_t { sat, inf, nan, wrap, error };

/// Ties and directions; sr* move away from the near neighbour with a probability given by random bits.
enum class Rounding : std::uint8_t { rne, rna, rnd, rnu, rtz, rd, ru, ro, sr, sr16, sr8, srh };

/// Which codes of a floating format are not finite numbers.
enum class Specials : std::uint8_t {
  ieee,     // exponent all ones: infinity (mantissa 0) and NaNs
  one_nan,  // "fn": all ones below the sign is NaN, no infinity
  uz,       // "fnuz": the code of -0 is the one NaN, no infinity, no -0
  none,     // every code is finite (OCP 6- and 4-bit formats)
};

/// Memory type of one unpacked code. float32 is the format whose code is the float.
enum class CodeType : std::uint8_t { i8, u8, i16, u16, i32, u32, f32 };

constexpr int code_bytes(CodeType type) {
  constexpr int kBytes[] = {1, 1, 2, 2, 4, 4, 4};
  return kBytes[static_cast<int>(type)];
}

struct Format {
  std::string name;  // base name without parameters and policies: "q2.14", "float16", "dfx10"
  Family family = Family::floating;
  int width = 32;  // bits of a packed code, 1..32; 0 for `exact`
  Overflow overflow = Overflow::inf;
  Rounding rounding = Rounding::rne;

  // floating
  int exponent_bits = 8;
  int mantissa_bits = 23;
  int bias = 127;
  Specials specials = Specials::ieee;
  bool is_signed = true;
  bool has_zero = true;  // false only for float8_e8m0fnu, which has no subnormals either

  // grid
  std::int64_t min_code = 0;
  std::int64_t max_code = 0;
  int step_exponent = 0;
  float scale = 1.0F;                // positive; a power of two is folded into step_exponent by the parser
  std::int64_t code_multiplier = 1;  // 2 for binary only
  std::int64_t code_offset = 0;      // zero point of affine formats, middle index of discrete ones

  // block: so many consecutive elements of a tensor share an exponent. 0 in every other family, and in the grid of one
  // block (block_grid() in block.h).
  int block_size = 0;

  // Moving limits. dfx: the range R, step 2^(R-W+1). floating: values are clamped to +-2^range and counted against it,
  // which is how range initialisation runs (docs/numerics.md). kNoRange: not set.
  static constexpr int kNoRange = std::numeric_limits<int>::min();
  int range = kNoRange;

  bool operator==(const Format&) const = default;

  [[nodiscard]] bool is_grid() const { return family != Family::floating && family != Family::exact; }
  [[nodiscard]] bool has_blocks() const { return block_size != 0; }
  [[nodiscard]] bool has_range() const { return range != kNoRange; }
  [[nodiscard]] bool has_infinity() const { return family == Family::floating && specials == Specials::ieee; }
  [[nodiscard]] bool has_nan() const { return family == Family::floating && specials != Specials::none; }
  /// Codes are exact integers times a power of two, so that products of two such formats are summed as integers.
  [[nodiscard]] bool is_dyadic_grid() const { return is_grid() && scale == 1.0F && !has_blocks(); }
  /// Stochastic rounding measures the distance to the neighbour nearer zero (else to the lower neighbour).
  [[nodiscard]] bool is_sign_symmetric() const {
    return family == Family::floating || family == Family::dynamic_fixed || family == Family::discrete ||
           family == Family::block || (family == Family::fixed && min_code == -max_code);
  }
  /// False for binary, and for float8_e8m0fnu.
  [[nodiscard]] bool represents_zero() const { return code_multiplier == 1 && has_zero; }
  /// Smallest exponent of a normal number of a floating format.
  [[nodiscard]] int min_exponent() const { return 1 - bias; }
  /// Largest |code_multiplier * code - code_offset| of a grid: what bounds sums of products.
  [[nodiscard]] std::int64_t max_magnitude() const;
  /// Largest |value| of a grid: H of a discrete format.
  [[nodiscard]] double grid_limit() const;
};

/// Largest finite code of a floating format, sign bit clear.
std::uint32_t max_finite_code(const Format& format);

/// Code of +infinity; the format must have one.
std::uint32_t infinity_code(const Format& format);

/// The NaN code that encode() writes; the format must have one.
std::uint32_t nan_code(const Format& format);

CodeType code_type(const Format& format);

/// Parses NAME[@RANGE|*SCALE[+ZERO_POINT]][:overflow][:rounding]. Throws UsageError with the nearest valid name.
/// Deterministic; source: docs/formats.md.
Format parse_format(std::string_view text);

/// The full spelling, policies included; parse_format(format_name(f)) == f.
std::string format_name(const Format& format);

/// `format` with its range set: step_exponent follows for dfx. Throws UsageError for formats without a range.
Format with_range(const Format& format, int range);

std::string_view overflow_name(Overflow overflow);
std::string_view rounding_name(Rounding rounding);

/// Random bits per element that a rounding consumes: 0, 8, 16 or 32.
int random_bits_per_element(Rounding rounding);

/// Number of codes in use; those of a floating format include -0, infinities and NaNs.
std::int64_t code_count(const Format& format);

}  // namespace dyadic
