// Codes, values, limits, names and memory types.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "conformance_suite.h"
#include "dyadic/base/error.h"
#include "dyadic/formats/codec.h"
#include "dyadic/formats/packing.h"

namespace dyadic {
namespace {

std::pair<std::int64_t, std::int64_t> code_type_limits(CodeType type) {
  switch (type) {
    case CodeType::i8: return {-128, 127};
    case CodeType::u8: return {0, 255};
    case CodeType::i16: return {-32768, 32767};
    case CodeType::u16: return {0, 65535};
    case CodeType::i32: return {std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max()};
    default: return {0, std::numeric_limits<std::uint32_t>::max()};
  }
}

}  // namespace

TEST_P(FormatConformance, EveryCodeDecodesToItsValueAndBack) {
  const ValueLine line(format());
  Mismatches mismatches;
  Format rounded = format();
  for (const std::int64_t rank : tested_ranks(format(), line)) {
    const std::int64_t code = line.code(rank);
    const double value = decode(format(), code);
    const long double exact = line.value(rank);
    const bool right = decodes_exactly(format()) ? static_cast<long double>(value) == exact
                                                 : value == static_cast<double>(static_cast<float>(exact));
    if (!right) mismatches.add("code " + std::to_string(code) + " decodes to " + std::to_string(value));
    for (const Rounding rounding : deterministic_roundings()) {
      const bool nearest = rounding == Rounding::rne || rounding == Rounding::rna;
      if (!decodes_exactly(format()) && !nearest) continue;
      rounded.rounding = rounding;
      const Encoded encoded = encode(rounded, value);
      if (encoded.code != code || encoded.overflowed || encoded.not_a_number) {
        mismatches.add("code " + std::to_string(code) + " comes back as " + std::to_string(encoded.code) + " under " +
                       std::string(rounding_name(rounding)));
      }
    }
  }
}

TEST_P(FormatConformance, RepresentableValuesNeverMoveUnderStochasticRounding) {
  if (!decodes_exactly(format())) return;  // decoded values are rounded to float32
  const ValueLine line(format());
  Mismatches mismatches;
  Format rounded = format();
  for (const Rounding rounding : {Rounding::sr, Rounding::sr16, Rounding::sr8, Rounding::srh}) {
    rounded.rounding = rounding;
    const auto all_ones = static_cast<std::uint32_t>((std::uint64_t{1} << random_bits_per_element(rounding)) - 1);
    for (const std::int64_t rank : tested_ranks(format(), line)) {
      for (const std::uint32_t word : {0U, all_ones}) {
        const std::int64_t code = encode(rounded, decode(format(), line.code(rank)), word).code;
        if (code != line.code(rank)) {
          mismatches.add("code " + std::to_string(line.code(rank)) + " moves to " + std::to_string(code) + " under " +
                         std::string(rounding_name(rounding)));
        }
      }
    }
  }
}

TEST_P(FormatConformance, EveryBitPatternIsAFiniteNumberAnInfinityOrNan) {
  if (format().family != Family::floating || format().width > 16) return;
  const ValueLine line(format());
  std::int64_t nans = 0;
  std::int64_t infinities = 0;
  std::int64_t finite = 0;
  for (std::int64_t code = 0; code < std::int64_t{1} << format().width; ++code) {
    const double value = decode(format(), code);
    nans += std::isnan(value) ? 1 : 0;
    infinities += std::isinf(value) ? 1 : 0;
    finite += std::isfinite(value) ? 1 : 0;
  }
  const std::int64_t signs = format().is_signed ? 2 : 1;
  const bool has_negative_zero = format().has_zero && format().specials != Specials::uz;
  const std::int64_t ieee_nans = signs * ((std::int64_t{1} << format().mantissa_bits) - 1);
  const std::int64_t expected_nans[] = {ieee_nans, signs, 1, 0};
  EXPECT_EQ(nans, expected_nans[static_cast<int>(format().specials)]);
  EXPECT_EQ(infinities, format().specials == Specials::ieee ? 2 : 0);
  EXPECT_EQ(finite, line.last() - line.first() + 1 + (has_negative_zero ? 1 : 0));
  EXPECT_EQ(code_count(format()), nans + infinities + finite);
}

TEST_P(FormatConformance, LimitsAreThoseOfTheLine) {
  const ValueLine line(format());
  if (format().is_grid()) {
    EXPECT_EQ(code_count(format()), line.last() - line.first() + 1);
    EXPECT_LE(static_cast<int>(std::bit_width(static_cast<std::uint64_t>(code_count(format()) - 1))), format().width);
    std::int64_t largest = 0;
    for (const std::int64_t rank : {line.first(), line.last()}) {
      const long double integer =
          std::ldexp(line.value(rank) / static_cast<long double>(format().scale), -format().step_exponent);
      largest = std::max(largest, static_cast<std::int64_t>(std::fabs(integer)));
    }
    EXPECT_EQ(format().max_magnitude(), largest);
  } else {
    EXPECT_EQ(static_cast<std::int64_t>(max_finite_code(format())), line.last());
  }
  // Every value, also of the widest codes, is a finite float32 after one rounding; the least is not lost.
  EXPECT_TRUE(std::isfinite(static_cast<float>(line.value(line.last()))));
  EXPECT_TRUE(std::isfinite(static_cast<float>(line.value(line.first()))));
  EXPECT_EQ(static_cast<long double>(static_cast<float>(line.value(1) - line.value(0))), line.value(1) - line.value(0));
}

TEST_P(FormatConformance, CodeTypeHoldsEveryCode) {
  const CodeType type = code_type(format());
  if (type == CodeType::f32) {
    EXPECT_EQ(format().exponent_bits, 8);
    EXPECT_EQ(format().mantissa_bits, 23);
    EXPECT_EQ(format().specials, Specials::ieee);
    return;
  }
  const auto [least, greatest] = code_type_limits(type);
  const bool is_float = format().family == Family::floating;
  EXPECT_LE(least, is_float ? 0 : format().min_code);
  EXPECT_GE(greatest, is_float ? (std::int64_t{1} << format().width) - 1 : format().max_code);
  EXPECT_LT(code_bytes(type) * 8, 2 * std::max(format().width, 5));
}

TEST_P(FormatConformance, CodesSurvivePacking) {
  const ValueLine line(format());
  const std::vector<std::int64_t> ranks = tested_ranks(format(), line);
  const auto bytes = static_cast<std::size_t>(code_bytes(code_type(format())));
  std::vector<std::byte> codes(ranks.size() * bytes);
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    const std::int64_t code = line.code(ranks[i], /*negative_zero=*/true);
    std::memcpy(&codes[i * bytes], &code, bytes);
  }
  const auto count = static_cast<std::int64_t>(ranks.size());
  EXPECT_EQ(first_invalid_code(codes.data(), format(), count), -1);
  std::vector<std::byte> packed(static_cast<std::size_t>(packed_bytes(count, format().width)));
  EXPECT_EQ(static_cast<std::int64_t>(packed.size()), (count * format().width + 7) / 8);
  pack_codes(codes.data(), format(), count, packed);
  std::vector<std::byte> unpacked(codes.size());
  unpack_codes(packed, format(), count, unpacked.data());
  EXPECT_EQ(unpacked, codes);
}

