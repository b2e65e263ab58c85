#include "dyadic/nn/dropout.h"

#include "dyadic/kernels/dropout.h"

namespace dyadic {

void DropoutLayer::forward(const Tensor& input, Tensor& output, const Pass& pass) {
  if (!pass.training) {
    output = input;
    return;
  }
  mask_.resize(static_cast<std::size_t>(input.size()));
  const std::uint32_t stream = stream_number(static_cast<std::uint32_t>(masked_.node),
                                             static_cast<std::uint32_t>(masked_.role), RandomPurpose::dropout);
  dropout_mask({pass.seed, pass.step, stream}, keep_, input.size(), mask_.data());
  apply_mask(input, mask_.data(), output);
  if (counted_.output) pass.count(masked_, count_codes(output.data(), output.size(), output.format()));
}

void DropoutLayer::backward(const Tensor& /*input*/, const Tensor& /*output*/, const Tensor& d_output, Tensor* d_input,
                            const Pass& pass) {
  if (d_input == nullptr) return;
  apply_mask(d_output, mask_.data(), *d_input);
  if (counted_.d_input) pass.count(d_masked_, count_codes(d_input->data(), d_input->size(), d_input->format()));
}

}  // namespace dyadic
