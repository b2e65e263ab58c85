#include "dyadic/formats/describe.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "dyadic/base/error.h"
#include "dyadic/formats/codec.h"
#include "dyadic/formats/table.h"

namespace dyadic {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(FormatTableText, HasOneAlignedLinePerRowAndFamily) {
  const std::string text = format_table_text();
  std::istringstream lines(text);
  std::string header;
  std::getline(lines, header);
  const std::size_t source_column = header.find("source");
  for (const FormatRow& row : format_table()) {
    std::string line;
    std::getline(lines, line);
    EXPECT_TRUE(line.starts_with(row.format.name + " ")) << line;
    EXPECT_EQ(line.substr(source_column), row.source);
  }
  for (const FormatPattern& pattern : format_patterns()) {
    EXPECT_THAT(text, HasSubstr(fmt::format("\n{} ", pattern.pattern)));
  }
}

TEST(DescribeFormat, SaysWhatTheCodeMeans) {
  const std::string text = describe_format(parse_format("float8_e4m3fn"));
  for (const char* part : {"s eeee mmm", "\nbias ", "448\n", "0.015625\n", "0.001953125\n", "256 (253 finite values)",
                           "OCP 8-bit", "sat\n", "rne\n", "uint8\n", "NaN is all ones"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

TEST(DescribeFormat, LayoutFollowsTheFamily) {
  const std::pair<const char*, const char*> rows[] = {{"q2.6s", " si.ffffff "},
                                                      {"uq4.4", " iiii.ffff "},
                                                      {"q-2.10", " siiiiiii * 2^-10 "},
                                                      {"dfx4@1", " siii * 2^(R-3) "},
                                                      {"float8_e8m0fnu", " eeeeeeee "},
                                                      {"ternary", " ii (index"},
                                                      {"q20.-4", " siiiiiiiiiiiiiii * 2^4 "},
                                                      {"uint4", " (iiii - zero point) * scale"},
                                                      {"e3m0fn", " s eee "}};
  for (const auto& [name, layout] : rows) EXPECT_THAT(describe_format(parse_format(name)), HasSubstr(layout)) << name;
}

TEST(DescribeFormat, ListsEveryValueUpToEightBits) {
  EXPECT_THAT(describe_format(parse_format("float4_e2m1fn")),
              HasSubstr("   0  0.5    1  1.5    2    3    4    6   -0"));
  EXPECT_THAT(describe_format(parse_format("q2.1")), HasSubstr("-4 |   -2 -1.5   -1 -0.5    0  0.5    1  1.5\n"));
  EXPECT_THAT(describe_format(parse_format("float16")), Not(HasSubstr("values by code")));
  EXPECT_THAT(describe_format(parse_format("float8_e5m2")), HasSubstr(" inf"));
}

TEST(DescribeFormat, SaysThatLimitsMoveWithTheRange) {
  EXPECT_THAT(describe_format(parse_format("dfx10")), HasSubstr("scale with 2^R"));
  EXPECT_THAT(describe_format(parse_format("dfx10@3")), HasSubstr("7.984375\n"));
  EXPECT_THAT(describe_format(parse_format("dfx10@3")), Not(HasSubstr("R = 0")));
}

TEST(DescribeFormat, ExactHasNoCodes) {
  EXPECT_THAT(describe_format(parse_format("exact")), Not(HasSubstr("bits")));
  EXPECT_THROW(decode(parse_format("exact"), 0), UsageError);
}

TEST(FormatJson, AgreesWithTheCodec) {
  for (const FormatRow& row : format_table()) {
    const Format& format = row.format;
    if (format.family == Family::exact) continue;
    const auto json = nlohmann::json::parse(describe_format_json(format));
    EXPECT_EQ(json["name"], format.name);
    EXPECT_EQ(json["bits"], format.width);
    EXPECT_EQ(json["codes"], code_count(format));
    EXPECT_EQ(json["source"], row.source);
    if (format.width > 8) {
      EXPECT_FALSE(json.contains("values_by_code"));
      continue;
    }
    ASSERT_EQ(static_cast<std::int64_t>(json["values_by_code"].size()), code_count(format)) << format.name;
    for (const auto& entry : json["values_by_code"]) {
      const double value = decode(format, entry["code"].get<std::int64_t>());
      if (std::isfinite(value)) EXPECT_EQ(entry["value"].get<double>(), value);
      else EXPECT_TRUE(entry["value"].is_string());
    }
  }
}

TEST(FormatJson, TableListsRowsAndFamilies) {
  const auto json = nlohmann::json::parse(format_table_json());
  EXPECT_EQ(json["formats"].size(), format_table().size());
  EXPECT_EQ(json["families"].size(), format_patterns().size());
  EXPECT_EQ(json["formats"][1]["largest"], 65504);
}

}  // namespace
}  // namespace dyadic
