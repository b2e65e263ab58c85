// Squared hinge loss of a support vector machine per class (Tang 2013; Deng et al. 2018), a float island in float64:
// with t = 1 for the target and -1 for other classes, loss = sum over classes of max(0, 1 - t x)^2, and
// d_x = Q(-2 t max(0, 1 - t x) / divisor), in the role of the gradient of what it reads.
#pragma once

#include <vector>

#include "dyadic/nn/loss.h"

namespace dyadic {

class SquaredHinge : public Loss {
 public:
  SquaredHinge(NumberPlan& plan, int node, NodeValue reads, LossScale scale, bool counted)
      : d_scores_(plan.points_of(node, reads).gradient), scale_(scale), counted_(counted) {}

  BatchScore forward(const Tensor& scores, std::span<const std::uint8_t> targets, const Pass& pass) override;
  void backward(const Tensor& scores, std::span<const std::uint8_t> targets, Tensor& d_scores,
                const Pass& pass) override;

 private:
  RoundingPoint& d_scores_;
  LossScale scale_;
  bool counted_;
  std::vector<double> values_, losses_, squares_;
};

}  // namespace dyadic
