// Reductions over the batch that are products with ones: exact integer sums, or float32 additions in increasing order.
#pragma once

#include "dyadic/kernels/quantize.h"
#include "dyadic/tensor/tensor.h"

namespace dyadic {

/// output[j] = Q(sum_i input[i, j]), input [..., columns] as rows of columns, output [columns] in its own format, one
/// rounding.
RoundingCounts round_column_sums(const Tensor& input, Tensor& output, const RoundingRandom& random);

}  // namespace dyadic
