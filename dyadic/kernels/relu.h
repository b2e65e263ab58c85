// Rectification: y = max(z, 0) (Glorot, Bordes, Bengio 2011). Selection, not arithmetic: codes are moved; the rounding
// to the role's format is a requantize afterwards.
#pragma once

#include "dyadic/tensor/tensor.h"

namespace dyadic {

/// y = z where z > 0, else the code of zero; z's shape and format. NaN gives zero. Throws UsageError if the format has
/// no zero.
void relu_select(const Tensor& z, Tensor& y);

/// routed = d_y where z > 0, else zero; in d_y's format. With `clipped`, zero also where z's code is at the limit of
/// its format. Throws UsageError if d_y's format has no zero.
void relu_route(const Tensor& z, const Tensor& d_y, bool clipped, Tensor& routed);

}  // namespace dyadic
