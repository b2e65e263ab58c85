#include "dyadic/kernels/batch_norm.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "dyadic/base/aligned.h"
#include "dyadic/base/parallel.h"
#include "dyadic/kernels/column_tree.h"
#include "dyadic/kernels/decode.h"

namespace dyadic {
namespace {

__extension__ using int128 = __int128;

constexpr std::int64_t kPieceValues = 4096;

std::int64_t channels_of(const Tensor& z) { return z.shape().back(); }
std::int64_t rows_of(const Tensor& z) { return z.empty() ? 0 : z.size() / channels_of(z); }
std::int64_t piece_rows(std::int64_t channels) { return std::max<std::int64_t>(1, kPieceValues / channels); }

/// Sums and sums of squares of integer codes, in steps.
struct IntegerSums {
  std::vector<std::int64_t> sum;
  std::vector<int128> squares;
};

IntegerSums integer_sums(const Tensor& z) {
  const std::int64_t channels = channels_of(z);
  const std::int64_t rows = rows_of(z);
  const std::int64_t piece = piece_rows(channels);
  const auto size = static_cast<std::size_t>(channels);
  std::vector<IntegerSums> parts(static_cast<std::size_t>(thread_count()));
  parallel_for(rows, piece, [&](std::int64_t begin, std::int64_t end, int part) {
    IntegerSums& sums = parts[static_cast<std::size_t>(part)];
    sums.sum.assign(size, 0);
    sums.squares.assign(size, 0);
    std::vector<std::int64_t> steps(static_cast<std::size_t>(piece * channels));
    std::vector<std::uint64_t> squares(size);
    // Squares of codes of 32 bits are below 2^64; fewer bits let a whole piece be added up in 64.
    const bool narrow = z.format().max_magnitude() < (std::int64_t{1} << 25);
    for (std::int64_t first = begin; first < end; first += piece) {
      const std::int64_t count = std::min(piece, end - first);
      decode_steps(z.data(), z.format(), first * channels, count * channels, steps.data());
      for (std::int64_t row = 0; row < count; ++row) {
        const std::int64_t* from = steps.data() + row * channels;
        for (std::size_t j = 0; j < size; ++j) {
          sums.sum[j] += from[j];
          squares[j] += static_cast<std::uint64_t>(from[j]) * static_cast<std::uint64_t>(from[j]);
        }
        if (narrow && row + 1 < count) continue;
        for (std::size_t j = 0; j < size; ++j) sums.squares[j] += squares[j];
        std::ranges::fill(squares, 0);
      }
    }
  });
  IntegerSums total = {std::vector<std::int64_t>(size, 0), std::vector<int128>(size, 0)};
  for (const IntegerSums& part : parts) {
    for (std::size_t j = 0; j < part.sum.size(); ++j) {
      total.sum[j] += part.sum[j];
      total.squares[j] += part.squares[j];
    }
  }
  return total;
}

ChannelStatistics integer_statistics(const Tensor& z) {
  const IntegerSums sums = integer_sums(z);
  const std::int64_t n = rows_of(z);
  const double step = std::ldexp(1.0, z.format().step_exponent);
  const double square_count = static_cast<double>(n) * static_cast<double>(n);
  ChannelStatistics statistics;
  for (std::size_t j = 0; j < sums.sum.size(); ++j) {
    const int128 spread = sums.squares[j] * n - static_cast<int128>(sums.sum[j]) * sums.sum[j];
    statistics.mean.push_back(static_cast<double>(sums.sum[j]) / static_cast<double>(n) * step);
    statistics.variance.push_back(static_cast<double>(spread) / square_count * (step * step));
  }
  return statistics;
}

ChannelStatistics float_statistics(const Tensor& z) {
  const std::int64_t channels = channels_of(z);
  const auto size = static_cast<std::size_t>(channels);
  const auto n = static_cast<double>(rows_of(z));
  ChannelStatistics statistics = {std::vector<double>(size), std::vector<double>(size)};
  const auto read = [&](std::int64_t first, std::int64_t count, double* values) {
    decode_values(z.data(), z.format(), first * channels, count * channels, values);
  };
  column_tree_sums(rows_of(z), channels, read, statistics.mean);
  for (double& mean : statistics.mean) mean /= n;
  const auto squares = [&](std::int64_t first, std::int64_t count, double* values) {
    read(first, count, values);
    for (std::int64_t row = 0; row < count; ++row, values += channels) {
      for (std::size_t j = 0; j < size; ++j) {
        const double distance = values[j] - statistics.mean[j];
        values[j] = distance * distance;
      }
    }
  };
  column_tree_sums(rows_of(z), channels, squares, statistics.variance);
  for (double& variance : statistics.variance) variance /= n;
  return statistics;
}

/// Calls compute(rows, z values, d_x values or null, results) on pieces of rows and rounds the results into `output`.
template <typename Compute>
RoundingCounts round_pieces(const Tensor& z, const Tensor* d_x, Tensor& output, const RoundingRandom& random,
                            Compute compute) {
  const std::int64_t channels = channels_of(z);
  const std::int64_t piece = piece_rows(channels);
  const std::int64_t bytes = code_bytes(code_type(output.format()));
  std::vector<RoundingCounts> parts(static_cast<std::size_t>(thread_count()));
  parallel_for(rows_of(z), piece, [&](std::int64_t begin, std::int64_t end, int part) {
    const auto size = static_cast<std::size_t>(piece * channels);
    AlignedVector<double> values(size);
    AlignedVector<double> gradients(d_x != nullptr ? size : 0);
    for (std::int64_t first = begin; first < end; first += piece) {
      const std::int64_t count = std::min(piece, end - first);
      decode_values(z.data(), z.format(), first * channels, count * channels, values.data());
      if (d_x != nullptr) {
        decode_values(d_x->data(), d_x->format(), first * channels, count * channels, gradients.data());
      }
      for (std::int64_t row = 0; row < count; ++row) {
        compute(values.data() + row * channels, gradients.data() + (d_x != nullptr ? row * channels : 0));
      }
      parts[static_cast<std::size_t>(part)] +=
          quantize(values.data(), count * channels, output.format(),
                   static_cast<std::byte*>(output.data()) + first * channels * bytes, random.from(first * channels));
    }
  });
  RoundingCounts counts;
  for (const RoundingCounts& part : parts) counts += part;
  return counts;
}

}  // namespace

ChannelStatistics channel_statistics(const Tensor& z) {
  return z.format().is_dyadic_grid() ? integer_statistics(z) : float_statistics(z);
}

ChannelNorm channel_norm(const ChannelStatistics& statistics, double epsilon, std::span<const double> scale,
                         std::span<const double> bias) {
  ChannelNorm norm = {
      .mean = statistics.mean, .inverse_deviation = {}, .factor = {}, .bias = {bias.begin(), bias.end()}};
  for (std::size_t j = 0; j < scale.size(); ++j) {
    norm.inverse_deviation.push_back(1.0 / std::sqrt(statistics.variance[j] + epsilon));
    norm.factor.push_back(scale[j] * norm.inverse_deviation[j]);
  }
  return norm;
}

RoundingCounts normalise_channels(const Tensor& z, const ChannelNorm& norm, Tensor& x, const RoundingRandom& random) {
  const auto channels = static_cast<std::size_t>(channels_of(z));
  return round_pieces(z, nullptr, x, random, [&](double* values, const double*) {
    for (std::size_t j = 0; j < channels; ++j) values[j] = (values[j] - norm.mean[j]) * norm.factor[j] + norm.bias[j];
  });
}

ChannelGradients channel_gradients(const Tensor& z, const Tensor& d_x, const ChannelNorm& norm) {
  const std::int64_t channels = channels_of(z);
  const auto size = static_cast<std::size_t>(channels);
  // Both sums in one walk: rows of [d_x, d_x * n_hat].
  std::vector<double> sums(2 * size);
  column_tree_sums(
      rows_of(z), 2 * channels,
      [&](std::int64_t first, std::int64_t count, double* values) {
        AlignedVector<double> z_row(size);
        for (std::int64_t row = first; row < first + count; ++row, values += 2 * channels) {
          decode_values(z.data(), z.format(), row * channels, channels, z_row.data());
          decode_values(d_x.data(), d_x.format(), row * channels, channels, values);
          for (std::size_t j = 0; j < size; ++j) {
            values[size + j] = values[j] * ((z_row[j] - norm.mean[j]) * norm.inverse_deviation[j]);
          }
        }
      },
      sums);
  const auto middle = sums.begin() + channels;
  return {.scale = {middle, sums.end()}, .bias = {sums.begin(), middle}};
}

RoundingCounts normalise_channels_backward(const Tensor& z, const Tensor& d_x, const ChannelNorm& norm,
                                           const ChannelGradients& gradients, Tensor& d_z,
                                           const RoundingRandom& random) {
  const auto channels = static_cast<std::size_t>(channels_of(z));
  const auto n = static_cast<double>(rows_of(z));
  std::vector<double> mean_bias(channels), mean_scale(channels);
  for (std::size_t j = 0; j < channels; ++j) {
    mean_bias[j] = gradients.bias[j] / n;
    mean_scale[j] = gradients.scale[j] / n;
  }
  return round_pieces(z, &d_x, d_z, random, [&](double* values, const double* d) {
    for (std::size_t j = 0; j < channels; ++j) {
      const double normalised = (values[j] - norm.mean[j]) * norm.inverse_deviation[j];
      values[j] = norm.factor[j] * (d[j] - mean_bias[j] - normalised * mean_scale[j]);
    }
  });
}

}  // namespace dyadic
