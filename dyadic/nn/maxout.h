// Maxout and identity activations: y = Q(max over pieces of z), role activation; backward routes d_y to every maximum
// (or the first) and rounds it to role d_preactivation. Identity is maxout with one piece.
#pragma once

#include "dyadic/kernels/maxout.h"
#include "dyadic/nn/layer.h"

namespace dyadic {

struct MaxoutOptions {
  std::int64_t pieces = 1;
  Ties ties = Ties::all;
  bool clipped = false;       // straight_through = "clipped"
  bool counts_output = true;  // false if a dropout mask follows: the masked tensor is counted (numerics.md section 7)
};

class MaxoutLayer : public Layer {
 public:
  MaxoutLayer(NumberPlan& plan, int node, const MaxoutOptions& options)
      : activation_(plan.at(node, Role::activation)),
        d_preactivation_(plan.at(node, Role::d_preactivation)),
        options_(options) {}

  void forward(const Tensor& input, Tensor& output, const Pass& pass) override;
  void backward(const Tensor& input, const Tensor& output, const Tensor& d_output, Tensor* d_input,
                const Pass& pass) override;

 private:
  RoundingPoint& activation_;
  RoundingPoint& d_preactivation_;
  MaxoutOptions options_;
  Tensor selected_, routed_;
};

}  // namespace dyadic
