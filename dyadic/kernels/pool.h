// Pooling of NHWC tensors. Selection moves codes; everything that adds hands tiles of sums or values to a consumer, as
// products do (product.h), so one RoundingEpilogue of `channels` columns rounds them once:
//
//   RoundingEpilogue epilogue(output, shape.channels, exponent, nullptr, random, first_row);
//   max_pool_route(z, d_y, shape, ties, &RoundingEpilogue::consume, &epilogue);
//
// `exponent` is d_y's step_exponent for max_pool_route (unused for float sums) and unused for averages, whose tiles are
// values. first_row counts pixels: 0, or first example * out_height * out_width.
//
// A window covers rows oh*stride_h - pad_h .. + size_h - 1 of the input, as far as they exist: padding never takes
// part.
#pragma once

#include <cstdint>

#include "dyadic/kernels/maxout.h"
#include "dyadic/kernels/product.h"
#include "dyadic/tensor/tensor.h"

namespace dyadic {

struct PoolShape {
  std::int64_t batch = 0, height = 0, width = 0, channels = 0;  // of the input
  std::int64_t size_h = 1, size_w = 1;
  std::int64_t stride_h = 1, stride_w = 1;
  std::int64_t pad_h = 0, pad_w = 0;
  /// Also windows that reach beyond the padded input, unless they begin beyond the input: the rule of the original
  /// code (Theano's ignore_border=False, Caffe), ceil in place of floor.
  bool partial = true;

  /// floor((extent + 2 pad - size) / stride) + 1; with `partial` ceil, but no window that begins at extent or later.
  [[nodiscard]] std::int64_t out_height() const;
  [[nodiscard]] std::int64_t out_width() const;

  /// Throws ShapeError: an extent, size or stride below 1 (the batch may be 0), padding outside 0 .. size - 1, a window
  /// larger than the padded input without `partial`.
  void check() const;
};

/// y [N, OH, OW, C] in z's format, z [N, H, W, C]: the code of the largest element, of equals (-0 and +0 too) the first
/// in row-major order. NaN never wins over a number. Throws ShapeError.
void max_pool_select(const Tensor& z, const PoolShape& shape, Tensor& y);

/// Tiles of [N*H*W, C]: what the windows send back to each input element, d_y [N, OH, OW, C]. A window sends its
/// gradient to every element equal to its maximum (Ties::all) or to the first (Ties::first); a window of NaNs alone
/// sends nothing. Where d_y is a grid of dyadic step the sums are integers in units of its step: int32 if that is
/// certain to hold them, else int64. Other formats: float32 additions in increasing (oh, ow), from +0. Throws
/// ShapeError.
void max_pool_route(const Tensor& z, const Tensor& d_y, const PoolShape& shape, Ties ties, SumConsumer consume,
                    void* context);

/// Tiles of float64 values [N*OH*OW, C]: s / c, c the number of elements of the window. Grids: s is the exact sum of
/// the window's integers, times the step, one float64 multiplication; floats: the fixed tree over the window's values
/// in (h, w) order in float64. Throws ShapeError.
void average_pool(const Tensor& x, const PoolShape& shape, SumConsumer consume, void* context);

/// Tiles of float64 values [N*H*W, C]: the sum of d_y / c over the windows of an element, each quotient rounded to
/// float64, added in float64 in increasing (oh, ow), from +0. Throws ShapeError.
void average_pool_backward(const Tensor& d_y, const PoolShape& shape, SumConsumer consume, void* context);

/// The whole image as one window.
PoolShape global_pool_shape(std::int64_t batch, std::int64_t height, std::int64_t width, std::int64_t channels);

}  // namespace dyadic
