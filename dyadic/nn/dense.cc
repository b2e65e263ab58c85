#include "dyadic/nn/dense.h"

#include "dyadic/base/error.h"
#include "dyadic/kernels/product.h"

namespace dyadic {
namespace {

/// Output [m, n] of a product of two tensors, rounded once into `output` (format set by the caller).
struct RoundedProduct {
  const Tensor* a = nullptr;
  std::int64_t a_row_stride = 0, a_depth_stride = 1;
  const Tensor* b = nullptr;
  std::int64_t b_row_stride = 0, b_depth_stride = 1;
  std::int64_t m = 0, n = 0, depth = 0;
  WeightWorkspace* weights = nullptr;  // where b is decoded if it is the weights
  int b_scale_exponent = 0;            // these are multiplied by 2^this
  const PreparedBias* bias = nullptr;  // prepared for sums of this product
  RandomStream random;
  std::int64_t first_row = 0;
};

RoundingCounts rounded_product(const RoundedProduct& job, Tensor& output, AlignedVector<float>& a_values,
                               AlignedVector<float>& b_values) {
  const bool integer = is_integer_product(job.a->format(), job.b->format());
  const int sum_exponent = job.a->format().step_exponent + job.b->format().step_exponent + job.b_scale_exponent;
  RoundingEpilogue epilogue(output, job.n, integer ? sum_exponent : 0, job.bias, job.random, job.first_row);
  if (integer) {
    const IntegerOperand a = integer_operand(*job.a, job.a->data(), job.a_row_stride, job.a_depth_stride);
    const IntegerOperand b =
        integer_operand(*job.b, job.weights != nullptr ? job.weights->codes(*job.b) : job.b->data(), job.b_row_stride,
                        job.b_depth_stride);
    const std::int64_t max_bias = job.bias != nullptr ? job.bias->max_aligned() : 0;
    const SumType type = integer_sum_type(job.depth, a.max_magnitude, b.max_magnitude, max_bias);
    integer_product(job.m, job.n, job.depth, a, b, type, &RoundingEpilogue::consume, &epilogue);
  } else {
    const FloatOperand a = {float_values(*job.a, a_values), job.a_row_stride, job.a_depth_stride};
    const FloatOperand b = {
        job.weights != nullptr ? job.weights->values(*job.b, job.b_scale_exponent) : float_values(*job.b, b_values),
        job.b_row_stride, job.b_depth_stride};
    float_product(job.m, job.n, job.depth, a, b, &RoundingEpilogue::consume, &epilogue);
  }
  return epilogue.counts();
}

}  // namespace

DenseLayer::DenseLayer(NumberPlan& plan, int node, int input_node, const WeightOptions& options, bool counts_d_input)
    : preactivation_(plan.at(node, Role::preactivation)),
      d_input_(plan.at(input_node, Role::d_activation)),
      weights_(plan, node, options),
      counts_d_input_(counts_d_input) {}

std::int64_t DenseLayer::scratch_bytes() const {
  return weights_.scratch_bytes() + static_cast<std::int64_t>((a_values_.size() + b_values_.size()) * sizeof(float));
}

void DenseLayer::forward(const Tensor& input, Tensor& output, const Pass& pass) {
  const Tensor& weight = weights_.weight_copy(pass);
  const std::int64_t batch = input.shape()[0];
  const std::int64_t units = weight.shape()[0];
  const std::int64_t inputs = weight.shape()[1];
  if (input.size() != batch * inputs) {
    throw ShapeError(weights_.weight.name + " " + shape_text(weight.shape()) + " cannot take input " +
                     shape_text(input.shape()));
  }
  output.reset({batch, units}, weights_.sum_format(preactivation_, input, weight, pass));
  const RoundedProduct job = {.a = &input,
                              .a_row_stride = inputs,
                              .b = &weight,
                              .b_row_stride = inputs,
                              .m = batch,
                              .n = units,
                              .depth = inputs,
                              .weights = &weights_.workspace(),
                              .b_scale_exponent = weights_.scale_exponent(pass),
                              .bias = weights_.prepare_bias(input, weight, pass),
                              .random = pass.random(preactivation_),
                              .first_row = pass.first_example};
  pass.count(preactivation_, rounded_product(job, output, a_values_, b_values_));
}

std::optional<LayerProduct> DenseLayer::product(const Tensor& input, const Pass& pass) {
  const Tensor& weight = weights_.weight_copy(pass);
  const ConvolutionShape shape = {
      .batch = input.shape()[0], .height = 1, .width = 1, .channels = weight.shape()[1], .outputs = weight.shape()[0]};
  return LayerProduct{.name = weights_.node_name(), .weight = weight, .shape = shape};
}

void DenseLayer::backward(const Tensor& input, const Tensor& /*output*/, const Tensor& d_output, Tensor* d_input,
                          const Pass& pass) {
  Parameter& parameter = weights_.weight;
  const std::int64_t batch = input.shape()[0];
  const std::int64_t units = parameter.master.shape()[0];
  const std::int64_t inputs = parameter.master.shape()[1];

  // First what needs the weights: the gradient takes the memory they are decoded in.
  if (d_input != nullptr) {
    d_input->reset(input.shape(), d_input_.current);
    const RoundedProduct input_job = {.a = &d_output,
                                      .a_row_stride = units,
                                      .b = &weights_.weight_for_input_gradient(pass),
                                      .b_row_stride = 1,
                                      .b_depth_stride = inputs,
                                      .m = batch,
                                      .n = inputs,
                                      .depth = units,
                                      .weights = &weights_.workspace(),
                                      .random = pass.random(d_input_)};
    pass.count(d_input_, rounded_product(input_job, *d_input, a_values_, b_values_), counts_d_input_);
  }

  RoundingPoint& d_weight = *parameter.gradient_point;
  Tensor& gradient = weights_.begin_gradient();
  const RoundedProduct weight_job = {.a = &d_output,
                                     .a_row_stride = 1,
                                     .a_depth_stride = units,
                                     .b = &input,
                                     .b_row_stride = 1,
                                     .b_depth_stride = inputs,
                                     .m = units,
                                     .n = inputs,
                                     .depth = batch,
                                     .random = pass.random(d_weight)};
  pass.count(d_weight, rounded_product(weight_job, gradient, a_values_, b_values_));
  weights_.round_bias_gradient(d_output, pass);
}

}  // namespace dyadic
