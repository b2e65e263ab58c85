#include "dyadic/nn/pool.h"

#include "dyadic/kernels/epilogue.h"

namespace dyadic {
namespace {

PoolShape with_batch(PoolShape shape, const Tensor& input) {
  shape.batch = input.shape()[0];
  return shape;
}

Shape output_shape(const PoolShape& shape) {
  return {shape.batch, shape.out_height(), shape.out_width(), shape.channels};
}

}  // namespace

void MaxPoolLayer::forward(const Tensor& input, Tensor& output, const Pass& pass) {
  max_pool_select(input, with_batch(shape_, input), output);
  if (pass.training && counted_.output) {
    pass.count(points_.value, count_codes(output.data(), output.size(), output.format()));
  }
}

void MaxPoolLayer::backward(const Tensor& input, const Tensor& /*output*/, const Tensor& d_output, Tensor* d_input,
                            const Pass& pass) {
  if (d_input == nullptr) return;
  d_input->reset(input.shape(), points_.gradient.current);
  RoundingEpilogue epilogue(*d_input, shape_.channels, d_output.format().step_exponent, nullptr,
                            pass.random(points_.gradient), 0);
  max_pool_route(input, d_output, with_batch(shape_, input), ties_, &RoundingEpilogue::consume, &epilogue);
  pass.count(points_.gradient, epilogue.counts(), counted_.d_input);
}

void AveragePoolLayer::forward(const Tensor& input, Tensor& output, const Pass& pass) {
  const PoolShape shape = with_batch(shape_, input);
  output.reset(output_shape(shape), points_.value.current);
  RoundingEpilogue epilogue(output, shape.channels, 0, nullptr, pass.random(points_.value),
                            pass.first_example * shape.out_height() * shape.out_width());
  average_pool(input, shape, &RoundingEpilogue::consume, &epilogue);
  pass.count(points_.value, epilogue.counts(), counted_.output);
}

void AveragePoolLayer::backward(const Tensor& input, const Tensor& /*output*/, const Tensor& d_output, Tensor* d_input,
                                const Pass& pass) {
  if (d_input == nullptr) return;
  d_input->reset(input.shape(), points_.gradient.current);
  RoundingEpilogue epilogue(*d_input, shape_.channels, 0, nullptr, pass.random(points_.gradient), 0);
  average_pool_backward(d_output, with_batch(shape_, input), &RoundingEpilogue::consume, &epilogue);
  pass.count(points_.gradient, epilogue.counts(), counted_.d_input);
}

}  // namespace dyadic
