// Rectification of every code of every kind of format, against the codec.
#include "dyadic/kernels/relu.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "dyadic/base/error.h"
#include "dyadic/base/parallel.h"
#include "tests/kernels/round_cases.h"

namespace dyadic {
namespace {

bool is_positive(const Format& format, std::int64_t code) { return decode(format, code) > 0; }  // NaN is not

TEST(Relu, KeepsPositiveCodesAndMakesTheRestZero) {
  int formats = 0;
  for (const std::string& name : base_names()) {
    const Format format = parse_format(name);
    if (!format.represents_zero()) continue;
    ++formats;
    const Tensor z = many_codes(format);
    const std::int64_t zero = encode(format, 0.0).code;
    Tensor y;
    relu_select(z, y);
    EXPECT_EQ(y.shape(), z.shape());
    EXPECT_EQ(y.format(), z.format());
    for (std::int64_t i = 0; i < z.size(); ++i) {
      ASSERT_EQ(y.code(i), is_positive(format, z.code(i)) ? z.code(i) : zero) << name << " code " << z.code(i);
    }
  }
  EXPECT_GT(formats, 50);
}

TEST(Relu, MinusZeroAndNaNBecomePlusZero) {
  const Format format = parse_format("float32");
  Tensor z({6}, format);
  const float values[] = {-0.0F, std::nanf(""), -std::nanf(""), -INFINITY, INFINITY, 0x1p-149F};
  for (std::size_t i = 0; i < std::size(values); ++i) z.codes<float>()[i] = values[i];
  Tensor y;
  relu_select(z, y);
  for (const std::int64_t i : {0, 1, 2, 3}) EXPECT_EQ(y.code(i), 0) << i;
  EXPECT_EQ(y.code(4), 0x7F800000);
  EXPECT_EQ(y.code(5), 1);
}

/// Largest or least code of a grid; largest finite magnitude or more of a float, or the clamp of its range.
bool at_limit(const Format& format, std::int64_t code) {
  if (format.is_grid()) return code == format.max_code || code == format.min_code;
  const std::int64_t limit = format.has_range() ? clamp_code(format) : std::int64_t{max_finite_code(format)};
  return std::fabs(decode(format, code)) >= decode(format, limit);
}

TEST(Relu, RoutesGradientsOfPositiveCodesAndClippedStopsThemAtTheLimit) {
  const std::vector<std::string> gradients = {"dfx10@2", "float32", "q4.28",         "float16",
                                              "z4",      "int8",    "uint8*0.5+128", "float8_e4m3fn"};
  std::size_t next = 0;
  std::vector<std::string> names = base_names();
  names.insert(names.end(), {"float32@3:sat", "float16@3:sat", "bfloat16@-2:sat", "float8_e5m2@1:sat"});
  for (const std::string& name : names) {
    const Format format = parse_format(name);
    if (!format.has_zero) continue;
    const Tensor z = many_codes(format);
    const Format gradient = parse_format(gradients[next++ % gradients.size()]);
    Tensor d_y(z.shape(), gradient);
    for (std::int64_t i = 0; i < d_y.size(); ++i) {
      d_y.set_code(i, encode(gradient, random_uniform({.seed = 4}, static_cast<std::uint64_t>(i)) - 0.5).code);
    }
    const std::int64_t zero = encode(gradient, 0.0).code;
    for (const bool clipped : {false, true}) {
      Tensor routed;
      relu_route(z, d_y, clipped, routed);
      EXPECT_EQ(routed.format(), gradient);
      EXPECT_EQ(routed.shape(), z.shape());
      for (std::int64_t i = 0; i < z.size(); ++i) {
        const bool passes = is_positive(format, z.code(i)) && !(clipped && at_limit(format, z.code(i)));
        ASSERT_EQ(routed.code(i), passes ? d_y.code(i) : zero) << name << " code " << z.code(i) << " " << clipped;
      }
    }
  }
}

TEST(Relu, FormatsWithoutZeroAreRefused) {
  for (const char* name : {"binary", "float8_e8m0fnu"}) {
    const Tensor z({3}, parse_format(name));
    Tensor y;
    EXPECT_THROW(relu_select(z, y), UsageError) << name;
    EXPECT_THROW(relu_route(Tensor({3}, parse_format("int8")), z, false, y), UsageError) << name;
  }
}

TEST(Relu, ThreadsDoNotMatter) {
  const Tensor z = many_codes(parse_format("bfloat16"));
  Tensor one;
  Tensor three;
  relu_select(z, one);
  set_thread_count(3);
  relu_select(z, three);
  set_thread_count(1);
  for (std::int64_t i = 0; i < z.size(); ++i) ASSERT_EQ(one.code(i), three.code(i));
}

}  // namespace
}  // namespace dyadic
