#include "dyadic/nn/maxout.h"

#include "dyadic/kernels/quantize.h"

namespace dyadic {

void MaxoutLayer::forward(const Tensor& input, Tensor& output, const Pass& pass) {
  maxout_select(input, options_.pieces, selected_);
  output.reset(selected_.shape(), activation_.current);
  const RoundingRandom random = {pass.random(activation_),
                                 static_cast<std::uint64_t>(pass.first_example * output.shape()[1])};
  const RoundingCounts counts =
      requantize(selected_.data(), selected_.format(), selected_.size(), activation_.current, output.data(), random);
  if (options_.counts_output || counts.nonfinite > 0) pass.count(activation_, counts);
}

void MaxoutLayer::backward(const Tensor& input, const Tensor& /*output*/, const Tensor& d_output, Tensor* d_input,
                           const Pass& pass) {
  if (d_input == nullptr) return;
  maxout_route(input, d_output, options_.pieces, options_.ties, options_.clipped, routed_);
  d_input->reset(routed_.shape(), d_preactivation_.current);
  pass.count(d_preactivation_,
             requantize(routed_.data(), routed_.format(), routed_.size(), d_preactivation_.current, d_input->data(),
                        {.stream = pass.random(d_preactivation_), .first_index = 0}));
}

}  // namespace dyadic
