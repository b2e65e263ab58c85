// Adam against the formulas, one element at a time.
#include "dyadic/kernels/adam.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "dyadic/base/philox.h"
#include "dyadic/formats/codec.h"
#include "dyadic/kernels/elements.h"
#include "dyadic/tensor/tensor.h"

namespace dyadic {
namespace {

Tensor with_values(const std::string& format, const std::vector<double>& values) {
  Tensor tensor({std::ssize(values)}, parse_format(format));
  quantize(values.data(), tensor.size(), tensor.format(), tensor.data(), {});
  return tensor;
}

TEST(Adam, MovesTheMomentsAndUsesThemAsRounded) {
  const std::vector<double> m = {0, 0.5, -0.25, 0.125, 1}, v = {0, 0.25, 0.5, 1e-3, 2}, g = {1, -2, 0, 1e-4, 3};
  for (const std::string format : {"float32", "bfloat16", "q2.6:sat:sr"}) {
    Tensor first = with_values(format, m), second = with_values(format, v);
    const Tensor first_before = first, second_before = second;
    const AdamMoments job = {.beta1 = 0.75,
                             .beta2 = 0.875,
                             .epsilon = 1e-3,
                             .rate = 0.5,
                             .first = &first,
                             .first_to = first.format(),
                             .second = &second,
                             .second_to = second.format(),
                             .first_random = {1, 2, 3},
                             .second_random = {1, 2, 4}};
    std::vector<double> wanted(g.begin() + 1, g.end());
    adam_step(job, 1, 4, wanted.data());  // the first element is left alone
    EXPECT_EQ(first.code(0), first_before.code(0));
    for (std::int64_t i = 1; i < 5; ++i) {
      const auto rounded = [&](const Tensor& before, double beta, double towards, const RandomStream& random) {
        const double value = beta * decode(before.format(), before.code(i)) + (1 - beta) * towards;
        const int bits = random_bits_per_element(before.format().rounding);
        return encode(before.format(), value, bits == 0 ? 0 : random_bits(random, static_cast<std::uint64_t>(i), bits))
            .code;
      };
      const double gradient = g[static_cast<std::size_t>(i)];
      EXPECT_EQ(first.code(i), rounded(first_before, 0.75, gradient, job.first_random)) << format << i;
      EXPECT_EQ(second.code(i), rounded(second_before, 0.875, gradient * gradient, job.second_random)) << format << i;
      const double m1 = decode(first.format(), first.code(i)), v1 = decode(second.format(), second.code(i));
      EXPECT_EQ(wanted[static_cast<std::size_t>(i - 1)], -(0.5 * (m1 / (std::sqrt(v1) + 1e-3))));
    }
  }
}

TEST(Adam, RateCorrectsForMomentsThatBeganAtZero) {
  EXPECT_NEAR(adam_rate(0.25, 0.9, 0.999, 1), 0.25 * std::sqrt(0.001) / 0.1, 1e-15);
  EXPECT_NEAR(adam_rate(0.25, 0.9, 0.999, 10), 0.25 * std::sqrt(1 - std::pow(0.999, 10)) / (1 - std::pow(0.9, 10)),
              1e-14);
  EXPECT_DOUBLE_EQ(adam_rate(0.25, 0.9, 0.999, 1000000), 0.25);
  EXPECT_EQ(adam_rate(0.25, 0, 0, 1), 0.25);
}

// The step of the first batch is the sign of its gradient times the rate: |m| / sqrt(v) is one.
TEST(Adam, TheFirstStepHasTheSizeOfTheRate) {
  Tensor first = with_values("float32", {0, 0}), second = with_values("float32", {0, 0});
  const AdamMoments job = {.rate = adam_rate(0.25, 0.9, 0.999, 1),
                           .first = &first,
                           .first_to = first.format(),
                           .second = &second,
                           .second_to = second.format()};
  std::vector<double> wanted = {0.5, -4};
  adam_step(job, 0, 2, wanted.data());
  EXPECT_NEAR(wanted[0], -0.25, 1e-6);
  EXPECT_NEAR(wanted[1], 0.25, 1e-6);
}

// Moments in blocks: the denominator of an element whose second moment was rounded away is the step of its block.
TEST(Adam, ASecondMomentInABlockCountsForAtLeastOneStep) {
  const std::int64_t n = 100;
  for (const std::string format : {"bfp8b32:sat:rne", "bfp6b8:sat:sr"}) {
    Tensor first({n}, parse_format(format)), second({n}, parse_format(format));
    const AdamMoments job = {.beta1 = 0.75,
                             .beta2 = 0.875,
                             .epsilon = 1e-8,
                             .rate = 0.5,
                             .first = &first,
                             .first_to = first.format(),
                             .second = &second,
                             .second_to = second.format(),
                             .first_random = {1, 2, 3},
                             .second_random = {1, 2, 4}};
    std::vector<double> m(static_cast<std::size_t>(n), 0), v(m), wanted(m), root(m);
    std::int64_t raised = 0;
    for (std::uint64_t step = 0; step < 3; ++step) {
      std::vector<double> gradient;
      for (std::uint64_t i = 0; i < m.size(); ++i) {
        gradient.push_back(std::ldexp(random_uniform({.seed = step}, i) - 0.5, -static_cast<int>(i % 7)));
      }
      wanted = gradient;
      adam_step(job, 0, 64, wanted.data());
      adam_step(job, 64, n - 64, wanted.data() + 64);
      // The same step on tensors of its own, from the values that were stored before.
      Tensor m1({n}, first.format()), v1({n}, second.format());
      for (std::size_t i = 0; i < m.size(); ++i) {
        m[i] = 0.75 * m[i] + 0.25 * gradient[i];
        v[i] = 0.875 * v[i] + 0.125 * (gradient[i] * gradient[i]);
      }
      write_elements(m.data(), 0, n, m1.format(), job.first_random, m1);
      write_elements(v.data(), 0, n, v1.format(), job.second_random, v1);
      read_elements(m1, 0, n, m.data());
      read_elements(v1, 0, n, v.data());
      for (std::int64_t i = 0; i < n; ++i) {
        const auto at = static_cast<std::size_t>(i);
        ASSERT_EQ(first.code(i), m1.code(i)) << format;
        ASSERT_EQ(second.code(i), v1.code(i)) << format;
        const int exponent = v1.exponents()[at / static_cast<std::size_t>(v1.format().block_size)];
        ASSERT_EQ(second.exponents()[at / static_cast<std::size_t>(v1.format().block_size)], exponent);
        const double least = std::ldexp(1.0, exponent - v1.format().width + 2);
        raised += v[at] < least && m[at] != 0 ? 1 : 0;
        ASSERT_EQ(wanted[at], -(0.5 * (m[at] / (std::sqrt(std::max(v[at], least)) + 1e-8)))) << format << i;
      }
    }
    EXPECT_GT(raised, 10) << format;
  }
}

}  // namespace
}  // namespace dyadic
