// `dyadic quantize` against values worked out by hand and against the reference codec.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "dyadic/base/philox.h"
#include "dyadic/formats/codec.h"
#include "dyadic/formats/format.h"
#include "dyadic/io/file.h"
#include "dyadic/io/npy.h"
#include "tests/cli/program.h"

namespace dyadic {
namespace {

class Quantize : public testing::Test {
 protected:
  void write(const std::vector<float>& values, const Shape& shape) {
    write_npy<float>(directory_ / "in.npy", shape, values);
  }

  Result quantize(std::vector<std::string> options) {
    options.insert(options.begin(), {"quantize", "in.npy", "out.npy"});
    return run(options, directory_.path());
  }

  std::vector<float> output() { return std::get<std::vector<float>>(read_npy(directory_ / "out.npy").values); }

  TemporaryDirectory directory_;
};

TEST_F(Quantize, RoundsAndSaturatesInTheShapeOfTheInput) {
  write({0.03125F, -0.03125F, 0.09375F, 31.95F, -40.0F, 1e30F}, {2, 3});
  const Result result = quantize({"--format", "q6.4s:sat:rna"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(output(), (std::vector<float>{0.0625F, -0.0625F, 0.125F, 31.9375F, -31.9375F, 31.9375F}));
  EXPECT_EQ(read_npy(directory_ / "out.npy").shape, (Shape{2, 3}));
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err, "6 values in q6.4s:sat:rna: 2 beyond the limits, 3 at the limit, 0 zero, 0 not finite\n");
}

TEST_F(Quantize, TiesGoWhereTheRoundingSays) {
  write({0.5F, 1.5F, -0.5F, -1.5F}, {4});
  const std::vector<std::pair<std::string, std::vector<float>>> kRows = {
      {"rne", {0, 2, -0.0F, -2}}, {"rna", {1, 2, -1, -2}}, {"rtz", {0, 1, 0, -1}},
      {"rd", {0, 1, -1, -2}},     {"ru", {1, 2, 0, -1}},   {"rnd", {0, 1, -1, -2}},
  };
  for (const auto& [rounding, expected] : kRows) {
    ASSERT_EQ(quantize({"--format", "q4.0:sat:" + rounding}).code, 0);
    EXPECT_EQ(output(), expected) << rounding;
  }
}

TEST_F(Quantize, CodesAreIntegersOfTheSmallestType) {
  write({0.03125F, -31.9375F, 1.0F}, {3});
  ASSERT_EQ(quantize({"--format", "q6.4s:sat:rna", "--codes"}).code, 0);
  const std::vector<std::int16_t> expected = {1, -511, 16};
  EXPECT_EQ(read_file(directory_ / "out.npy"), serialize_npy<std::int16_t>({3}, expected));
  ASSERT_EQ(quantize({"--format", "float16", "--codes"}).code, 0);
  const std::vector<std::uint16_t> halves = {0x2800, 0xCFFC, 0x3C00};
  EXPECT_EQ(read_file(directory_ / "out.npy"), serialize_npy<std::uint16_t>({3}, halves));
  ASSERT_EQ(quantize({"--format", "float32", "--codes"}).code, 0);
  const std::vector<std::uint32_t> floats = {0x3D000000, 0xC1FF8000, 0x3F800000};
  EXPECT_EQ(read_file(directory_ / "out.npy"), serialize_npy<std::uint32_t>({3}, floats));
}

TEST_F(Quantize, BlocksShareAnExponentAlongTheArray) {
  write({1, 2, 3, 4, 5, 6, 7, -7, 0.26F, -1e-3F}, {2, 5});
  Result result = quantize({"--format", "bfp4b8"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(output(), (std::vector<float>{1, 2, 3, 4, 5, 6, 7, -7, 0.25F, 0}));
  EXPECT_EQ(result.err, "10 values in bfp4b8:sat:rne: 0 beyond the limits, 2 at the limit, 1 zero, 0 not finite\n");
  result = quantize({"--format", "bfp4b8", "--codes"});
  EXPECT_EQ(result.code, 2);
  EXPECT_NE(result.err.find("means nothing without the exponent of its block"), std::string::npos) << result.err;
  write({1, 2, std::numeric_limits<float>::infinity(), 3}, {4});
  result = quantize({"--format", "bfp4b8:error"});
  EXPECT_EQ(result.code, 3);
  EXPECT_NE(result.err.find("element [2] is beyond the limits of bfp4b8:error:rne"), std::string::npos) << result.err;
  write({1, std::nanf("")}, {2});
  result = quantize({"--format", "bfp4b8"});
  EXPECT_EQ(result.code, 3);
  EXPECT_NE(result.err.find("element [1] is NaN, which bfp4b8:sat:rne cannot hold"), std::string::npos) << result.err;
}

TEST_F(Quantize, StochasticBitsAreThoseOfStepZeroStreamZeroAndTheElement) {
  constexpr std::size_t kCount = 1000;
  std::vector<float> values;
  for (std::size_t i = 0; i < kCount; ++i) values.push_back(0.37F * static_cast<float>(i) / kCount - 0.1F);
  write(values, {10, 100});
  for (const char* name : {"q2.6:sat:sr", "q2.6s:sat:sr16", "float8_e4m3fn:sat:sr8", "dfx8@-1:sat:srh"}) {
    ASSERT_EQ(quantize({"--format", name, "--seed", "3"}).code, 0) << name;
    const Format format = parse_format(name);
    const int bits = random_bits_per_element(format.rounding);
    std::vector<float> expected;
    for (std::size_t i = 0; i < kCount; ++i) {
      const Encoded encoded = encode(format, static_cast<double>(values[i]), random_bits({.seed = 3}, i, bits));
      expected.push_back(static_cast<float>(decode(format, encoded.code)));
    }
    EXPECT_EQ(output(), expected) << name;
    ASSERT_EQ(quantize({"--format", name, "--seed", "4"}).code, 0);
    EXPECT_NE(output(), expected) << name << ": another seed, the same bits";
  }
}

TEST_F(Quantize, RangeOptionAndSpellingAreTheSame) {
  write({0.3F, 5.0F, -9.0F}, {3});
  ASSERT_EQ(quantize({"--format", "dfx8:sat:rna", "--range", "-1"}).code, 0);
  EXPECT_EQ(output(), (std::vector<float>{77.0F / 256, 127.0F / 256, -127.0F / 256}));
  const auto bytes = read_file(directory_ / "out.npy");
  ASSERT_EQ(quantize({"--format", "dfx8@-1:sat:rna"}).code, 0);
  EXPECT_EQ(read_file(directory_ / "out.npy"), bytes);
}

TEST_F(Quantize, Float64InputIsRoundedOnce) {
  // Just above a tie of q8.8: through float32 it would become the tie and go to even.
  const std::vector<double> values = {0.001953125 + 1e-12, 0.005859375 - 1e-12};
  write_npy<double>(directory_ / "in.npy", {2}, values);
  ASSERT_EQ(quantize({"--format", "q8.8:sat:rne"}).code, 0);
  EXPECT_EQ(output(), (std::vector<float>{1.0F / 256, 1.0F / 256}));
}

TEST_F(Quantize, ValuesOfMoreThan24BitsAreWrittenAsFloat64) {
  const std::vector<double> values = {1.0 / 3};
  write_npy<double>(directory_ / "in.npy", {1}, values);
  ASSERT_EQ(quantize({"--format", "q2.30:sat:rne"}).code, 0);
  const auto result = std::get<std::vector<double>>(read_npy(directory_ / "out.npy").values);
  EXPECT_EQ(result[0], std::nearbyint(0x1p30 / 3) / 0x1p30);
}

TEST_F(Quantize, NanIntoAFormatWithoutNanNamesFileAndPlace) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  write({0, 1, 2, 3, nan, nan}, {2, 3});
  const Result result = quantize({"--format", "q2.14"});
  EXPECT_EQ(result.code, 3);
  EXPECT_EQ(result.err,
            "dyadic: in.npy: element [1, 1] is NaN, which q2.14:sat:rne cannot hold (2 in all; --on-nonfinite=count "
            "stores zeros)\n");
  EXPECT_FALSE(std::filesystem::exists(directory_ / "out.npy"));
  const Result counted = quantize({"--format", "q3.4", "--on-nonfinite=count", "--json"});
  EXPECT_EQ(counted.code, 0) << counted.err;
  EXPECT_EQ(json_value(counted.out, "nonfinite"), "2");
  EXPECT_EQ(output(), (std::vector<float>{0, 1, 2, 3, 0, 0}));
}

TEST_F(Quantize, NanIntoAFloatStaysNan) {
  write({std::numeric_limits<float>::quiet_NaN(), 1e9F}, {2});
  ASSERT_EQ(quantize({"--format", "float16"}).code, 0);
  EXPECT_TRUE(std::isnan(output()[0]));
  EXPECT_EQ(output()[1], std::numeric_limits<float>::infinity());
}

TEST_F(Quantize, OverflowErrorNamesFileAndPlace) {
  write({0, 1, -3, 5}, {4});
  const Result result = quantize({"--format", "q2.6:error:rne"});
  EXPECT_EQ(result.code, 3);
  EXPECT_EQ(result.err, "dyadic: in.npy: element [2] is beyond the limits of q2.6:error:rne; use overflow 'sat'\n");
}

TEST_F(Quantize, JsonHoldsTheCounts) {
  write({0, 0, 9, -9}, {4});
  const Result result = quantize({"--format", "q2.6", "--json"});
  ASSERT_EQ(result.code, 0);
  EXPECT_EQ(json_value(result.out, "format"), "\"q2.6:sat:rne\"");
  EXPECT_EQ(json_value(result.out, "elements"), "4");
  EXPECT_EQ(json_value(result.out, "overflowed"), "2");
  EXPECT_EQ(json_value(result.out, "zeros"), "2");
  EXPECT_EQ(result.err, "");
}

TEST_F(Quantize, QuietPrintsNothing) {
  write({0.5F}, {});
  const Result result = quantize({"--format", "q2.6", "--quiet"});
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.out + result.err, "");
  EXPECT_EQ(output(), (std::vector<float>{0.5F}));
}

TEST_F(Quantize, EmptyArraysStayEmpty) {
  write({}, {0, 5});
  ASSERT_EQ(quantize({"--format", "q2.6"}).code, 0);
  EXPECT_EQ(read_npy(directory_ / "out.npy").shape, (Shape{0, 5}));
}

TEST_F(Quantize, AMalformedFileIsExitCode65) {
  write_file_atomically(directory_ / "in.npy", std::string_view("\x93NUMPY rubbish"));
  const Result result = quantize({"--format", "q2.6"});
  EXPECT_EQ(result.code, 65) << result.err;
  EXPECT_EQ(std::ranges::count(result.err, '\n'), 1);
}

TEST_F(Quantize, AnOutputThatCannotBeWrittenIsExitCode74) {
  write({1}, {1});
  const Result result = run({"quantize", "in.npy", "no-such-directory/out.npy", "--format", "q2.6"}, directory_.path());
  EXPECT_EQ(result.code, 74) << result.err;
}

TEST_F(Quantize, TierAndThreadsDoNotChangeTheBytes) {
  std::vector<float> values;
  for (int i = 0; i < 5003; ++i) values.push_back(std::ldexp(static_cast<float>(i % 997) - 500.0F, i % 23 - 12));
  write(values, {5003});
  ASSERT_EQ(quantize({"--format", "q6.10:sat:sr16", "--seed", "9", "--isa", "ref", "--threads", "1"}).code, 0);
  const auto bytes = read_file(directory_ / "out.npy");
  ASSERT_EQ(quantize({"--format", "q6.10:sat:sr16", "--seed", "9", "--threads", "3"}).code, 0);
  EXPECT_EQ(read_file(directory_ / "out.npy"), bytes);
}

}  // namespace
}  // namespace dyadic
