// The activation of networks whose activations are discrete (Deng et al. 2018, GXNOR-Net): y is the state that x falls
// into, and the derivative of that staircase is its smoothed one. For z<N> with largest state H and P = 2^(N-1) states
// above zero:
//
//   y = w H / P        for  t[w-1] < x <= t[w],  t[w] = r + w (H - r) / P,  w = 1..P, odd-symmetric; 0 for |x| <= r
//   y = H if x > 0, else -H                                                  for binary, N = 0
//   dy/dx = sum over the steps at t of (height of the step) * window(x - t)
//   window(u) = 1 / (2a) or (a - |u|) / a^2 where |u| <= a, else 0
//
// Other formats take x clipped to [-1, 1], with derivative 1 there and 0 beyond: the network without discrete states.
// Elements are independent of each other: same bits for any number of threads.
#pragma once

#include <cstdint>
#include <vector>

#include "dyadic/kernels/quantize.h"
#include "dyadic/tensor/tensor.h"

namespace dyadic {

struct MultiStepOptions {
  double threshold = 0.5;  // r
  bool triangular = false;
  double half_width = 0.5;  // a
};

/// y = the state of each x, in y's format and x's shape. NaN counts as non-finite and gives zero.
RoundingCounts multi_step(const Tensor& x, const MultiStepOptions& options, Tensor& y, const RoundingRandom& random);

/// d_x = Q(d_y * dy/dx), the product in float64, in d_x's format. `y_format`: of the activations.
RoundingCounts multi_step_backward(const Tensor& x, const Tensor& d_y, const Format& y_format,
                                   const MultiStepOptions& options, Tensor& d_x, const RoundingRandom& random);

/// The steps of a discrete format's staircase, from the lowest up.
struct Staircase {
  std::vector<double> steps;  // where
  double height = 0;          // of each
};

Staircase staircase(const Format& format, double threshold);

}  // namespace dyadic
