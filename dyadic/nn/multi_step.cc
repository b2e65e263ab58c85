#include "dyadic/nn/multi_step.h"

namespace dyadic {

void MultiStepLayer::forward(const Tensor& input, Tensor& output, const Pass& pass) {
  output.reset(input.shape(), activation_.current);
  pass.count(activation_, multi_step(input, options_, output, pass.rounding(activation_, output)), counted_.output);
}

void MultiStepLayer::backward(const Tensor& input, const Tensor& output, const Tensor& d_output, Tensor* d_input,
                              const Pass& pass) {
  if (d_input == nullptr) return;
  d_input->reset(input.shape(), d_input_.current);
  const RoundingRandom random = {.stream = pass.random(d_input_), .first_index = 0};
  pass.count(d_input_, multi_step_backward(input, d_output, output.format(), options_, *d_input, random),
             counted_.d_input);
}

}  // namespace dyadic
