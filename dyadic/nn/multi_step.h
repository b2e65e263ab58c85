// The activation of discrete networks (dyadic/kernels/multi_step.h): y is the state of role activation's format that
// each value falls into.
#pragma once

#include "dyadic/kernels/multi_step.h"
#include "dyadic/nn/layer.h"

namespace dyadic {

class MultiStepLayer : public Layer {
 public:
  /// `counted`: output: role activation, d_input: the gradient of what it reads.
  MultiStepLayer(NumberPlan& plan, int node, NodeValue reads, const MultiStepOptions& options, Counted counted)
      : activation_(plan.at(node, Role::activation)),
        d_input_(plan.points_of(node, reads).gradient),
        options_(options),
        counted_(counted) {}

  void forward(const Tensor& input, Tensor& output, const Pass& pass) override;
  void backward(const Tensor& input, const Tensor& output, const Tensor& d_output, Tensor* d_input,
                const Pass& pass) override;

 private:
  RoundingPoint& activation_;
  RoundingPoint& d_input_;
  MultiStepOptions options_;
  Counted counted_;
};

}  // namespace dyadic
