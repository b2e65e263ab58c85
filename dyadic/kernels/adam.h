// Adam (Kingma and Ba 2015) over moments that are in formats of the plan. A float island in float64, every operation
// rounded, no fma; the rounded moments are the ones that the step uses:
//
//   m' = Q(b1 m + (1 - b1) g)       role *_update
//   v' = Q(b2 v + (1 - b2) (g g))   role *_moment
//   wanted change = -rate (m' / (sqrt(max(v', s)) + epsilon)),  rate = LR sqrt(1 - b2^t) / (1 - b1^t)
//
// s is the step of v's block in a block format, else 0: the root of a second moment that was rounded to zero beside
// larger ones would make the change enormous. What is stored is v', whose expected value stochastic rounding keeps.
#pragma once

#include <cstdint>

#include "dyadic/kernels/quantize.h"
#include "dyadic/tensor/tensor.h"

namespace dyadic {

struct AdamMoments {
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double rate = 0;  // adam_rate()
  // Read in the format they were written with and rewritten in the current one (elements.h).
  Tensor* first = nullptr;
  Format first_to;
  Tensor* second = nullptr;
  Format second_to;
  RandomStream first_random, second_random;
};

struct AdamCounts {
  RoundingCounts first, second;
};

/// Of step t, counted from 1.
double adam_rate(double learning_rate, double beta1, double beta2, std::int64_t t);

/// Elements [begin, begin + n), whole blocks where the moments have blocks: rewrites the moments; gradient[i] becomes
/// the wanted change of element begin + i.
AdamCounts adam_step(const AdamMoments& job, std::int64_t begin, std::int64_t n, double* gradient);

}  // namespace dyadic
