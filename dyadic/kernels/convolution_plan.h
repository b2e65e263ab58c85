// How a convolution becomes matrix products. Internal to the convolution kernels.
//
// A row of the picture operand is one pixel of a grid, a column one channel of one tap of the kernel; packing gathers
// them (product_engine.h) and writes the code that is worth zero where a tap lies in the padding. There is no copy of
// the picture, padded or unfolded. The three products:
//
//   forward          picture x: grid of output pixels, rows; weights: rows o
//   input_gradient   picture dz, one product for each residue of the input position modulo the stride, because its
//                    pixels are reached by the same taps; weights: rows i. OutputMap takes the rows home
//   weight_gradient  picture x, its columns are rows of b; dz: columns of a
//
// Floats. A product with a padded zero is not the same as none: it is wrong where the other operand is infinite or NaN,
// and turns a sum of -0 into +0. It is harmless if
//
//   (1) every value of the other operand is finite, and
//   (2) (least |a| but zero) * (least |b| but zero) >= 2^-100, infinities and NaNs not looked at.
//
// Proof: fma(0, w, s) with finite w is s for every s but -0 (NaN stays NaN). Sums begin at +0, and in round to nearest
// a sum becomes -0 only from -0, or by rounding a negative number that is not zero to -0. Let x = X 2^p, y = Y 2^q with
// integers |X|, |Y| < 2^24. Then 2^-100 <= |x y| < 2^(48 + p + q), so p + q >= -147 and x y is a multiple of 2^-147, s
// one of 2^-149, and x y + s one of 2^-149: either zero exactly, which is +0 here, or a number that is not rounded to
// zero. An infinite or NaN x makes s infinite or NaN, never zero, unless y is zero: NaN.
//
// Otherwise the product is split into those of pixels that the same taps reach (weight gradient: of taps), each over
// what exists. Both ways give the bits of the definition; the scan that decides is one pass over each operand.
#pragma once

#include <vector>

#include "dyadic/kernels/convolution.h"
#include "dyadic/kernels/product_plan.h"

namespace dyadic::convolution {

struct Part {
  std::int64_t begin = 0, end = 0;
  [[nodiscard]] std::int64_t size() const { return end - begin; }
};

/// Along one axis: position p of a grid and tap t meet at first[t] + p * step of the picture, if that lies in
/// 0 .. extent - 1.
struct Axis {
  std::int64_t extent = 0;
  std::int64_t positions = 0;
  std::int64_t step = 1;
  std::vector<std::int64_t> first;  // per tap

  [[nodiscard]] std::int64_t taps() const { return std::ssize(first); }
  /// Taps that lie in the picture at a position; they follow each other.
  [[nodiscard]] Part taps_at(std::int64_t position) const;
  /// Positions at which a tap lies in the picture.
  [[nodiscard]] Part positions_of(std::int64_t tap) const;
  [[nodiscard]] bool is_padded() const;
  /// Only the given taps and positions.
  [[nodiscard]] Axis cut(const Part& taps, const Part& positions) const;
};

/// A grid of pixels, seen through taps, as [batch * positions_h * positions_w, taps_h * taps_w * channels].
struct Picture {
  const void* codes = nullptr;
  CodeType type = CodeType::i16;
  std::int64_t batch = 0;
  std::int64_t pixel_stride = 0;  // channels of the tensor
  std::int64_t channel_begin = 0, channels = 0;
  Axis h, w;
  // The code worth zero; or, where no code is, integers multiplier * code - offset are copied as int32.
  bool decodes = false;
  std::int64_t zero_code = 0;
  std::int64_t multiplier = 1, offset = 0;

  [[nodiscard]] std::int64_t pixels() const { return batch * h.positions * w.positions; }
  [[nodiscard]] std::int64_t columns() const { return h.taps() * w.taps() * channels; }
  /// Rows are pixels, or columns are (across: the weight gradient). The Picture must outlive the Gather.
  [[nodiscard]] product::Gather gather(bool pixels_are_rows) const;
};

/// How weights [O, KH, KW, I/G] of one group meet some of the taps, in the picture's order of taps.
struct Weights {
  const void* codes = nullptr;
  CodeType type = CodeType::i16;
  std::int64_t output_stride = 0;
  std::int64_t outputs = 0, channels = 0;
  std::vector<std::int64_t> taps;  // offsets in codes

  /// Rows o, depth (tap, i).
  [[nodiscard]] product::Gather by_output() const;
  /// Rows i, depth (tap, o).
  [[nodiscard]] product::Gather by_channel() const;
};

/// Whether products with padded zeros are harmless: conditions (1) and (2), `other` is the operand without padding.
bool zeros_are_harmless(const float* padded, std::int64_t padded_size, const float* other, std::int64_t other_size);

/// `split`: for floats, whether to split instead of multiplying zeros.
struct Options {
  bool split = false;
  std::int64_t shared_bytes = product::kSharedBytes;
  /// Of a forward product, for each group: the weights, packed (product_plan.h); b's codes are then not read.
  std::span<const product::PackedSide> packed = {};
};

void run_integer(const product::EngineSet& engines, ConvolutionProduct product, const ConvolutionShape& shape,
                 const ConvolutionOperand& a, const ConvolutionOperand& b, SumType type, const Options& options,
                 SumConsumer consume, void* context);
void run_float(const product::EngineSet& engines, ConvolutionProduct product, const ConvolutionShape& shape,
               const float* a, const float* b, const Options& options, SumConsumer consume, void* context);

/// Whether padding can be gathered for this operand: a code is worth zero, or its integers fit int32.
bool can_pad(const ConvolutionOperand& operand);

}  // namespace dyadic::convolution

namespace dyadic::ref {

/// The definition, one sum per output element: what every other tier is held to.
void integer_convolution(ConvolutionProduct product, const ConvolutionShape& shape, const ConvolutionOperand& a,
                         const ConvolutionOperand& b, SumType type, SumConsumer consume, void* context);
void float_convolution(ConvolutionProduct product, const ConvolutionShape& shape, const float* a, const float* b,
                       SumConsumer consume, void* context);

}  // namespace dyadic::ref
