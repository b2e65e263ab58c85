// Batch normalisation against plain loops, and its gradients against differences.
#include "dyadic/kernels/batch_norm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "dyadic/base/math.h"
#include "dyadic/base/parallel.h"
#include "dyadic/base/philox.h"
#include "dyadic/formats/codec.h"

namespace dyadic {
namespace {

Tensor random_tensor(const Shape& shape, const std::string& format, double size, std::uint64_t seed) {
  Tensor tensor(shape, parse_format(format));
  std::vector<double> values;
  for (std::int64_t i = 0; i < tensor.size(); ++i) {
    values.push_back(size *
                     (2.0 * static_cast<double>(random_uniform({.seed = seed}, static_cast<std::uint64_t>(i))) - 0.75));
  }
  quantize(values.data(), tensor.size(), tensor.format(), tensor.data(), {});
  return tensor;
}

std::vector<double> column(const Tensor& tensor, std::int64_t j) {
  std::vector<double> values;
  for (std::int64_t i = j; i < tensor.size(); i += tensor.shape().back()) {
    values.push_back(decode(tensor.format(), tensor.code(i)));
  }
  return values;
}

TEST(BatchNorm, StatisticsOfFloatsAreTrees) {
  const Tensor z = random_tensor({5, 3, 7, 4}, "float32", 3, 1);
  const ChannelStatistics statistics = channel_statistics(z);
  for (std::int64_t j = 0; j < 4; ++j) {
    std::vector<double> values = column(z, j);
    const auto n = static_cast<double>(values.size());
    std::vector<double> copy = values;
    const double mean = tree_sum(copy) / n;
    for (double& value : values) value = (value - mean) * (value - mean);
    EXPECT_EQ(statistics.mean[static_cast<std::size_t>(j)], mean);
    EXPECT_EQ(statistics.variance[static_cast<std::size_t>(j)], tree_sum(values) / n);
  }
}

TEST(BatchNorm, StatisticsOfCodesAreExactSums) {
  // Wide codes, whose squares overflow 64 bits in a sum, and narrow ones; odd numbers of rows.
  for (const std::string format : {"q11.0s", "q1.7", "ternary", "q32.0", "q24.8", "uq16.16"}) {
    for (const std::int64_t rows : {1, 257, 3001}) {
      const Tensor z = random_tensor({rows, 3}, format, 1e12, 2);
      const ChannelStatistics statistics = channel_statistics(z);
      const double step = std::ldexp(1.0, z.format().step_exponent);
      for (std::int64_t j = 0; j < 3; ++j) {
        __extension__ __int128 sum = 0, squares = 0;
        for (std::int64_t i = 0; i < rows; ++i) {
          const std::int64_t code = z.code(i * 3 + j) - z.format().code_offset;
          sum += code;
          squares += static_cast<__int128>(code) * code;
        }
        const auto n = static_cast<double>(rows);
        EXPECT_EQ(statistics.mean[static_cast<std::size_t>(j)],
                  static_cast<double>(static_cast<std::int64_t>(sum)) / n * step);
        EXPECT_EQ(statistics.variance[static_cast<std::size_t>(j)],
                  static_cast<double>(squares * rows - sum * sum) / (n * n) * (step * step))
            << format << " " << rows;
      }
    }
  }
}

TEST(BatchNorm, OneThreadOrThreeGiveTheSameBits) {
  const Tensor z = random_tensor({9, 11, 13, 5}, "float32", 3, 3);
  const Tensor d_x = random_tensor({9, 11, 13, 5}, "float32", 1, 4);
  const std::vector<double> ones(5, 1.0);
  std::vector<std::vector<double>> results;
  for (const int threads : {1, 3}) {
    set_thread_count(threads);
    const ChannelNorm norm = channel_norm(channel_statistics(z), 1e-4, ones, ones);
    const ChannelGradients gradients = channel_gradients(z, d_x, norm);
    Tensor x(z.shape(), parse_format("q4.12:sat:sr"));
    Tensor d_z(z.shape(), parse_format("float32"));
    normalise_channels(z, norm, x, {{.seed = 7}, 3});
    normalise_channels_backward(z, d_x, norm, gradients, d_z, {});
    std::vector<double> all = norm.factor;
    all.insert(all.end(), gradients.scale.begin(), gradients.scale.end());
    for (std::int64_t i = 0; i < x.size(); ++i) all.push_back(static_cast<double>(x.code(i)));
    for (const float value : d_z.codes<float>()) all.push_back(static_cast<double>(value));
    results.push_back(all);
  }
  set_thread_count(1);
  EXPECT_EQ(results[0], results[1]);
}

TEST(BatchNorm, NormalisedChannelsHaveTheBiasAsMeanAndTheScaleAsDeviation) {
  const Tensor z = random_tensor({400, 2}, "float32", 5, 5);
  const std::vector<double> scale = {2, 0.5}, bias = {-1, 3};
  const ChannelNorm norm = channel_norm(channel_statistics(z), 1e-12, scale, bias);
  Tensor x(z.shape(), parse_format("float32"));
  normalise_channels(z, norm, x, {});
  const ChannelStatistics after = channel_statistics(x);
  for (std::size_t j = 0; j < 2; ++j) {
    EXPECT_NEAR(after.mean[j], bias[j], 1e-6);  // float32 results
    EXPECT_NEAR(std::sqrt(after.variance[j]), scale[j], 1e-6);
  }
}

/// sum over all x of weight * x, as a function of z, scale and bias: what the gradients are derivatives of.
double weighted_sum(const Tensor& z, const std::vector<double>& scale, const std::vector<double>& bias) {
  const ChannelNorm norm = channel_norm(channel_statistics(z), 1e-3, scale, bias);
  double sum = 0;
  const std::int64_t channels = z.shape().back();
  for (std::int64_t i = 0; i < z.size(); ++i) {
    const auto j = static_cast<std::size_t>(i % channels);
    const double weight = static_cast<double>(random_uniform({.seed = 8}, static_cast<std::uint64_t>(i)));
    sum +=
        weight * ((static_cast<double>(z.codes<float>()[static_cast<std::size_t>(i)]) - norm.mean[j]) * norm.factor[j] +
                  norm.bias[j]);
  }
  return sum;
}

TEST(BatchNorm, GradientsAreThoseOfDifferences) {
  Tensor z = random_tensor({6, 3}, "float32", 2, 6);
  std::vector<double> scale = {1.5, -0.5, 2}, bias = {0.25, 0, -1};
  Tensor d_x(z.shape(), parse_format("float32"));
  for (std::int64_t i = 0; i < z.size(); ++i) {
    d_x.codes<float>()[static_cast<std::size_t>(i)] = random_uniform({.seed = 8}, static_cast<std::uint64_t>(i));
  }
  const ChannelNorm norm = channel_norm(channel_statistics(z), 1e-3, scale, bias);
  const ChannelGradients gradients = channel_gradients(z, d_x, norm);
  Tensor d_z(z.shape(), parse_format("float32"));
  normalise_channels_backward(z, d_x, norm, gradients, d_z, {});
  // Central differences with h = 2^-10: errors of h^2 times third derivatives, below 1e-4 here.
  constexpr double kH = 0x1p-10;
  for (std::size_t i = 0; i < static_cast<std::size_t>(z.size()); ++i) {
    const float old = z.codes<float>()[i];
    z.codes<float>()[i] = old + static_cast<float>(kH);
    const double up = static_cast<double>(z.codes<float>()[i]);
    const double above = weighted_sum(z, scale, bias);
    z.codes<float>()[i] = old - static_cast<float>(kH);
    const double down = static_cast<double>(z.codes<float>()[i]);
    const double below = weighted_sum(z, scale, bias);
    z.codes<float>()[i] = old;
    EXPECT_NEAR(static_cast<double>(d_z.codes<float>()[i]), (above - below) / (up - down), 1e-4) << i;
  }
  for (std::size_t j = 0; j < 3; ++j) {
    for (const bool of_scale : {true, false}) {
      std::vector<double>& parameter = of_scale ? scale : bias;
      parameter[j] += kH;
      const double above = weighted_sum(z, scale, bias);
      parameter[j] -= 2 * kH;
      const double below = weighted_sum(z, scale, bias);
      parameter[j] += kH;
      EXPECT_NEAR(of_scale ? gradients.scale[j] : gradients.bias[j], (above - below) / (2 * kH), 1e-9) << j;
    }
  }
}

}  // namespace
}  // namespace dyadic
