// Maxout over adjacent columns: y[i, u] = max_p z[i, u*pieces + p] (Goodfellow et al. 2013). Selection, not arithmetic:
// the kernels move codes; the rounding to the role's format is a requantize before or after.
#pragma once

#include "dyadic/tensor/tensor.h"

namespace dyadic {

/// Which of several equal maxima receive the gradient.
enum class Ties { all, first };

/// y [..., columns / pieces] in z's format, z [..., columns]. Equal codes: the first (matters for -0 and +0 only). NaN
/// never wins.
void maxout_select(const Tensor& z, std::int64_t pieces, Tensor& y);

/// routed[i, u*pieces + p] = d_y[i, u] where z is the maximum of its group, else zero; in d_y's format. A group of NaNs
/// has no maximum.
/// With `clipped`, nothing where z's code is at the limit of its format.
void maxout_route(const Tensor& z, const Tensor& d_y, std::int64_t pieces, Ties ties, bool clipped, Tensor& routed);

}  // namespace dyadic
