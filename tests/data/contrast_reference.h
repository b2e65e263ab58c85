// The contrast normalisations of docs/data.md as they are defined, tap by tap in float64, with the C library's exp.
#pragma once

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <vector>

#include "dyadic/tensor/tensor.h"

namespace dyadic::test {

/// (x - mean) / sqrt(variance + bias), both over all values.
inline std::vector<double> globally_normalised(std::span<const std::uint8_t> image, double bias) {
  const auto count = static_cast<double>(image.size());
  const double mean = std::accumulate(image.begin(), image.end(), 0.0) / count;
  double variance = 0;
  for (const std::uint8_t value : image) variance += (value - mean) * (value - mean) / count;
  std::vector<double> out;
  for (const std::uint8_t value : image) out.push_back((value - mean) / std::sqrt(variance + bias));
  return out;
}

/// Each channel by itself, under a Gaussian of 7 x 7; zeros outside.
inline std::vector<double> locally_normalised(const Shape& shape, const std::vector<double>& image) {
  std::vector<double> out(image.size());
  const int rows = static_cast<int>(shape[0]);
  const int columns = static_cast<int>(shape[1]);
  const int channels = static_cast<int>(shape[2]);
  const auto at = [&](int y, int x, int channel) {
    return image[static_cast<std::size_t>((y * columns + x) * channels + channel)];
  };
  double weights[7][7];
  double total = 0;
  for (int i = -3; i <= 3; ++i) {
    for (int j = -3; j <= 3; ++j) total += weights[i + 3][j + 3] = std::exp(-(i * i + j * j) / 8.0);
  }
  for (int channel = 0; channel < channels; ++channel) {
    std::vector<double> mean;
    std::vector<double> power;
    for (int y = 0; y < rows; ++y) {
      for (int x = 0; x < columns; ++x) {
        double sum = 0;
        double squares = 0;
        for (int i = -3; i <= 3; ++i) {
          for (int j = -3; j <= 3; ++j) {
            if (y + i < 0 || y + i >= rows || x + j < 0 || x + j >= columns) continue;
            const double weight = weights[i + 3][j + 3] / total;
            const double value = at(y + i, x + j, channel);
            sum += weight * value;
            squares += weight * value * value;
          }
        }
        mean.push_back(sum);
        power.push_back(std::sqrt(squares));
      }
    }
    const double average = std::accumulate(power.begin(), power.end(), 0.0) / static_cast<double>(power.size());
    for (int i = 0; i < rows * columns; ++i) {
      const auto pixel = static_cast<std::size_t>(i);
      out[pixel * static_cast<std::size_t>(channels) + static_cast<std::size_t>(channel)] =
          (at(i / columns, i % columns, channel) - mean[pixel]) / std::max({power[pixel], average, 1e-4});
    }
  }
  return out;
}

}  // namespace dyadic::test
