// The grammar of format names: NAME[@RANGE|*SCALE[+ZERO_POINT]][:overflow][:rounding].
#include "dyadic/formats/format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "dyadic/base/error.h"
#include "dyadic/formats/table.h"

namespace dyadic {
namespace {

using testing::HasSubstr;

struct Refusal {
  const char* text;
  const char* message;  // part of it
};

constexpr Refusal kRefusals[] = {
    // unknown names, with the nearest valid one
    {"float61", "nearest is 'float16'"},
    {"q2,14", "nearest is 'q2.14'"},
    {"q2.14x", "nearest is 'q2.14'"},
    {"tenrary", "nearest is 'ternary'"},
    {"float8_e4m4fn", "nearest is 'float8_e4m3fn'"},
    {"df10", "nearest is 'dfx10'"},
    {"", "unknown format"},
    {":sat", "unknown format"},
    {"uq4.4s", "unknown format"},
    {"z-2", "unknown format"},
    // policies
    {"q2.14:saturate", "nearest is 'sat'"},
    {"q2.14:sat:rnee", "nearest is 'rne'"},
    {"q2.14:", "neither an overflow policy nor a rounding"},
    {"q2.14:sat:", "neither an overflow policy nor a rounding"},
    {"q2.14:sat:wrap", "two overflow policies"},
    {"q2.14:rne:sr", "two roundings"},
    {"q2.14:sat:rne:sr8", "two roundings"},
    {"q2.14:rne:sat", "overflow comes before rounding"},
    {"q2.14:inf", "use 'sat'"},
    {"float8_e4m3fn:inf", "use 'sat'"},
    {"float4_e2m1fn:nan", "use 'sat'"},
    {"dfx10@3:nan", "use 'sat'"},
    {"float16:wrap", "use 'sat'"},
    {"q6.4s:wrap", "use 'sat'"},
    {"dfx10:wrap", "use 'sat'"},
    {"int8:wrap", "use 'sat'"},
    {"ternary:inf", "use 'sat'"},
    {"exact:rne", "does not round"},
    {"exact:sat", "does not round"},
    // widths and other parameters of families
    {"q1.0", "width 1 is outside 2..32"},
    {"q17.16", "width 33 is outside 2..32"},
    {"q2.-2", "width 0 is outside 2..32"},
    {"q2147483647.2147483647", "outside"},
    {"q-2147483648.-2147483648", "outside"},
    {"q99999999999999999999.1", "outside"},
    {"q-100.110", "fraction bits"},
    {"q110.-97", "fraction bits"},
    {"uq128.-96", "integer bits"},
    {"dfx1", "width 1 is outside 2..32"},
    {"dfx33", "width 33 is outside 2..32"},
    {"e9m2", "exponent bits"},
    {"e0m3", "exponent bits"},
    {"e5m24", "mantissa bits"},
    {"e1m2", "write e1m2fn"},
    {"e4m0", "write e4m0fn"},
    {"e1m0fn", "three bits"},
    {"e8m3fn", "no float32 numbers"},
    {"e8m23fnuz", "no float32 numbers"},
    {"z25", "0..24"},
    // ranges
    {"dfx10@", "not an integer"},
    {"dfx10@x", "not an integer"},
    {"dfx10@1.5", "not an integer"},
    {"dfx10@+-3", "not an integer"},
    {"dfx10@3*2", "not an integer"},
    {"dfx10@48", "outside -48..47"},
    {"dfx10@-49", "outside -48..47"},
    {"q2.14@3", "take a range"},
    {"int8@3", "take a range"},
    {"float16@16", "no exponent of its normal numbers"},
    {"float16@-15", "no exponent of its normal numbers"},
    {"float8_e8m0fnu@3", "no exponent of its normal numbers"},
    // scales and zero points
    {"q2.14*2", "scale belongs to affine and discrete"},
    {"float16*2", "scale belongs to affine and discrete"},
    {"int8*", "scale must be a number"},
    {"int8*x", "scale must be a number"},
    {"int8*0", "scale must be a number"},
    {"int8*-1", "scale must be a number"},
    {"int8*inf", "scale must be a number"},
    {"int8*nan", "scale must be a number"},
    {"int8*1e39", "scale must be a number"},
    {"int8*1e-38", "scale must be a number"},
    {"int8*0.5x", "'x' after the scale"},
    {"int8*0.5+", "zero point"},
    {"int8*0.5+1.5", "zero point"},
    {"int8*0.5+-3", "zero point"},
    {"int8*0.5+128", "is not a code of int8"},
    {"uint8*0.5-1", "is not a code of uint8"},
    {"ternary*0.5+1", "'+1' after the scale"},
};

TEST(ParseFormat, RefusesWithTheReasonAndTheWayOut) {
  for (const Refusal& refusal : kRefusals) {
    try {
      const Format format = parse_format(refusal.text);
      ADD_FAILURE() << "'" << refusal.text << "' is taken for " << format_name(format);
    } catch (const UsageError& error) {
      EXPECT_THAT(std::string(error.what()), HasSubstr(refusal.message)) << refusal.text;
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    }
  }
}

struct Spelling {
  const char* text;
  const char* full_name;
};

constexpr Spelling kSpellings[] = {
    {"float32", "float32:inf:rne"},
    {"float16:sr", "float16:inf:sr"},
    {"float8_e4m3fn", "float8_e4m3fn:sat:rne"},
    {"float8_e4m3fn:nan", "float8_e4m3fn:nan:rne"},
    {"q2.14:sat:sr", "q2.14:sat:sr"},
    {"q2.14:wrap", "q2.14:wrap:rne"},
    {"q02.014", "q2.14:sat:rne"},
    {"uq00.8", "uq0.8:sat:rne"},
    {"q2.-0", "q2.0:sat:rne"},
    {"dfx010@3", "dfx10@3:sat:rne"},
    {"dfx10@+3", "dfx10@3:sat:rne"},
    {"dfx10@-3:rna", "dfx10@-3:sat:rna"},
    {"dfx10", "dfx10:sat:rne"},
    {"e05m07", "e5m7:inf:rne"},
    {"e4m3fnuz:error:ro", "e4m3fnuz:error:ro"},
    {"z02", "z2:sat:rne"},
    {"z2*0.5", "z2*0.5:sat:rne"},
    {"z2*1", "z2:sat:rne"},
    {"binary*0.25:srh", "binary*0.25:sat:srh"},
    {"int8*0.0125", "int8*0.0125:sat:rne"},
    {"int8*0.5-3:rtz", "int8*0.5-3:sat:rtz"},
    {"uint8*1+128", "uint8*1+128:sat:rne"},
    {"uint8*1e-05+7", "uint8*1e-05+7:sat:rne"},
    {"int8*2.5e-1", "int8*0.25:sat:rne"},
    {"float32@5", "float32@5:inf:rne"},
    {"exact", "exact"},
};

TEST(ParseFormat, OneFormatHasOneName) {
  for (const Spelling& spelling : kSpellings) {
    const Format format = parse_format(spelling.text);
    EXPECT_EQ(format_name(format), spelling.full_name);
    EXPECT_EQ(parse_format(format_name(format)), format) << spelling.text;
  }
}

TEST(ParseFormat, PowerOfTwoScalesMoveTheStep) {
  EXPECT_EQ(parse_format("int8*0.5").step_exponent, -1);
  EXPECT_TRUE(parse_format("int8*0.5").is_dyadic_grid());
  EXPECT_FALSE(parse_format("int8*0.3").is_dyadic_grid());
  EXPECT_EQ(parse_format("z2*4").step_exponent, 1);
}

TEST(ParseFormat, ZeroPointIsTheCodeOfZero) { EXPECT_EQ(parse_format("uint8*0.1+128").code_offset, 128); }

TEST(WithRange, MovesTheStepOfDynamicFixedFormats) {
  const Format format = parse_format("dfx10");
  EXPECT_FALSE(format.has_range());
  for (const int range : {-48, -1, 0, 5, 47}) {
    EXPECT_EQ(with_range(format, range).step_exponent, range - 9);
    EXPECT_EQ(with_range(format, range).range, range);
  }
  EXPECT_THROW(with_range(format, 48), UsageError);
  EXPECT_THROW(with_range(parse_format("ternary"), 0), UsageError);
}

TEST(CodeTypes, AreTheSmallestThatHoldTheCodes) {
  const std::pair<const char*, CodeType> rows[] = {
      {"q1.7", CodeType::i8},     {"q2.7", CodeType::i16},   {"q9.8", CodeType::i32},         {"uq0.8", CodeType::u8},
      {"uq0.9", CodeType::u16},   {"uq0.17", CodeType::u32}, {"dfx10", CodeType::i16},        {"binary", CodeType::u8},
      {"z7", CodeType::u8},       {"z8", CodeType::u16},     {"float16", CodeType::u16},      {"tf32", CodeType::u32},
      {"float32", CodeType::f32}, {"int4", CodeType::i8},    {"uint8", CodeType::u8},         {"int16", CodeType::i16},
      {"e5m7", CodeType::u16},    {"exact", CodeType::f32},  {"float4_e2m1fn", CodeType::u8},
  };
  for (const auto& [name, type] : rows) EXPECT_EQ(code_type(parse_format(name)), type) << name;
}

TEST(RandomBits, PerElementFollowTheRounding) {
  const std::pair<const char*, int> rows[] = {{"rne", 0}, {"ro", 0}, {"sr", 32}, {"sr16", 16}, {"sr8", 8}, {"srh", 16}};
  for (const auto& [name, bits] : rows) {
    EXPECT_EQ(random_bits_per_element(parse_format(std::string("q2.14:") + name).rounding), bits) << name;
  }
}

}  // namespace
}  // namespace dyadic