TEST_P(FormatConformance, NameRoundTripsWithEveryPolicy) {
  if (!GetParam().is_listed) return;
  Format with_policies = format();
  for (const Overflow overflow : admitted_policies(format())) {
    for (const std::string_view rounding :
         {"rne", "rna", "rnd", "rnu", "rtz", "rd", "ru", "ro", "sr", "sr16", "sr8", "srh"}) {
      with_policies.overflow = overflow;
      with_policies.rounding = parse_format("float32:" + std::string(rounding)).rounding;
      const std::string name = format_name(with_policies);
      EXPECT_EQ(parse_format(name), with_policies) << name;
      EXPECT_TRUE(name.ends_with(std::string(overflow_name(overflow)) + ":" + std::string(rounding))) << name;
    }
  }
}

TEST_P(FormatConformance, GrammarRefusesPoliciesThatTheFormatLacks) {
  if (!GetParam().is_listed) return;
  const std::string full = format_name(format());
  const std::string name = full.substr(0, full.find(':'));
  const std::vector<Overflow> admitted = admitted_policies(format());
  for (const Overflow overflow : {Overflow::sat, Overflow::inf, Overflow::nan, Overflow::wrap, Overflow::error}) {
    const std::string text = name + ":" + std::string(overflow_name(overflow));
    if (std::ranges::find(admitted, overflow) != admitted.end()) EXPECT_EQ(parse_format(text).overflow, overflow);
    else EXPECT_THROW(parse_format(text), UsageError) << text;
  }
}

TEST_P(FormatConformance, DefaultsAreNearestEvenAndSaturationWhereThereIsNoInfinity) {
  EXPECT_EQ(format().rounding, Rounding::rne);
  const bool has_infinity = format().family == Family::floating && format().specials == Specials::ieee;
  EXPECT_EQ(format().overflow, has_infinity ? Overflow::inf : Overflow::sat);
}

}  // namespace dyadic
