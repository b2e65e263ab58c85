// The activation of a node: y = Q(select(z)), role activation; backward routes d_y and rounds it to the role of z's
// gradient. Selections move codes: maxout (identity is maxout with one piece) and relu.
#pragma once

#include "dyadic/kernels/maxout.h"
#include "dyadic/nn/layer.h"

namespace dyadic {

enum class Selection : std::uint8_t { maxout, relu };

struct ActivationOptions {
  NodeValue reads = NodeValue::preactivation;
  Selection selection = Selection::maxout;
  std::int64_t pieces = 1;  // of maxout
  Ties ties = Ties::all;
  bool clipped = false;  // straight_through = "clipped"
  /// Random bits of the rounding to d_preactivation go on after those of so many values per example: the gradient of z
  /// itself, where the node's bias is added after pooling.
  std::int64_t values_before = 0;
  Counted counted = {};  // output: role activation, d_input: the gradient of what it reads
};

class ActivationLayer : public Layer {
 public:
  ActivationLayer(NumberPlan& plan, int node, const ActivationOptions& options)
      : activation_(plan.at(node, Role::activation)),
        d_input_(plan.points_of(node, options.reads).gradient),
        options_(options) {}

  void forward(const Tensor& input, Tensor& output, const Pass& pass) override;
  void backward(const Tensor& input, const Tensor& output, const Tensor& d_output, Tensor* d_input,
                const Pass& pass) override;
  [[nodiscard]] std::int64_t scratch_bytes() const override { return selected_.bytes() + routed_.bytes(); }

 private:
  RoundingPoint& activation_;
  RoundingPoint& d_input_;
  ActivationOptions options_;
  Tensor selected_, routed_;
};

}  // namespace dyadic
