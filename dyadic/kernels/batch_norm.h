// Batch normalisation (Ioffe and Szegedy 2015), a float island in float64 with every operation rounded, no fma. Rows
// are all places of all examples, columns the channels: z [rows, channels] as [..., channels].
//
//   mean = sum z / n, variance = sum (z - mean)^2 / n        n rows; of a training batch, or running averages
//   factor = scale / sqrt(variance + epsilon)
//   x = Q((z - mean) * factor + bias)
//   n_hat = (z - mean) / sqrt(variance + epsilon)
//   d_bias = sum d_x, d_scale = sum d_x * n_hat
//   d_z = Q(factor * (d_x - d_bias / n - n_hat * (d_scale / n)))
//
// Sums over integer-coded tensors are exact; the variance is then (n sum z^2 - (sum z)^2) / n^2, rounded once. Other
// sums are the fixed tree of docs/numerics.md over the rows. Same bits for any number of threads.
#pragma once

#include <span>
#include <vector>

#include "dyadic/kernels/quantize.h"
#include "dyadic/tensor/tensor.h"

namespace dyadic {

struct ChannelStatistics {
  std::vector<double> mean, variance;
};

/// Of all rows of z.
ChannelStatistics channel_statistics(const Tensor& z);

/// What normalisation multiplies by, per channel.
struct ChannelNorm {
  std::vector<double> mean;
  std::vector<double> inverse_deviation;  // 1 / sqrt(variance + epsilon), two roundings and one
  std::vector<double> factor;             // scale * inverse_deviation
  std::vector<double> bias;
};

ChannelNorm channel_norm(const ChannelStatistics& statistics, double epsilon, std::span<const double> scale,
                         std::span<const double> bias);

/// x = Q((z - mean) * factor + bias), x of z's shape in its own format.
RoundingCounts normalise_channels(const Tensor& z, const ChannelNorm& norm, Tensor& x, const RoundingRandom& random);

/// Unrounded sums over the rows.
struct ChannelGradients {
  std::vector<double> scale, bias;
};

ChannelGradients channel_gradients(const Tensor& z, const Tensor& d_x, const ChannelNorm& norm);

/// d_z as above, of z's shape in its own format.
RoundingCounts normalise_channels_backward(const Tensor& z, const Tensor& d_x, const ChannelNorm& norm,
                                           const ChannelGradients& gradients, Tensor& d_z,
                                           const RoundingRandom& random);

}  // namespace dyadic
