#include "dyadic/nn/activation.h"

#include "dyadic/kernels/quantize.h"
#include "dyadic/kernels/relu.h"

namespace dyadic {

void ActivationLayer::forward(const Tensor& input, Tensor& output, const Pass& pass) {
  if (options_.selection == Selection::relu) relu_select(input, selected_);
  else maxout_select(input, options_.pieces, selected_);
  output.reset(selected_.shape(), activation_.current);
  const RoundingCounts counts = requantize(selected_.data(), selected_.format(), selected_.size(), activation_.current,
                                           output.data(), pass.rounding(activation_, output));
  pass.count(activation_, counts, options_.counted.output);
}

void ActivationLayer::backward(const Tensor& input, const Tensor& /*output*/, const Tensor& d_output, Tensor* d_input,
                               const Pass& pass) {
  if (d_input == nullptr) return;
  if (options_.selection == Selection::relu) relu_route(input, d_output, options_.clipped, routed_);
  else maxout_route(input, d_output, options_.pieces, options_.ties, options_.clipped, routed_);
  d_input->reset(routed_.shape(), d_input_.current);
  const RoundingRandom random = {pass.random(d_input_),
                                 static_cast<std::uint64_t>(options_.values_before * routed_.shape()[0])};
  const RoundingCounts counts =
      requantize(routed_.data(), routed_.format(), routed_.size(), d_input_.current, d_input->data(), random);
  pass.count(d_input_, counts, options_.counted.d_input);
}

}  // namespace dyadic
