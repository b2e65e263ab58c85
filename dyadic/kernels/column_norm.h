// The norm step of a convolution along its output maps (docs/numerics.md, max_norm_axis "output"): the original
// program takes the norm of column (kh, kw, in) over all output maps, the rows of the weight matrix.
#pragma once

#include "dyadic/kernels/quantize.h"
#include "dyadic/tensor/tensor.h"

namespace dyadic {

/// master[o, j] = Q(master[o, j] * f_j), f_j = min(n_j, max_norm) / (1e-7 + n_j), n_j = sqrt(sum over o of
/// master[o, j]^2), for a master of shape [rows, ...] in its own format; every column, also inside the norm. The sum is
/// exact for integer codes and the fixed tree over o for floats; float64, each operation rounded. Random bits: element
/// row * columns + column. Returns the counts of the rounding. Same bits for any number of threads.
RoundingCounts limit_column_norms(Tensor& master, double max_norm, const RandomStream& random);

}  // namespace dyadic
