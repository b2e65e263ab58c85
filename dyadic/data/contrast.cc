#include "dyadic/data/contrast.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "dyadic/base/error.h"
#include "dyadic/base/math.h"

namespace dyadic {

namespace {

constexpr int kReach = 3;  // a window of 7
constexpr double kDeviation = 2;
constexpr double kSmallestDivisor = 1e-4;

/// n * value - sum for every value, and the sum of their squares divided by n: both exact.
struct Centred {
  double count;
  std::int64_t sum;
  std::int64_t squares;  // n * sum of squares - square of the sum
};

Centred centre(std::span<const std::uint8_t> image) {
  std::int64_t sum = 0;
  std::int64_t squares = 0;
  for (const std::uint8_t value : image) {
    sum += value;
    squares += value * value;
  }
  const auto count = static_cast<std::int64_t>(image.size());
  return {static_cast<double>(count), sum, count * squares - sum * sum};
}

void scale(std::span<const std::uint8_t> image, const Centred& centred, double factor, std::span<double> out) {
  const auto count = static_cast<std::int64_t>(image.size());
  for (std::size_t i = 0; i < image.size(); ++i) {
    out[i] = static_cast<double>(count * image[i] - centred.sum) * factor;
  }
}

/// The weights of the window along one axis: they add to 1, and the window's weight at (y, x) is their product.
std::array<double, 2 * kReach + 1> gaussian() {
  std::array<double, 2 * kReach + 1> weights{};
  double sum = 0;
  for (int i = -kReach; i <= kReach; ++i) {
    weights[static_cast<std::size_t>(i + kReach)] = exp64(-(i * i) / (2 * kDeviation * kDeviation));
    sum += weights[static_cast<std::size_t>(i + kReach)];
  }
  for (double& weight : weights) weight /= sum;
  return weights;
}

/// One plane, smoothed along `stride`: lines of `length` values, places outside are zero.
void smooth(std::span<const double> in, std::int64_t lines, std::int64_t line_stride, std::int64_t length,
            std::int64_t stride, std::span<double> out) {
  static const auto kWeights = gaussian();
  for (std::int64_t line = 0; line < lines; ++line) {
    for (std::int64_t at = 0; at < length; ++at) {
      double sum = 0;
      for (std::int64_t near = std::max<std::int64_t>(at - kReach, 0); near <= std::min(at + kReach, length - 1);
           ++near) {
        sum += kWeights[static_cast<std::size_t>(near - at + kReach)] *
               in[static_cast<std::size_t>(line * line_stride + near * stride)];
      }
      out[static_cast<std::size_t>(line * line_stride + at * stride)] = sum;
    }
  }
}

void blur(std::span<const double> in, std::int64_t rows, std::int64_t columns, std::span<double> scratch,
          std::span<double> out) {
  smooth(in, rows, columns, columns, 1, scratch);
  smooth(scratch, columns, 1, rows, columns, out);
}

}  // namespace

void normalise_to_norm(std::span<const std::uint8_t> image, double norm, std::span<double> out) {
  const Centred centred = centre(image);
  // An image of one colour has no contrast to scale: its centred values are zero already.
  const double found = centred.squares == 0 ? 1.0 : std::sqrt(static_cast<double>(centred.squares) / centred.count);
  scale(image, centred, norm / (centred.count * found), out);
}

void normalise_to_deviation(std::span<const std::uint8_t> image, double bias, std::span<double> out) {
  const Centred centred = centre(image);
  const double variance = static_cast<double>(centred.squares) / (centred.count * centred.count);
  scale(image, centred, 1.0 / (centred.count * std::sqrt(variance + bias)), out);
}

void normalise_locally(const Shape& shape, std::span<double> image) {
  if (shape.size() != 3 || static_cast<std::int64_t>(image.size()) != element_count(shape)) {
    throw ShapeError("local contrast: an image is rows x columns x channels, not " + shape_text(shape));
  }
  const std::int64_t rows = shape[0];
  const std::int64_t columns = shape[1];
  const auto channels = static_cast<std::size_t>(shape[2]);
  const auto size = static_cast<std::size_t>(rows * columns);
  std::vector<double> plane(size);
  std::vector<double> scratch(size);
  std::vector<double> mean(size);
  std::vector<double> power(size);
  for (std::size_t channel = 0; channel < channels; ++channel) {
    for (std::size_t at = 0; at < size; ++at) plane[at] = image[at * channels + channel];
    blur(plane, rows, columns, scratch, mean);
    for (std::size_t at = 0; at < size; ++at) power[at] = plane[at] * plane[at];
    blur(power, rows, columns, scratch, power);
    double sum = 0;
    for (double& value : power) {
      value = std::sqrt(value);
      sum += value;
    }
    const double least = std::max(sum / static_cast<double>(size), kSmallestDivisor);
    for (std::size_t at = 0; at < size; ++at) {
      image[at * channels + channel] = (plane[at] - mean[at]) / std::max(power[at], least);
    }
  }
}

}  // namespace dyadic
