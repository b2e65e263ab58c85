// The bias of a convolution in the order of Courbariaux' program: z was rounded without it and pooled; here z + b is
// rounded again to role preactivation. In evaluation the convolution has added the bias before its one rounding.
#pragma once

#include "dyadic/nn/layer.h"
#include "dyadic/nn/weights.h"

namespace dyadic {

class PooledBiasLayer : public Layer {
 public:
  /// `weights` belongs to the convolution, which lives as long as this layer. Random bits go on after those of z, which
  /// has `values_before` values per example.
  PooledBiasLayer(NumberPlan& plan, int node, Weights& weights, std::int64_t values_before)
      : preactivation_(plan.at(node, Role::preactivation)), weights_(weights), values_before_(values_before) {}

  void forward(const Tensor& input, Tensor& output, const Pass& pass) override;
  /// Rounds the bias' gradient; d_input is d_output.
  void backward(const Tensor& input, const Tensor& output, const Tensor& d_output, Tensor* d_input,
                const Pass& pass) override;

 private:
  RoundingPoint& preactivation_;
  Weights& weights_;
  std::int64_t values_before_;
};

}  // namespace dyadic
