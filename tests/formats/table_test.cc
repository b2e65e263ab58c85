// The rows of the table against the documents that define the formats, number by number. The conformance suite takes a
// row for granted; here the row itself is in question.
#include "dyadic/formats/table.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "dyadic/formats/codec.h"
#include "dyadic/formats/describe.h"

namespace dyadic {
namespace {

struct PublishedLimits {
  const char* name;
  double largest;
  double smallest_normal;
  double smallest;
  double epsilon;
};

// IEEE 754-2019 table 3.5; OCP 8-bit Floating Point 1.0 table 1; OCP Microscaling 1.0 section 5.3; ml_dtypes' finfo.
constexpr PublishedLimits kFloats[] = {
    {"float32", 0x1.fffffep127, 0x1p-126, 0x1p-149, 0x1p-23},
    {"float16", 65504, 0x1p-14, 0x1p-24, 0x1p-10},
    {"bfloat16", 0x1.fep127, 0x1p-126, 0x1p-133, 0x1p-7},
    {"tf32", 0x1.ffcp127, 0x1p-126, 0x1p-136, 0x1p-10},
    {"float8_e4m3fn", 448, 0x1p-6, 0x1p-9, 0x1p-3},
    {"float8_e5m2", 57344, 0x1p-14, 0x1p-16, 0x1p-2},
    {"float8_e4m3", 240, 0x1p-6, 0x1p-9, 0x1p-3},
    {"float8_e3m4", 15.5, 0x1p-2, 0x1p-6, 0x1p-4},
    {"float8_e4m3fnuz", 240, 0x1p-7, 0x1p-10, 0x1p-3},
    {"float8_e5m2fnuz", 57344, 0x1p-15, 0x1p-17, 0x1p-2},
    {"float8_e4m3b11fnuz", 30, 0x1p-10, 0x1p-13, 0x1p-3},
    {"float8_e8m0fnu", 0x1p127, 0x1p-127, 0x1p-127, 1},
    {"float6_e2m3fn", 7.5, 1, 0.125, 0.125},
    {"float6_e3m2fn", 28, 0.25, 0.0625, 0.25},
    {"float4_e2m1fn", 6, 1, 0.5, 0.5},
    {"e5m7", 65280, 0x1p-14, 0x1p-21, 0x1p-7},
    {"e4m3fn", 448, 0x1p-6, 0x1p-9, 0x1p-3},
    {"e4m3fnuz", 240, 0x1p-7, 0x1p-10, 0x1p-3},
    {"e3m0fn", 8, 0.25, 0.25, 1},
};

struct GridLimits {
  const char* name;
  double lowest;
  double largest;
  double step;
};

constexpr GridLimits kGrids[] = {
    {"q2.14", -2, 2 - 0x1p-14, 0x1p-14},
    {"q6.4s", -31.9375, 31.9375, 0.0625},
    {"uq0.8", 0, 255.0 / 256, 1.0 / 256},
    {"q-2.10", -0.125, 0.125 - 0x1p-10, 0x1p-10},
    {"q20.-4", -524288, 524288 - 16, 16},
    {"q1.1s", -0.5, 0.5, 0.5},
    {"dfx10@5", -32 + 0x1p-4, 32 - 0x1p-4, 0x1p-4},
    {"dfx12@-3", -0.125 + 0x1p-14, 0.125 - 0x1p-14, 0x1p-14},
    {"int8", -128, 127, 1},
    {"uint8", 0, 255, 1},
    {"int4", -8, 7, 1},
    {"uint4", 0, 15, 1},
    {"int16", -32768, 32767, 1},
    {"int8*0.5+3", -65.5, 62, 0.5},
    {"binary", -1, 1, 2},
    {"ternary", -1, 1, 1},
    {"z2", -1, 1, 0.5},
    {"z3*0.5", -0.5, 0.5, 0.125},
};

TEST(FormatTable, FloatLimitsAreThePublishedOnes) {
  for (const PublishedLimits& row : kFloats) {
    const FormatLimits limits = format_limits(parse_format(row.name));
    EXPECT_EQ(limits.largest, row.largest) << row.name;
    EXPECT_EQ(limits.smallest_normal, row.smallest_normal) << row.name;
    EXPECT_EQ(limits.smallest, row.smallest) << row.name;
    EXPECT_EQ(limits.step, row.epsilon) << row.name;
  }
}

TEST(FormatTable, GridLimitsFollowFromTheNames) {
  for (const GridLimits& row : kGrids) {
    const FormatLimits limits = format_limits(parse_format(row.name));
    EXPECT_EQ(limits.lowest, row.lowest) << row.name;
    EXPECT_EQ(limits.largest, row.largest) << row.name;
    EXPECT_EQ(limits.step, row.step) << row.name;
  }
}

TEST(FormatTable, EveryFloatRowIsCheckedHere) {
  std::set<std::string> checked;
  for (const PublishedLimits& row : kFloats) checked.insert(row.name);
  for (const FormatRow& row : format_table()) {
    if (row.format.family != Family::floating) continue;
    EXPECT_TRUE(checked.contains(row.format.name)) << row.format.name << ": add its published limits to this file";
  }
}

TEST(FormatTable, NamesAreUniqueAndRowsAreDocumented) {
  std::set<std::string> names;
  for (const FormatRow& row : format_table()) {
    EXPECT_TRUE(names.insert(row.format.name).second) << row.format.name;
    EXPECT_FALSE(row.summary.empty()) << row.format.name;
    EXPECT_FALSE(row.source.empty()) << row.format.name;
  }
}

TEST(FormatTable, FamiliesParseTheirExamplesAndNothingElse) {
  for (const FormatPattern& pattern : format_patterns()) {
    EXPECT_FALSE(pattern.examples.empty()) << pattern.pattern;
    for (const std::string_view example : pattern.examples) {
      const std::string name(example.substr(0, example.find_first_of("@*")));
      int claims = 0;
      for (const FormatPattern& other : format_patterns()) {
        Format format;
        claims += other.parse(name, format) ? 1 : 0;
      }
      EXPECT_EQ(claims, 1) << name;
    }
    for (const FormatRow& row : format_table()) {
      Format format;
      EXPECT_FALSE(pattern.parse(row.format.name, format)) << row.format.name;
    }
  }
}

TEST(FormatTable, Float4AndTernaryValuesAreTheWrittenOnes) {
  const Format float4 = parse_format("float4_e2m1fn");
  constexpr double kFloat4[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
  for (int code = 0; code < 8; ++code) {
    EXPECT_EQ(decode(float4, code), kFloat4[code]);
    EXPECT_EQ(decode(float4, code + 8), -kFloat4[code]);
  }
  const Format ternary = parse_format("ternary");
  for (int code = 0; code < 3; ++code) EXPECT_EQ(decode(ternary, code), code - 1);
}

}  // namespace
}  // namespace dyadic
