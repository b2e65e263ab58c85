#include <gtest/gtest.h>

#include <string>

#include "tests/cli/program.h"

namespace dyadic {
namespace {

TEST(Info, JsonListsTiersBestFirstAndTheSelectedOne) {
  const TemporaryDirectory directory;
  const Result result = run({"info", "--json"}, directory.path(), {{"DYADIC_ISA", "ref"}});
  ASSERT_EQ(result.code, 0) << result.err;
  const std::string isas = json_value(result.out, "isa");
  EXPECT_TRUE(isas.ends_with("\"ref\"]")) << isas;
  EXPECT_EQ(json_value(result.out, "selected"), "\"ref\"");
  EXPECT_EQ(json_value(result.out, "version"), "\"" DYADIC_VERSION "\"");
}

TEST(Info, TheOptionBeatsTheEnvironmentAndTheBestTierIsTheDefault) {
  const TemporaryDirectory directory;
  const Result best = run({"info", "--json"}, directory.path(), {{"DYADIC_ISA", ""}});
  const std::string isas = json_value(best.out, "isa");
  EXPECT_EQ(isas.substr(1, isas.find_first_of(",]") - 1), json_value(best.out, "selected"));
  const Result forced = run({"info", "--json", "--isa", "ref"}, directory.path(), {{"DYADIC_ISA", "no-such-tier"}});
  EXPECT_EQ(json_value(forced.out, "selected"), "\"ref\"") << forced.err;
}

TEST(Info, AnUnknownTierInTheEnvironmentIsAnErrorNotAFallback) {
  const TemporaryDirectory directory;
  const Result result = run({"info"}, directory.path(), {{"DYADIC_ISA", "avx9"}});
  EXPECT_EQ(result.code, 2);
  EXPECT_NE(result.err.find("avx9"), std::string::npos);
}

TEST(Info, PrintsTheChosenKernels) {
  const TemporaryDirectory directory;
  const Result result = run({"info", "--isa", "ref"}, directory.path());
  EXPECT_EQ(result.code, 0);
  EXPECT_NE(result.out.find("selected       ref"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("\nkernels\n  "), std::string::npos);
}

TEST(Formats, PrintsTheTableAndOneFormat) {
  const TemporaryDirectory directory;
  const Result table = run({"formats"}, directory.path());
  EXPECT_EQ(table.code, 0);
  for (const char* name : {"float32", "bfloat16", "float8_e4m3fn", "dfx<W>", "q<I>.<F>", "ternary", "exact"}) {
    EXPECT_NE(table.out.find(name), std::string::npos) << name;
  }
  const Result one = run({"formats", "q6.4s"}, directory.path());
  EXPECT_EQ(one.code, 0);
  EXPECT_NE(one.out.find("31.9375"), std::string::npos) << one.out;
  EXPECT_NE(one.out.find("0.0625"), std::string::npos) << one.out;
  const Result json = run({"formats", "q6.4s", "--json"}, directory.path());
  EXPECT_EQ(json.code, 0);
  EXPECT_EQ(json.out.front(), '{');
}

TEST(Data, ListsTheSetsAndWhereTheyAre) {
  const TemporaryDirectory directory;
  const Result result = run({"data", "list"}, directory.path(), {{"DYADIC_DATA", ""}});
  EXPECT_EQ(result.code, 0);
  EXPECT_NE(result.out.find("mnist"), std::string::npos);
  EXPECT_NE(result.out.find("not here; get it with: dyadic data get mnist"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("digits"), std::string::npos);
}

TEST(RecipeKeys, ArePrintedWithTheirMeaning) {
  const TemporaryDirectory directory;
  const Result result = run({"train", "--keys"}, directory.path());
  EXPECT_EQ(result.code, 0);
  EXPECT_NE(result.out.find("train.epochs"), std::string::npos);
  EXPECT_NE(result.out.find("formats.range.max_overflow"), std::string::npos);
}

}  // namespace
}  // namespace dyadic
