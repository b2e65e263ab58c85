// Dropout (Srivastava et al. 2014) as in the originals: a mask of zeros and ones in training, no scaling, nothing at
// test time (the next parameter node's test_scale makes up for it). The mask belongs to the node before it, whose
// activation and d_activation are counted after the mask if nothing else follows it in the node.
#pragma once

#include "dyadic/nn/layer.h"

namespace dyadic {

class DropoutLayer : public Layer {
 public:
  /// `role`: input for the mask on the network's input (node 0), activation for hidden ones.
  DropoutLayer(NumberPlan& plan, int node, Role role, double keep, Counted counted)
      : masked_(plan.at(node, role)), d_masked_(plan.at(node, Role::d_activation)), keep_(keep), counted_(counted) {}

  void forward(const Tensor& input, Tensor& output, const Pass& pass) override;
  void backward(const Tensor& input, const Tensor& output, const Tensor& d_output, Tensor* d_input,
                const Pass& pass) override;
  [[nodiscard]] std::int64_t scratch_bytes() const override { return static_cast<std::int64_t>(mask_.size()); }

 private:
  RoundingPoint& masked_;
  RoundingPoint& d_masked_;
  double keep_;
  Counted counted_;
  std::vector<std::uint8_t> mask_;
};

}  // namespace dyadic
