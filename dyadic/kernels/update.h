// The update step of Courbariaux, Bengio and David 2014 (docs/numerics.md), one row per output unit:
//
//   u' = Q(M * u - (LR * s) * g)   role weight_update; with a weight decay d, g + d * W takes the place of g
//   W1 = Q(W + u')                 role weight_master
//   n  = sqrt(sum over the row of W1^2), f = min(n, c) / (1e-7 + n)
//   W' = Q(W1 * f)                 role weight_master, for every row, also where n < c
//
// A float island in float64: every operation is rounded, no fma. The sum of squares is exact for integer codes and a
// fixed pairwise tree for floats.
#pragma once

#include <cstdint>

#include "dyadic/base/philox.h"
#include "dyadic/formats/format.h"
#include "dyadic/kernels/quantize.h"

namespace dyadic {

struct SgdUpdate {
  double momentum = 0;       // M
  double learning_rate = 0;  // LR * s, the product already rounded to float64
  double max_norm = 0;       // c; 0: no norm step, W' = W1 (biases)
  double weight_decay = 0;   // d; 0: no such term

  std::int64_t rows = 0;
  std::int64_t columns = 0;

  // Codes are read in the format they were written with and rewritten in the current one (same code type).
  void* master = nullptr;
  Format master_from, master_to;
  void* update = nullptr;  // u, the momentum
  Format update_from, update_to;
  const void* gradient = nullptr;
  Format gradient_format;

  // Stochastic roundings: index row * columns + column. Both roundings of weight_master use the same bits.
  RandomStream update_random, master_random;
};

struct SgdUpdateCounts {
  RoundingCounts master_before;       // W as stored before the step, in master_from
  RoundingCounts update;              // u'
  std::int64_t master_nonfinite = 0;  // of W'; 0 for grids
};

/// Rewrites update and master. Same bits on every tier and for any number of threads.
SgdUpdateCounts sgd_update(const SgdUpdate& job);

}  // namespace dyadic
