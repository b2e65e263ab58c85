#include "dyadic/kernels/multi_step.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "dyadic/base/aligned.h"
#include "dyadic/base/parallel.h"
#include "dyadic/kernels/decode.h"

namespace dyadic {
namespace {

constexpr std::int64_t kPiece = 4096;

/// Calls part(first, count, counts) on pieces of [0, n).
template <typename Part>
RoundingCounts for_pieces(std::int64_t n, Part body) {
  std::vector<RoundingCounts> parts(static_cast<std::size_t>(thread_count()));
  parallel_for(n, kPiece, [&](std::int64_t begin, std::int64_t end, int part) {
    for (std::int64_t first = begin; first < end; first += kPiece) {
      body(first, std::min(kPiece, end - first), parts[static_cast<std::size_t>(part)]);
    }
  });
  RoundingCounts counts;
  for (const RoundingCounts& part : parts) counts += part;
  return counts;
}

void* code_address(Tensor& tensor, std::int64_t index) {
  return static_cast<std::byte*>(tensor.data()) + index * code_bytes(code_type(tensor.format()));
}

/// The number of steps below each x, which is the code. NaN is above none and gives the middle one.
template <typename Code>
std::int64_t count_steps(const double* x, std::int64_t n, const Staircase& stairs, Code* codes) {
  std::int64_t nan = 0;
  std::fill_n(codes, n, Code{0});
  // A state is left upwards beyond a step of the upper half and, by symmetry, at one of the lower half.
  for (std::size_t s = 0; s < stairs.steps.size(); ++s) {
    const double step = stairs.steps[s];
    if (s < stairs.steps.size() / 2) {
      for (std::int64_t i = 0; i < n; ++i) codes[i] = static_cast<Code>(codes[i] + (x[i] >= step ? 1 : 0));
    } else {
      for (std::int64_t i = 0; i < n; ++i) codes[i] = static_cast<Code>(codes[i] + (x[i] > step ? 1 : 0));
    }
  }
  for (std::int64_t i = 0; i < n; ++i) nan += std::isnan(x[i]) ? 1 : 0;
  for (std::int64_t i = 0; nan > 0 && i < n; ++i) {
    if (std::isnan(x[i])) codes[i] = static_cast<Code>(stairs.steps.size() / 2);
  }
  return nan;
}

/// d[i] times the derivative at x[i].
void multiply_slopes(const double* x, std::int64_t n, const Staircase& stairs, const MultiStepOptions& options,
                     double* d, double* slopes) {
  const double a = options.half_width;
  std::fill_n(slopes, n, 0.0);
  for (const double step : stairs.steps) {
    if (options.triangular) {
      const double unit = stairs.height / (a * a);
      for (std::int64_t i = 0; i < n; ++i) slopes[i] += std::max(a - std::fabs(x[i] - step), 0.0) * unit;
    } else {
      const double unit = stairs.height / (2 * a);
      for (std::int64_t i = 0; i < n; ++i) slopes[i] += std::fabs(x[i] - step) <= a ? unit : 0.0;
    }
  }
  for (std::int64_t i = 0; i < n; ++i) d[i] *= slopes[i];
}

}  // namespace

Staircase staircase(const Format& format, double threshold) {
  const double h = format.grid_limit();
  const std::int64_t intervals = format.max_code;
  Staircase stairs = {.steps = {}, .height = 2 * h / static_cast<double>(intervals)};
  if (intervals == 1) {
    stairs.steps = {0.0};
    return stairs;
  }
  const std::int64_t above = intervals / 2;
  const auto place = [&](std::int64_t w) {
    return threshold + static_cast<double>(w) * (h - threshold) / static_cast<double>(above);
  };
  for (std::int64_t w = above; w-- > 0;) stairs.steps.push_back(-place(w));
  for (std::int64_t w = 0; w < above; ++w) stairs.steps.push_back(place(w));
  return stairs;
}

RoundingCounts multi_step(const Tensor& x, const MultiStepOptions& options, Tensor& y, const RoundingRandom& random) {
  const bool discrete = y.format().family == Family::discrete;
  const Staircase stairs = discrete ? staircase(y.format(), options.threshold) : Staircase{};
  return for_pieces(x.size(), [&](std::int64_t first, std::int64_t n, RoundingCounts& counts) {
    AlignedVector<double> values(static_cast<std::size_t>(n));
    decode_values(x.data(), x.format(), first, n, values.data());
    void* codes = code_address(y, first);
    if (!discrete) {
      for (double& value : values) value = std::isnan(value) ? value : std::clamp(value, -1.0, 1.0);
      counts += quantize(values.data(), n, y.format(), codes, random.from(first));
      return;
    }
    const bool bytes = code_bytes(code_type(y.format())) == 1;
    const std::int64_t nan = bytes ? count_steps(values.data(), n, stairs, static_cast<std::uint8_t*>(codes))
                                   : count_steps(values.data(), n, stairs, static_cast<std::uint16_t*>(codes));
    counts += count_codes(codes, n, y.format());
    counts.nonfinite += nan;
  });
}

RoundingCounts multi_step_backward(const Tensor& x, const Tensor& d_y, const Format& y_format,
                                   const MultiStepOptions& options, Tensor& d_x, const RoundingRandom& random) {
  const bool discrete = y_format.family == Family::discrete;
  const Staircase stairs = discrete ? staircase(y_format, options.threshold) : Staircase{};
  return for_pieces(x.size(), [&](std::int64_t first, std::int64_t n, RoundingCounts& counts) {
    const auto size = static_cast<std::size_t>(n);
    AlignedVector<double> values(size), d(size), slopes(discrete ? size : 0);
    decode_values(x.data(), x.format(), first, n, values.data());
    decode_values(d_y.data(), d_y.format(), first, n, d.data());
    if (discrete) {
      multiply_slopes(values.data(), n, stairs, options, d.data(), slopes.data());
    } else {
      for (std::size_t i = 0; i < size; ++i) d[i] = std::fabs(values[i]) <= 1 ? d[i] : 0.0;
    }
    counts += quantize(d.data(), n, d_x.format(), code_address(d_x, first), random.from(first));
  });
}

}  // namespace dyadic
