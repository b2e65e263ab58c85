#include "dyadic/nn/flatten.h"

#include <algorithm>

namespace dyadic {
namespace {

void copy_codes(const Tensor& from, Tensor& to) {
  const auto* bytes = static_cast<const std::byte*>(from.data());
  std::copy(bytes, bytes + from.bytes(), static_cast<std::byte*>(to.data()));
}

}  // namespace

void FlattenLayer::forward(const Tensor& input, Tensor& output, const Pass& /*pass*/) {
  const std::int64_t batch = input.shape()[0];
  output.reset({batch, batch == 0 ? 0 : input.size() / batch}, input.format());
  copy_codes(input, output);
}

void FlattenLayer::backward(const Tensor& input, const Tensor& /*output*/, const Tensor& d_output, Tensor* d_input,
                            const Pass& /*pass*/) {
  if (d_input == nullptr) return;
  d_input->reset(input.shape(), d_output.format());
  copy_codes(d_output, *d_input);
}

}  // namespace dyadic
