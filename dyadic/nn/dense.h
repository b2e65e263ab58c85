// Dense layer: z = Q(x . w^T + b), the sum exact for integer codes, one rounding (role preactivation). Backward: three
// products, each exact and rounded once: d_weight = Q(dz^T . x), d_bias = Q(sum of dz), d_input = Q(dz . w).
#pragma once

#include "dyadic/nn/layer.h"
#include "dyadic/nn/weights.h"

namespace dyadic {

class DenseLayer : public Layer {
 public:
  /// `node` is this layer's ordinal, `input_node` that of the activations it reads, whose d_activation it rounds and,
  /// unless a mask comes next on the way back, counts. Input [batch, ...] of options.shape[1] values per example.
  DenseLayer(NumberPlan& plan, int node, int input_node, const WeightOptions& options, bool counts_d_input);

  void forward(const Tensor& input, Tensor& output, const Pass& pass) override;
  void backward(const Tensor& input, const Tensor& output, const Tensor& d_output, Tensor* d_input,
                const Pass& pass) override;
  std::vector<Parameter*> parameters() override { return weights_.parameters(); }
  std::optional<LayerProduct> product(const Tensor& input, const Pass& pass) override;
  [[nodiscard]] std::int64_t scratch_bytes() const override;

 private:
  RoundingPoint& preactivation_;
  RoundingPoint& d_input_;
  Weights weights_;
  bool counts_d_input_;
  AlignedVector<float> a_values_, b_values_;  // decoded operands of float products
};

}  // namespace dyadic
