// Folded thresholds against the pipeline that they stand for: every integer sum, every space of states, factors of both
// signs and of none.
#include "dyadic/nn/thresholds.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dyadic/base/error.h"
#include "dyadic/kernels/batch_norm.h"
#include "dyadic/kernels/multi_step.h"
#include "dyadic/nn/score_table.h"
#include "dyadic/nn/weights.h"

namespace dyadic {
namespace {

/// One channel for each combination of these.
ChannelNorm many_channels() {
  ChannelStatistics statistics;
  std::vector<double> scales, biases;
  for (const double scale : {1.0, -1.0, 0.0, -0.0, 0.3, -2.5, 1e-7, -1e-7, 1e5, -1e5}) {
    for (const double mean : {0.0, 3.7, -11.0}) {
      for (const double variance : {0.0, 1.0, 40.0}) {
        for (const double bias : {0.0, 0.5, -0.5, 0.499999, 3.0}) {
          statistics.mean.push_back(mean);
          statistics.variance.push_back(variance);
          scales.push_back(scale);
          biases.push_back(bias);
        }
      }
    }
  }
  return channel_norm(statistics, 1e-4, scales, biases);
}

ChannelFunction pipeline(const ChannelNorm& norm, const std::string& normalized, const std::string& states,
                         double threshold) {
  return [=, x_format = parse_format(normalized), y_format = parse_format(states)](const Tensor& z, Tensor& y) {
    Tensor x(z.shape(), x_format);
    normalise_channels(z, norm, x, {});
    y.reset(z.shape(), y_format);
    multi_step(x, {.threshold = threshold}, y, {});
  };
}

/// Every sum of every channel; the codes of both.
void expect_equal(const ChannelFunction& states, const Format& sums, std::int64_t largest, std::int64_t channels,
                  std::int64_t steps) {
  const ChannelThresholds folded = fold_thresholds(states, sums, largest, channels, steps);
  ASSERT_NO_THROW(check_thresholds(folded, largest, channels, steps));
  Tensor z({2 * largest + 1, channels}, sums);
  for (std::int64_t i = 0; i < z.size(); ++i) z.set_code(i, i / channels - largest);
  Tensor expected, codes(z.shape(), parse_format("uq16.0"));
  states(z, expected);
  count_thresholds(z, folded, codes.data(), CodeType::u16);
  for (std::int64_t i = 0; i < z.size(); ++i) {
    ASSERT_EQ(codes.code(i), expected.code(i)) << "channel " << i % channels << " sum " << z.code(i);
  }
}

TEST(Thresholds, AreThePipelineForEverySumAndSpace) {
  const ChannelNorm norm = many_channels();
  const auto channels = std::ssize(norm.mean);
  constexpr std::int64_t kDepth = 20;
  for (int n = 0; n <= 8; ++n) {
    const std::string space = "z" + std::to_string(n);
    const Format format = parse_format(space);
    for (const std::string normalized : {"float32", "bfloat16", "float16:sat:rtz", "q4.4", "q3.6:sat:ru"}) {
      for (const Format& sums : {exact_sum_format("h", kDepth, format, parse_format("ternary"), 0),
                                 exact_sum_format("h", kDepth, parse_format("q1.1"), parse_format("ternary"), 0)}) {
        SCOPED_TRACE(space + " " + normalized + " " + format_name(sums));
        const std::int64_t largest = std::min<std::int64_t>(60, sums.max_code);
        expect_equal(pipeline(norm, normalized, space, n % 2 == 0 ? 0.5 : 0.0), sums, largest, channels,
                     format.max_code);
      }
    }
  }
}

TEST(Thresholds, AreThePipelineOverALongRange) {
  ChannelNorm norm = channel_norm({{12.3, -700.0, 0.25, 1e3}, {3e5, 1e3, 1e7, 2.0}}, 1e-4,
                                  std::vector<double>{0.7, -1.3, -0.01, 2.0}, std::vector<double>{0.1, -0.2, 0.3, 0.0});
  constexpr std::int64_t kLargest = 40000;
  const Format sums = exact_sum_format("h", kLargest, parse_format("ternary"), parse_format("ternary"), 0);
  for (const std::string space : {"binary", "ternary", "z4", "z8", "z3*4"}) {
    SCOPED_TRACE(space);
    expect_equal(pipeline(norm, "float32", space, 0.5), sums, kLargest, 4, parse_format(space).max_code);
  }
}

TEST(Thresholds, OfTheLargestSums) {
  const std::int64_t largest = (std::int64_t{1} << 31) - 2;
  const ChannelNorm norm =
      channel_norm({{0.0, 0.0}, {1e18, 1e18}}, 1e-4, std::vector<double>{1.0, -1.0}, std::vector<double>{0.0, 0.0});
  const ChannelThresholds folded =
      fold_thresholds(pipeline(norm, "float32", "ternary", 0.5), parse_format("q32.0"), largest, 2, 2);
  EXPECT_EQ(folded.directions, (std::vector<std::int32_t>{1, -1}));
  // 0.5 in float32 and the ties to it: just above 5e8, symmetric.
  EXPECT_GT(folded.values[2], 500000000);
  EXPECT_LT(folded.values[2], 500000100);
  EXPECT_EQ(folded.values[2], folded.values[3]);
  EXPECT_EQ(folded.values[0], 1 - folded.values[2]);
  EXPECT_THROW(fold_thresholds(pipeline(norm, "float32", "ternary", 0.5), parse_format("q32.0"), largest + 1, 2, 2),
               ShapeError);
}

TEST(Thresholds, WithoutNormalisationAreTheStaircase) {
  const Format sums = exact_sum_format("h", 30, parse_format("q1.7"), parse_format("ternary"), 0);
  const ChannelFunction states = [](const Tensor& z, Tensor& y) {
    y.reset(z.shape(), parse_format("ternary"));
    multi_step(z, {.threshold = 0.5}, y, {});
  };
  expect_equal(states, sums, 30 * 128, 3, 2);
  const ChannelThresholds folded = fold_thresholds(states, sums, 30 * 128, 1, 2);
  EXPECT_EQ(folded.values, (std::vector<std::int32_t>{-64, 65})) << "zero for |z| <= 64 of 128 steps";
}

TEST(Thresholds, AFactorOfZeroFreezesAChannel) {
  const ChannelNorm norm =
      channel_norm({{1.0, 1.0}, {1.0, 1.0}}, 1e-4, std::vector<double>{0.0, 0.0}, std::vector<double>{0.7, -0.7});
  const Format sums = exact_sum_format("h", 10, parse_format("ternary"), parse_format("ternary"), 0);
  const ChannelThresholds folded = fold_thresholds(pipeline(norm, "float32", "ternary", 0.5), sums, 10, 2, 2);
  EXPECT_EQ(folded.values, (std::vector<std::int32_t>{-10, 11, -10, 11}));
  EXPECT_EQ(folded.directions, (std::vector<std::int32_t>{1, 1}));
}

TEST(Thresholds, CheckNamesChannelAndValue) {
  const ChannelThresholds good = {.channels = 2, .steps = 2, .values = {-3, 0, 5, 0}, .directions = {1, -1}};
  EXPECT_NO_THROW(check_thresholds(good, 9, 2, 2));
  const auto message = [&](auto change) {
    ChannelThresholds bad = good;
    change(bad);
    try {
      check_thresholds(bad, 9, 2, 2);
    } catch (const UsageError& error) {
      return std::string(error.what());
    }
    return std::string("none");
  };
  EXPECT_EQ(message([](auto& t) { t.values[2] = -4; }), "channel 0: threshold -4 comes after -3; they must ascend");
  EXPECT_EQ(message([](auto& t) { t.values[3] = 11; }), "channel 1: threshold 11 is outside -9..10");
  EXPECT_EQ(message([](auto& t) { t.values[1] = -10; }), "channel 1: threshold -10 is outside -9..10");
  EXPECT_EQ(message([](auto& t) { t.directions[1] = 0; }), "channel 1: direction 0 is neither 1 nor -1");
  EXPECT_EQ(message([](auto& t) { t.directions.pop_back(); }), "1 directions where 2 are needed");
  EXPECT_EQ(message([](auto& t) { t.steps = 1; }), "thresholds [1, 2] where [2, 2] are needed");
}

}  // namespace
}  // namespace dyadic
