// Softmax with negative log likelihood, a float island in float64 (docs/numerics.md): y = Q(softmax(z)), role
// activation; d_activation = Q((y - target) / divisor); d_preactivation = Q(d_activation). The divisor is the number of
// classes (Courbariaux) or the batch size; weight gradients sum over the batch either way.
#pragma once

#include <span>
#include <vector>

#include "dyadic/nn/layer.h"

namespace dyadic {

struct BatchScore {
  double loss = 0;          // sum over the batch of -ln softmax(z)[target], fixed tree
  std::int64_t errors = 0;  // examples whose largest y (lowest index on ties) is not the target
};

class SoftmaxNll {
 public:
  /// `clipped`: straight_through = "clipped". `counted`: role d_preactivation moves its range here, which it does
  /// unless pools stand between z and this.
  SoftmaxNll(NumberPlan& plan, int node, bool divide_by_classes, bool clipped, bool counted)
      : activation_(plan.at(node, Role::activation)),
        d_activation_(plan.at(node, Role::d_activation)),
        d_preactivation_(plan.at(node, Role::d_preactivation)),
        divide_by_classes_(divide_by_classes),
        clipped_(clipped),
        counted_(counted) {}

  /// z [batch, ...] of `classes` values per example.
  BatchScore forward(const Tensor& z, std::span<const std::uint8_t> targets, const Pass& pass);
  /// After forward(): the gradient with respect to z.
  void backward(const Tensor& z, std::span<const std::uint8_t> targets, Tensor& d_z, const Pass& pass);

 private:
  RoundingPoint& activation_;
  RoundingPoint& d_activation_;
  RoundingPoint& d_preactivation_;
  bool divide_by_classes_, clipped_, counted_;
  Tensor y_, d_y_, routed_;
  std::vector<float> z_values_, y_values_;
  std::vector<double> probabilities_, scratch_, losses_;
};

}  // namespace dyadic
