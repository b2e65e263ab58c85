// A bias added to stored codes and rounded: the second rounding of Courbariaux' convolutions.
#pragma once

#include "dyadic/kernels/quantize.h"
#include "dyadic/tensor/tensor.h"

namespace dyadic {

/// output[i, j] = Q(input[i, j] + bias[j]), input [..., columns], bias [columns], output of input's shape in its own
/// format. Grids: the sum is exact. Float formats: one float32 addition, then one rounding (docs/numerics.md).
/// Throws UsageError if one of the two is a grid and the other is not. Same bits for any number of threads.
RoundingCounts add_bias(const Tensor& input, const Tensor& bias, Tensor& output, const RoundingRandom& random);

}  // namespace dyadic
