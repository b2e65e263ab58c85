#include "dyadic/nn/score_table.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "dyadic/base/error.h"
#include "dyadic/kernels/batch_norm.h"
#include "dyadic/nn/weights.h"

namespace dyadic {
namespace {

TEST(ScoreTable, KeysAreOrderedAsTheNumbers) {
  const float largest = std::numeric_limits<float>::max(), least = std::numeric_limits<float>::denorm_min();
  const std::vector<float> ascending = {-largest, -2.0F, -1.0F, std::nextafter(-1.0F, 0.0F), -least,
                                        0.0F,     least, 1.0F,  std::nextafter(1.0F, 2.0F),  largest};
  for (std::size_t i = 0; i < ascending.size(); ++i) {
    EXPECT_EQ(order_value(order_key(ascending[i])), ascending[i]);
    for (std::size_t j = 0; j < ascending.size(); ++j) {
      EXPECT_EQ(order_key(ascending[i]) < order_key(ascending[j]), ascending[i] < ascending[j]) << i << " " << j;
    }
  }
  EXPECT_EQ(order_key(-0.0F), order_key(0.0F));
  EXPECT_EQ(order_key(0.0F), 0);
}

TEST(ScoreTable, HoldsTheScoreOfEverySum) {
  const ChannelNorm norm = channel_norm({{0.5, -20.0, 3.0}, {4.0, 1e3, 0.0}}, 1e-4, std::vector<double>{0.3, -2.0, 0.0},
                                        std::vector<double>{0.1, 0.0, -0.25});
  const Format sums = exact_sum_format("out", 700, parse_format("ternary"), parse_format("ternary"), 0);
  const ChannelFunction scores = [&](const Tensor& z, Tensor& x) {
    x.reset(z.shape(), parse_format("float32"));
    normalise_channels(z, norm, x, {});
  };
  const ScoreTable table = make_score_table(scores, sums, 700, 3);
  for (std::int64_t z = -700; z <= 700; ++z) {
    for (std::size_t c = 0; c < 3; ++c) {
      const auto expected = static_cast<float>((static_cast<double>(z) - norm.mean[c]) * norm.factor[c] + norm.bias[c]);
      ASSERT_EQ(order_value(table.key(static_cast<std::int64_t>(c), z)), expected) << c << " " << z;
    }
  }
}

TEST(ScoreTable, RefusesScoresThatAreNoFloatsAndTablesThatAreTooLarge) {
  const Format sums = parse_format("q32.0");
  const auto message = [&](const std::string& format, double value, std::int64_t largest) {
    const ChannelFunction scores = [&](const Tensor& z, Tensor& x) {
      x.reset(z.shape(), parse_format(format));
      const std::vector<double> values(static_cast<std::size_t>(z.size()), value);
      quantize(values.data(), z.size(), x.format(), x.data(), {});
    };
    try {
      make_score_table(scores, sums, largest, 2);
    } catch (const UsageError& error) {
      return std::string(error.what());
    }
    return std::string("none");
  };
  EXPECT_EQ(message("float32", 1.5, 3), "none");
  EXPECT_EQ(message("float32", std::nan(""), 3), "channel 0: the score of sum -3 is no finite float32 number");
  EXPECT_EQ(message("q30.2", 16777216.25, 3), "channel 0: the score of sum -3 is no finite float32 number");
  EXPECT_EQ(message("float32", 1.5, kMostScores), "a table of 2 x 33554433 scores is more than 16777216");
}

}  // namespace
}  // namespace dyadic
