// 2-D convolutions (cross-correlations: no flip) and the two products of their backward pass, exact for integer codes
// or in one documented order for float32. Each of the three is a matrix product (product.h) whose operands are
// gathered, and each hands finished tiles of sums to a consumer as products do, so RoundingEpilogue rounds them.
//
//                    a                    b                  sums [rows, columns]        depth, in order
//   forward          x [N, H, W, I]       w [O, KH, KW, I/G] [N*OH*OW, O]                (kh, kw, in)
//   input_gradient   dz [N, OH, OW, O]    w [O, KH, KW, I/G] [N*H*W, I]                  (kh, kw, out)
//   weight_gradient  dz [N, OH, OW, O]    x [N, H, W, I]     [O, KH*KW*I/G]              (n, oh, ow)
//
//   z[n, oh, ow, o] = sum over kh, kw, i of x[n, oh*stride_h - pad_top + kh*dilation_h, ow*stride_w - ..., i] * w[o,
//   kh, kw, i]
//
// Tensors are row-major. Group g reads input channels g*I/G .. and makes output channels g*O/G .. . What lies in the
// padding does not take part in a sum.
#pragma once

#include <cstdint>

#include "dyadic/kernels/product.h"

namespace dyadic {

struct ConvolutionShape {
  std::int64_t batch = 0, height = 0, width = 0, channels = 0;  // of the input
  std::int64_t outputs = 0;
  std::int64_t kernel_h = 1, kernel_w = 1;
  std::int64_t stride_h = 1, stride_w = 1;
  std::int64_t pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
  std::int64_t dilation_h = 1, dilation_w = 1;
  std::int64_t groups = 1;

  /// floor((extent + pads - dilation * (kernel - 1) - 1) / stride) + 1
  [[nodiscard]] std::int64_t out_height() const;
  [[nodiscard]] std::int64_t out_width() const;
  [[nodiscard]] std::int64_t group_channels() const { return channels / groups; }
  [[nodiscard]] std::int64_t group_outputs() const { return outputs / groups; }

  /// Throws ShapeError: an extent, kernel, stride, dilation or group count below 1 (the batch may be 0), negative
  /// padding, a kernel larger than the padded input, groups that do not divide the channels, sizes beyond 64 bits.
  void check() const;
};

enum class ConvolutionProduct : std::uint8_t { forward, input_gradient, weight_gradient };

/// Shape of the sums and the longest sum of a product: what an output tensor, an epilogue (columns) and
/// integer_sum_type (depth) are made with.
std::int64_t convolution_rows(ConvolutionProduct product, const ConvolutionShape& shape);
std::int64_t convolution_columns(ConvolutionProduct product, const ConvolutionShape& shape);
std::int64_t convolution_depth(ConvolutionProduct product, const ConvolutionShape& shape);

/// A whole tensor of integers multiplier * code - offset, |integer| <= max_magnitude.
struct ConvolutionOperand {
  const void* codes = nullptr;
  CodeType type = CodeType::i16;  // any but f32
  std::int64_t multiplier = 1;
  std::int64_t offset = 0;
  std::int64_t max_magnitude = 0;
};

/// Exact sums; `type` (i32 or i64) comes from integer_sum_type(convolution_depth(...), ...). Tiles may name their rows
/// by SumTile::row_index. Deterministic for any number of threads. Throws ShapeError, UsageError.
void integer_convolution(ConvolutionProduct product, const ConvolutionShape& shape, const ConvolutionOperand& a,
                         const ConvolutionOperand& b, SumType type, SumConsumer consume, void* context);

/// Fused multiply-adds in float32 in the order of the depth, starting at +0, padding skipped; tiles of SumType::f32.
/// The same bits on every tier and any number of threads. Throws ShapeError.
void float_convolution(ConvolutionProduct product, const ConvolutionShape& shape, const float* a, const float* b,
                       SumConsumer consume, void* context);

}  // namespace dyadic
