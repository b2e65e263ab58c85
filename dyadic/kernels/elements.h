// Elements of a Tensor of any format as float64, and float64 rounded into one: what the optimiser, which works in
// pieces of a tensor, reads and writes. Formats with an exponent for each block need the Tensor; the others are decoded
// and rounded by decode.h and quantize.h, with the same bits.
#pragma once

#include <cstdint>

#include "dyadic/kernels/quantize.h"
#include "dyadic/tensor/tensor.h"

namespace dyadic {

/// values[i] = value of element `first` + i. In block formats `first` is the first of a block and the last of the n
/// elements is the last of a block or of the tensor; throws ShapeError otherwise.
void read_elements(const Tensor& tensor, std::int64_t first, std::int64_t n, double* values);

/// Element `first` + i = Q_to(values[i]), with the bits of that element in `stream`. `to` has the code type and the
/// block size of the tensor's own format (set_format() takes it), which is left as it is: other pieces may still be to
/// be read in it. Whole blocks as above. Throws NonFiniteError under Overflow::error.
RoundingCounts write_elements(const double* values, std::int64_t first, std::int64_t n, const Format& to,
                              const RandomStream& stream, Tensor& tensor);

/// What read_elements() would give now, of elements that write_elements() has written as `to`.
void reread_elements(const Tensor& tensor, const Format& to, std::int64_t first, std::int64_t n, double* values);

/// Every element of `to` = Q(element of `from`), the two of one shape. requantize() of quantize.h, for all formats.
RoundingCounts requantize(const Tensor& from, const RandomStream& stream, Tensor& to);

}  // namespace dyadic
