#include "dyadic/nn/pooled_bias.h"

#include "dyadic/base/error.h"
#include "dyadic/kernels/add_bias.h"

namespace dyadic {

void PooledBiasLayer::forward(const Tensor& input, Tensor& output, const Pass& pass) {
  if (!pass.training) {
    output = input;
    return;
  }
  output.reset(input.shape(), preactivation_.current);
  const RoundingRandom random = {pass.random(preactivation_),
                                 static_cast<std::uint64_t>(values_before_ * input.shape()[0])};
  pass.count(preactivation_, add_bias(input, weights_.bias_copy(pass), output, random), false);
}

void PooledBiasLayer::backward(const Tensor& /*input*/, const Tensor& /*output*/, const Tensor& d_output,
                               Tensor* d_input, const Pass& pass) {
  weights_.round_bias_gradient(d_output, pass);
  if (d_input != nullptr) *d_input = d_output;
}

}  // namespace dyadic
