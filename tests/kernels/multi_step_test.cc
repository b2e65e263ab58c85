// The staircase of discrete activations against its definition, level by level, and its derivative against the integral
// of its windows.
#include "dyadic/kernels/multi_step.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "dyadic/formats/codec.h"

namespace dyadic {
namespace {

Tensor floats(const std::vector<float>& values) {
  Tensor tensor({std::ssize(values)}, parse_format("float32"));
  std::ranges::copy(values, tensor.codes<float>().begin());
  return tensor;
}

std::vector<double> states_of(const std::vector<float>& x, const std::string& format, const MultiStepOptions& options) {
  Tensor y({std::ssize(x)}, parse_format(format));
  multi_step(floats(x), options, y, {});
  std::vector<double> values;
  for (std::int64_t i = 0; i < y.size(); ++i) values.push_back(decode(y.format(), y.code(i)));
  return values;
}

/// As the paper writes it: w / P for t[w-1] < x <= t[w], odd-symmetric.
double state_by_definition(double x, int n, double h, double r) {
  if (n == 0) return x > 0 ? h : -h;
  const double p = std::ldexp(1.0, n - 1);
  const double size = std::fabs(x);
  if (size <= r) return 0;
  double level = 0;
  for (double w = 0; w < p; ++w) {
    if (size > r + w * (h - r) / p) level = w + 1;
  }
  return std::copysign(level * h / p, x);
}

std::vector<float> ramp() {
  std::vector<float> x;
  for (int i = -260; i <= 260; ++i) x.push_back(static_cast<float>(i) / 128.0F);
  x.push_back(-0.0F);
  x.push_back(std::numeric_limits<float>::infinity());
  x.push_back(-std::numeric_limits<float>::infinity());
  return x;
}

TEST(MultiStep, GivesTheStateThatEachValueFallsInto) {
  const std::vector<float> x = ramp();
  for (const double r : {0.0, 0.25, 0.5, 0.999}) {
    for (int n = 0; n <= 8; ++n) {
      const std::vector<double> y = states_of(x, "z" + std::to_string(n), {.threshold = r});
      for (std::size_t i = 0; i < x.size(); ++i) {
        ASSERT_EQ(y[i], state_by_definition(static_cast<double>(x[i]), n, 1, r)) << "z" << n << " " << r << " " << x[i];
      }
    }
  }
}

TEST(MultiStep, ScalesWithTheLargestState) {
  EXPECT_EQ(states_of({-0.6F, -0.5F, 0.4F, 0.51F, 9.0F}, "ternary*4", {.threshold = 0.5}),
            (std::vector<double>{-4, 0, 0, 4, 4}));
  EXPECT_EQ(states_of({0.5F, 0.6F, 0.8F}, "z2*0.75", {.threshold = 0.5}), (std::vector<double>{0, 0.375, 0.75}));
}

TEST(MultiStep, CountsZerosLimitsAndNaN) {
  const Tensor x = floats({0.1F, 0.9F, -0.9F, std::numeric_limits<float>::quiet_NaN()});
  Tensor y({4}, parse_format("ternary"));
  const RoundingCounts counts = multi_step(x, {}, y, {});
  EXPECT_EQ(counts.elements, 4);
  EXPECT_EQ(counts.zeros, 2);  // NaN gives one
  EXPECT_EQ(counts.largest, 2);
  EXPECT_EQ(counts.nonfinite, 1);
  EXPECT_EQ(y.code(3), 1);
}

TEST(MultiStep, ClipsInOtherFormats) {
  EXPECT_EQ(states_of({-3.0F, -0.3F, 0.3F, 1.5F}, "q2.2", {}), (std::vector<double>{-1, -0.25, 0.25, 1}));
}

std::vector<double> gradient_of(const std::vector<float>& x, const std::string& format,
                                const MultiStepOptions& options) {
  Tensor d_y({std::ssize(x)}, parse_format("float32"));
  for (float& d : d_y.codes<float>()) d = 2.0F;
  Tensor d_x({std::ssize(x)}, parse_format("float32"));
  multi_step_backward(floats(x), d_y, parse_format(format), options, d_x, {});
  return {d_x.codes<float>().begin(), d_x.codes<float>().end()};
}

TEST(MultiStep, PassesGradientInWindowsAroundTheSteps) {
  EXPECT_EQ(gradient_of({0.0F, 0.2F, 0.3F, 0.5F, 0.7F, 0.8F, -0.5F}, "ternary", {.threshold = 0.5, .half_width = 0.25}),
            (std::vector<double>{0, 0, 4, 4, 4, 0, 4}));
  EXPECT_EQ(
      gradient_of({0.25F, 0.375F, 0.5F, 0.75F}, "ternary", {.threshold = 0.5, .triangular = true, .half_width = 0.25}),
      (std::vector<double>{0, 4, 8, 0}));
  EXPECT_EQ(gradient_of({-1.0F, 0.0F, 1.0F, 1.1F}, "binary", {.half_width = 1}), (std::vector<double>{2, 2, 2, 0}));
  EXPECT_EQ(gradient_of({-1.5F, -1.0F, 0.3F, 1.1F}, "q2.2", {}), (std::vector<double>{0, 2, 2, 0}));
}

// The derivative is the staircase smoothed by its window, so its integral is the height of the whole staircase.
TEST(MultiStep, TheDerivativeIntegratesToTheHeightOfTheStairs) {
  constexpr int kPerUnit = 4096;
  std::vector<float> x;
  for (int i = -3 * kPerUnit; i < 3 * kPerUnit; ++i) x.push_back((static_cast<float>(i) + 0.5F) / kPerUnit);
  for (const bool triangular : {false, true}) {
    for (const std::string format : {"z0", "z1", "z2", "z4", "z2*0.5"}) {
      double sum = 0;
      for (const double slope :
           gradient_of(x, format, {.threshold = 0.25, .triangular = triangular, .half_width = 0.5}))
        sum += slope / 2 / kPerUnit;
      const Format f = parse_format(format);
      const double h = decode(f, f.max_code);
      // The midpoint rule misses at most one sample at the two ends of each window.
      EXPECT_NEAR(sum, 2 * h, 4 * h / kPerUnit) << format << triangular;
    }
  }
}

}  // namespace
}  // namespace dyadic
