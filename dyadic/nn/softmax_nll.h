// Softmax with negative log likelihood, a float island in float64 (docs/numerics.md): y = Q(softmax(z)), role
// activation; d_activation = Q((y - target) / divisor); d_z = Q(d_activation), in the role of the gradient of z. The
// divisor is the number of classes (Courbariaux) or the batch size or both; weight gradients sum over the batch anyway.
#pragma once

#include <span>
#include <vector>

#include "dyadic/nn/loss.h"

namespace dyadic {

class SoftmaxNll : public Loss {
 public:
  /// `clipped`: straight_through = "clipped".
  SoftmaxNll(NumberPlan& plan, int node, NodeValue reads, LossScale scale, bool clipped, bool counted)
      : activation_(plan.at(node, Role::activation)),
        d_activation_(plan.at(node, Role::d_activation)),
        d_z_(plan.points_of(node, reads).gradient),
        scale_(scale),
        clipped_(clipped),
        counted_(counted) {}

  /// The loss is -ln softmax(z)[target]; errors are counted on the rounded y.
  BatchScore forward(const Tensor& z, std::span<const std::uint8_t> targets, const Pass& pass) override;
  void backward(const Tensor& z, std::span<const std::uint8_t> targets, Tensor& d_z, const Pass& pass) override;

 private:
  RoundingPoint& activation_;
  RoundingPoint& d_activation_;
  RoundingPoint& d_z_;
  LossScale scale_;
  bool clipped_, counted_;
  Tensor y_, d_y_, routed_;
  std::vector<float> z_values_, y_values_;
  std::vector<double> probabilities_, scratch_, losses_;
};

}  // namespace dyadic
