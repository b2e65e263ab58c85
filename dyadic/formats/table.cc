#include "dyadic/formats/table.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstdlib>
#include <string>

#include "dyadic/base/error.h"

namespace dyadic {
namespace {

constexpr int kMinWidth = 2;
constexpr int kMaxWidth = 32;
// Steps and limits stay normal float32 numbers, with room for the widest code on either side.
constexpr int kMaxFractionBits = 96;
constexpr int kMaxIntegerBits = 127;

void check_width(std::string_view name, int width) {
  if (width >= kMinWidth && width <= kMaxWidth) return;
  throw UsageError("format '" + std::string(name) + "': width " + std::to_string(width) + " is outside " +
                   std::to_string(kMinWidth) + ".." + std::to_string(kMaxWidth));
}

Overflow default_overflow(const Format& format) { return format.has_infinity() ? Overflow::inf : Overflow::sat; }

/// Consumes a decimal integer at the front of `text`; digits only unless `negative_allowed`.
bool take_int(std::string_view& text, int& value, bool negative_allowed) {
  if (text.empty() || (text.front() == '-' && !negative_allowed)) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() && error != std::errc::result_out_of_range) return false;
  // Far outside every limit is refused by the checks that follow, without their sums overflowing.
  constexpr int kFar = 1 << 20;
  value = error == std::errc() ? std::clamp(value, -kFar, kFar) : text.front() == '-' ? -kFar : kFar;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

/// Names are stored as the table spells them, without leading zeros: one format, one name.
std::string spelled(std::string prefix, int number) {
  prefix += std::to_string(number);
  return prefix;
}

bool parse_fixed(std::string_view name, Format& format) {
  std::string_view rest = name;
  const bool is_unsigned = take(rest, "uq");
  int integer_bits = 0;
  int fraction_bits = 0;
  if (!is_unsigned && !take(rest, "q")) return false;
  if (!take_int(rest, integer_bits, true) || !take(rest, ".") || !take_int(rest, fraction_bits, true)) return false;
  const bool symmetric = !is_unsigned && take(rest, "s");
  if (!rest.empty()) return false;
  check_width(name, integer_bits + fraction_bits);
  if (std::abs(fraction_bits) > kMaxFractionBits || integer_bits > kMaxIntegerBits) {
    throw UsageError("format '" + std::string(name) + "': fraction bits must be in -" +
                     std::to_string(kMaxFractionBits) + ".." + std::to_string(kMaxFractionBits) +
                     " and integer bits at most " + std::to_string(kMaxIntegerBits) +
                     ", so that its values are float32 numbers");
  }
  std::string canonical = spelled(is_unsigned ? "uq" : "q", integer_bits);
  canonical = spelled(canonical + ".", fraction_bits) + (symmetric ? "s" : "");
  format = make_fixed(canonical, integer_bits, fraction_bits, !is_unsigned, symmetric);
  return true;
}

bool parse_dynamic_fixed(std::string_view name, Format& format) {
  std::string_view rest = name;
  int width = 0;
  if (!take(rest, "dfx") || !take_int(rest, width, false) || !rest.empty()) return false;
  check_width(name, width);
  format = make_dynamic_fixed(spelled("dfx", width), width);
  return true;
}

bool parse_floating(std::string_view name, Format& format) {
  std::string_view rest = name;
  int exponent_bits = 0;
  int mantissa_bits = 0;
  if (!take(rest, "e") || !take_int(rest, exponent_bits, false) || !take(rest, "m") ||
      !take_int(rest, mantissa_bits, false)) {
    return false;
  }
  Specials specials = Specials::ieee;
  if (rest == "fn") specials = Specials::one_nan;
  else if (rest == "fnuz") specials = Specials::uz;
  else if (!rest.empty()) return false;
  const std::string where = "format '" + std::string(name) + "': ";
  if (exponent_bits < 1 || exponent_bits > 8) {
    throw UsageError(where + std::to_string(exponent_bits) + " exponent bits are outside 1..8");
  }
  if (mantissa_bits > 23) throw UsageError(where + std::to_string(mantissa_bits) + " mantissa bits are outside 0..23");
  if (specials == Specials::ieee && (mantissa_bits == 0 || exponent_bits == 1)) {
    throw UsageError(where + "infinities and NaNs need two exponent bits and a mantissa bit; write " +
                     std::string(name) + "fn for a format with one NaN");
  }
  if (exponent_bits + mantissa_bits < 2) throw UsageError(where + "needs at least three bits with its sign");
  // A format without -0 gives that code to NaN and its exponents one place more: bias 2^(X-1), as in ml_dtypes.
  const int bias = (1 << (exponent_bits - 1)) - (specials == Specials::uz ? 0 : 1);
  const std::string canonical = spelled(spelled("e", exponent_bits) + "m", mantissa_bits) + std::string(rest);
  format = make_floating(canonical, exponent_bits, mantissa_bits, bias, specials);
  const int largest_exponent = static_cast<int>(max_finite_code(format) >> mantissa_bits) - bias;
  if (largest_exponent > 127 || format.min_exponent() - mantissa_bits < -149) {
    throw UsageError(where + "has values that are no float32 numbers; take 7 exponent bits");
  }
  return true;
}

bool parse_discrete(std::string_view name, Format& format) {
  std::string_view rest = name;
  int log2_intervals = 0;
  if (!take(rest, "z") || !take_int(rest, log2_intervals, false) || !rest.empty()) return false;
  if (log2_intervals > 24) {
    throw UsageError("format '" + std::string(name) + "': z<N> takes N in 0..24");
  }
  format = make_discrete(spelled("z", log2_intervals), log2_intervals);
  return true;
}

bool parse_block(std::string_view name, Format& format) {
  constexpr int kMaxBlockWidth = 16;
  constexpr int kLeastBlock = 8;
  constexpr int kLargestBlock = 256;
  std::string_view rest = name;
  int width = 0;
  int size = 0;
  if (!take(rest, "bfp") || !take_int(rest, width, false)) return false;
  const std::string where = "format '" + std::string(name) + "': ";
  if (rest.empty()) throw UsageError(where + "no size of a block; the nearest is '" + std::string(name) + "b32'");
  if (!take(rest, "b") || !take_int(rest, size, false) || !rest.empty()) return false;
  if (width < kMinWidth || width > kMaxBlockWidth) {
    throw UsageError(where + "width " + std::to_string(width) + " is outside " + std::to_string(kMinWidth) + ".." +
                     std::to_string(kMaxBlockWidth));
  }
  if (size < kLeastBlock || size > kLargestBlock || !std::has_single_bit(static_cast<unsigned>(size))) {
    throw UsageError(where + "blocks of " + std::to_string(size) + " elements are no power of two in " +
                     std::to_string(kLeastBlock) + ".." + std::to_string(kLargestBlock));
  }
  format = make_block(spelled(spelled("bfp", width) + "b", size), width, size);
  return true;
}

FormatRow floating_row(std::string_view name, int exponent_bits, int mantissa_bits, int bias, Specials specials,
                       std::string_view summary, std::string_view source) {
  return {make_floating(name, exponent_bits, mantissa_bits, bias, specials), summary, source};
}

Format make_e8m0() {
  Format format = make_floating("float8_e8m0fnu", 8, 0, 127, Specials::one_nan);
  format.is_signed = false;
  format.has_zero = false;
  format.width = 8;
  return format;
}

Format make_exact() {
  Format format;
  format.name = "exact";
  format.family = Family::exact;
  format.width = 0;
  format.overflow = Overflow::error;
  return format;
}

constexpr std::string_view kOcpFp8 = "OCP 8-bit Floating Point Specification 1.0";
constexpr std::string_view kOcpMx = "OCP Microscaling Formats 1.0";
constexpr std::string_view kMlDtypes = "ml_dtypes 0.5 README";
constexpr std::string_view kOnnx = "ONNX QuantizeLinear";
constexpr std::string_view kGxnor = "GXNOR-Net (Deng et al. 2018)";

}  // namespace

Format make_floating(std::string_view name, int exponent_bits, int mantissa_bits, int bias, Specials specials) {
  Format format;
  format.name = std::string(name);
  format.family = Family::floating;
  format.width = 1 + exponent_bits + mantissa_bits;
  format.exponent_bits = exponent_bits;
  format.mantissa_bits = mantissa_bits;
  format.bias = bias;
  format.specials = specials;
  format.overflow = default_overflow(format);
  return format;
}

Format make_fixed(std::string_view name, int integer_bits, int fraction_bits, bool is_signed, bool symmetric) {
  Format format;
  format.name = std::string(name);
  format.family = Family::fixed;
  format.width = integer_bits + fraction_bits;
  format.overflow = Overflow::sat;
  format.step_exponent = -fraction_bits;
  format.is_signed = is_signed;
  const std::int64_t codes = std::int64_t{1} << format.width;
  format.max_code = is_signed ? codes / 2 - 1 : codes - 1;
  format.min_code = is_signed ? -codes / 2 + (symmetric ? 1 : 0) : 0;
  return format;
}

Format make_dynamic_fixed(std::string_view name, int width) {
  Format format = make_fixed(name, 1, width - 1, true, true);
  format.family = Family::dynamic_fixed;
  return format;
}

Format make_affine(std::string_view name, int width, bool is_signed) {
  Format format = make_fixed(name, width, 0, is_signed, false);
  format.family = Family::affine;
  return format;
}

Format make_discrete(std::string_view name, int log2_intervals) {
  Format format;
  format.name = std::string(name);
  format.family = Family::discrete;
  format.width = log2_intervals + 1;
  format.overflow = Overflow::sat;
  format.min_code = 0;
  format.max_code = std::int64_t{1} << log2_intervals;
  if (log2_intervals == 0) {  // two states, none of them zero: value = 2 code - 1
    format.code_multiplier = 2;
    format.code_offset = 1;
    format.step_exponent = 0;
  } else {
    format.code_offset = format.max_code / 2;
    format.step_exponent = 1 - log2_intervals;
  }
  return format;
}

Format make_block(std::string_view name, int width, int block_size) {
  Format format = make_fixed(name, 2, width - 2, true, true);  // the grid of a block at exponent 0
  format.family = Family::block;
  format.block_size = block_size;
  return format;
}

std::span<const FormatRow> format_table() {
  static const std::vector<FormatRow> rows = {
      floating_row("float32", 8, 23, 127, Specials::ieee, "the code is the float", "IEEE 754-2019 binary32"),
      floating_row("float16", 5, 10, 15, Specials::ieee, "half precision", "IEEE 754-2019 binary16"),
      floating_row("bfloat16", 8, 7, 127, Specials::ieee, "upper half of float32", "Intel BFLOAT16 definition, 2018"),
      floating_row("tf32", 8, 10, 127, Specials::ieee, "19 bits", "NVIDIA A100 whitepaper"),
      floating_row("float8_e4m3fn", 4, 3, 7, Specials::one_nan, "largest 448, one NaN", kOcpFp8),
      floating_row("float8_e5m2", 5, 2, 15, Specials::ieee, "largest 57344, infinities", kOcpFp8),
      floating_row("float8_e4m3", 4, 3, 7, Specials::ieee, "largest 240, infinities", kMlDtypes),
      floating_row("float8_e3m4", 3, 4, 3, Specials::ieee, "largest 15.5, infinities", kMlDtypes),
      floating_row("float8_e4m3fnuz", 4, 3, 8, Specials::uz, "largest 240, no -0", kMlDtypes),
      floating_row("float8_e5m2fnuz", 5, 2, 16, Specials::uz, "largest 57344, no -0", kMlDtypes),
      floating_row("float8_e4m3b11fnuz", 4, 3, 11, Specials::uz, "bias 11, largest 30, no -0", kMlDtypes),
      {make_e8m0(), "powers of two 2^-127..2^127, no zero, no sign", kOcpMx},
      floating_row("float6_e2m3fn", 2, 3, 1, Specials::none, "largest 7.5, all codes finite", kOcpMx),
      floating_row("float6_e3m2fn", 3, 2, 3, Specials::none, "largest 28, all codes finite", kOcpMx),
      floating_row("float4_e2m1fn", 2, 1, 1, Specials::none, "0 .5 1 1.5 2 3 4 6 and negatives", kOcpMx),
      {make_affine("int8", 8, true), "-128..127 times a scale", kOnnx},
      {make_affine("uint8", 8, false), "0..255 minus a zero point, times a scale", kOnnx},
      {make_affine("int4", 4, true), "-8..7 times a scale", kOnnx},
      {make_affine("uint4", 4, false), "0..15 minus a zero point, times a scale", kOnnx},
      {make_affine("int16", 16, true), "-32768..32767 times a scale", kOnnx},
      {make_discrete("binary", 0), "-1 and +1", kGxnor},
      {make_discrete("ternary", 1), "-1, 0 and +1", kGxnor},
      {make_exact(), "no rounding point: the accumulator passes on", "docs/numerics.md"},
  };
  return rows;
}

std::span<const FormatPattern> format_patterns() {
  static const std::vector<FormatPattern> patterns = {
      {"q<I>.<F>, q<I>.<F>s, uq<I>.<F>",
       "fixed point: I integer bits with the sign, F fraction bits; s symmetric, u unsigned",
       "docs/numerics.md; Gupta et al. 2015",
       {"q2.14", "q6.10", "q8.8", "q4.12", "q1.7", "q2.6s", "q6.4s", "q6.6s", "q6.14s", "q-2.10", "q20.-4", "uq0.8",
        "uq4.4", "q4.16", "q2.0", "q16.16", "uq16.16"},
       parse_fixed},
      {"dfx<W>",
       "dynamic fixed point: W bits with the sign, range R set by a controller",
       "Courbariaux et al. 2014; docs/numerics.md",
       {"dfx2@0", "dfx8@-1", "dfx10@5", "dfx12@-3", "dfx20@3"},
       parse_dynamic_fixed},
      {"e<X>m<Y>, e<X>m<Y>fn, e<X>m<Y>fnuz",
       "floats of X exponent and Y mantissa bits; fn one NaN, uz no -0",
       "docs/numerics.md",
       {"e5m7", "e6m5", "e2m1", "e3m0fn", "e4m3fn", "e3m4fnuz", "e8m3", "e5m10fn"},
       parse_floating},
      {"bfp<W>b<K>",
       "block floating point: W-bit integers, an 8-bit exponent for every K of them",
       "docs/formats.md",
       {"bfp8b32", "bfp4b16", "bfp16b256", "bfp2b8"},
       parse_block},
      {"z<N>", "2^N + 1 even states of [-1, 1]", kGxnor, {"z0", "z2", "z3", "z6", "z4*0.5", "z2*0.75"}, parse_discrete},
  };
  return patterns;
}

}  // namespace dyadic
