// Convolutional layer, NHWC: z = Q(x * w + b), the sum exact for integer codes, one rounding (role preactivation).
// Backward: three convolution products, each exact and rounded once, as in a dense layer.
#pragma once

#include "dyadic/kernels/convolution.h"
#include "dyadic/nn/layer.h"
#include "dyadic/nn/weights.h"

namespace dyadic {

struct ConvolutionOptions {
  bool bias_after_pool = false;  // in training z is rounded without the bias (pooled_bias.h)
  bool counts_d_input = true;    // false if a mask comes next on the way back
};

class ConvolutionLayer : public Layer {
 public:
  /// `node` is this layer's ordinal, `input_node` that of the activations it reads, whose d_activation it rounds.
  /// `shape`: of one example; batches come with the tensors.
  ConvolutionLayer(NumberPlan& plan, int node, int input_node, const ConvolutionShape& shape,
                   const WeightOptions& weights, const ConvolutionOptions& options);

  void forward(const Tensor& input, Tensor& output, const Pass& pass) override;
  void backward(const Tensor& input, const Tensor& output, const Tensor& d_output, Tensor* d_input,
                const Pass& pass) override;
  std::vector<Parameter*> parameters() override { return weights_.parameters(); }
  std::optional<LayerProduct> product(const Tensor& input, const Pass& pass) override;
  [[nodiscard]] std::int64_t scratch_bytes() const override;

  [[nodiscard]] Weights& weights() { return weights_; }

 private:
  [[nodiscard]] ConvolutionShape shape_of(const Tensor& input) const;

  RoundingPoint& preactivation_;
  RoundingPoint& d_input_;
  ConvolutionShape shape_;
  Weights weights_;
  ConvolutionOptions options_;
  AlignedVector<float> a_values_, b_values_;  // decoded operands of float products
};

}  // namespace dyadic
