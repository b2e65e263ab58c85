// Weights packed once for many forward products: what a network that is only run keeps instead of codes. Ternary
// weights with ternary inputs take two bits each (bit planes), and are read that way.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "dyadic/kernels/convolution.h"
#include "dyadic/kernels/product.h"

namespace dyadic {

namespace product {
struct PackedSide;
}

class PackedWeights {
 public:
  /// Packs [outputs, depth] codes, row-major whatever the operand's strides, for inputs of the given type and bounds
  /// (their codes are not looked at); with `groups` > 1, `outputs` / `groups` of them belong to each group of a
  /// convolution. `rows` of a typical product decide, with the machine, which kernel's form is taken
  /// (product_choice.h). Holds for the instruction set of now. Throws UsageError if int32 sums do not hold every sum.
  PackedWeights(std::int64_t outputs, std::int64_t depth, std::int64_t groups, const IntegerOperand& weights,
                const IntegerOperand& inputs, std::int64_t rows);

  [[nodiscard]] std::int64_t bytes() const;
  /// The instruction that multiplies: "vpshufb".
  [[nodiscard]] std::string_view instructions() const;

  /// x . w^T for x [m, depth], as integer_product with SumType::i32. Throws UsageError where `x` is of another type or
  /// larger than the inputs that the weights were packed for, or the instruction set has changed.
  void multiply(std::int64_t m, const IntegerOperand& x, SumConsumer consume, void* context) const;
  /// The forward product of a convolution, as integer_convolution.
  void convolve(const ConvolutionShape& shape, const ConvolutionOperand& x, SumConsumer consume, void* context) const;

 private:
  struct State;
  std::shared_ptr<const State> state_;  // copies share it
};

}  // namespace dyadic
