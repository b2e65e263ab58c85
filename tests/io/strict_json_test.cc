#include "dyadic/io/strict_json.h"

#include <gtest/gtest.h>

#include "dyadic/base/error.h"

namespace dyadic {
namespace {

TEST(StrictJson, ReadsObjectsOfStringsAndIntegerArrays) {
  const JsonObject object = parse_strict_json(R"({"b":{"x":[1, 2],"y":"\u00e9\n"},"a":"","c":[]})", 2);
  ASSERT_EQ(object.members.size(), 3U);
  EXPECT_EQ(object.members[0].first, "b") << "the order of the file is kept";
  const auto& inner = std::get<JsonObject>(*object.find("b"));
  EXPECT_EQ(std::get<JsonIntegers>(*inner.find("x")), (JsonIntegers{1, 2}));
  EXPECT_EQ(std::get<std::string>(*inner.find("y")), "\xc3\xa9\n");
  EXPECT_EQ(std::get<std::string>(*object.find("a")), "");
  EXPECT_TRUE(std::get<JsonIntegers>(*object.find("c")).empty());
  EXPECT_EQ(object.find("d"), nullptr);
  EXPECT_TRUE(parse_strict_json("{}", 1).members.empty());
}

TEST(StrictJson, ReadsTheLargestInteger) {
  const JsonObject object = parse_strict_json(R"({"a":[9223372036854775807]})", 1);
  EXPECT_EQ(std::get<JsonIntegers>(*object.find("a")), JsonIntegers{INT64_MAX});
}

TEST(StrictJson, RefusesEverythingElse) {
  for (const char* text : {
           "",
           " {}",
           "\xEF\xBB\xBF{}",
           "[]",
           "\"a\"",
           "{",
           "{}}",
           "{}x",
           "{\"a\":\"b\",}",
           "{'a':'b'}",
           "/**/{}",
           "{\"a\":1}",
           "{\"a\":null}",
           "{\"a\":true}",
           "{\"a\":[-1]}",
           "{\"a\":[1.0]}",
           "{\"a\":[1e3]}",
           "{\"a\":[9223372036854775808]}",
           "{\"a\":[18446744073709551616]}",
           "{\"a\":[\"b\"]}",
           "{\"a\":[[1]]}",
           "{\"a\":[{}]}",
           "{\"a\":[null]}",
           "{\"a\":\"b\",\"a\":\"c\"}",
           "{\"a\":{},\"b\":{},\"\\u0061\":{}}",
           "{\"a\":{\"b\":[1],\"c\":\"\",\"b\":[1]}}",
           "{\"a\":{\"b\":{}}}",
           "{\"a\":\"\xFF\"}",
           "{\"a\":\"\n\"}",
           "{\"a\":\"\\ud800\"}",
           "{\"a\":01}",
       }) {
    EXPECT_THROW(parse_strict_json(text, 2), FileFormatError) << text;
  }
}

TEST(StrictJson, LimitsNestingLengthAndKeys) {
  EXPECT_THROW(parse_strict_json("{\"a\":{}}", 1), FileFormatError);
  std::string deep;
  for (int i = 0; i < 200'000; ++i) deep += "{\"a\":";
  EXPECT_THROW(parse_strict_json(deep, 2), FileFormatError);
  EXPECT_THROW(parse_strict_json("{\"a\":" + std::string(200'000, '['), 2), FileFormatError);

  std::string extents = "1";
  for (int i = 1; i < 64; ++i) extents += ",1";
  EXPECT_NO_THROW(parse_strict_json("{\"a\":[" + extents + "]}", 1));
  EXPECT_THROW(parse_strict_json("{\"a\":[" + extents + ",1]}", 1), FileFormatError);

  std::string many = "{";
  for (int i = 0; i <= 1 << 20; ++i) many += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":[]";
  EXPECT_THROW(parse_strict_json(many + "}", 1), FileFormatError);
}

TEST(StrictJson, SaysWhatAndWhere) {
  const auto message = [](const char* text) -> std::string {
    try {
      parse_strict_json(text, 2);
    } catch (const FileFormatError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message(R"({"weight":"x","weight":"y"})"), "the key \"weight\" twice is not allowed");
  EXPECT_EQ(message(R"({"weight":null})"), "null (near key \"weight\") is not allowed");
  EXPECT_EQ(message(R"({"weight" "x"})"), "JSON syntax error at byte 13");
}

TEST(JsonString, QuotesWhatParsesBack) {
  const std::string text = "a\"b\\c\n\t\x01 \xc3\xa9";
  const JsonObject object = parse_strict_json("{" + json_string(text) + ":" + json_string(text) + "}", 1);
  EXPECT_EQ(object.members[0].first, text);
  EXPECT_EQ(std::get<std::string>(object.members[0].second), text);
  EXPECT_THROW(json_string("\xFF"), UsageError);
}

TEST(JsonString, MessagesStayOnOneShortPrintableLine) {
  EXPECT_EQ(quoted_for_message("a\nb\xFF"), "\"a\\nb\\ufffd\"");
  EXPECT_LT(quoted_for_message(std::string(100'000, 'x')).size(), 130U);
}

}  // namespace
}  // namespace dyadic
