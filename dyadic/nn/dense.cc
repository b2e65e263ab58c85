#include "dyadic/nn/dense.h"

#include <cmath>

#include "dyadic/base/error.h"
#include "dyadic/kernels/reduce.h"

namespace dyadic {
namespace {

IntegerOperand integer_operand(const Tensor& tensor, std::int64_t row_stride, std::int64_t depth_stride) {
  const Format& format = tensor.format();
  return {.codes = tensor.data(),
          .type = code_type(format),
          .row_stride = row_stride,
          .depth_stride = depth_stride,
          .multiplier = format.code_multiplier,
          .offset = format.code_offset,
          .max_magnitude = format.max_magnitude()};
}

/// The tensor's values in float32: the tensor itself, or decoded (and scaled) into `scratch`.
const float* float_values(const Tensor& tensor, int scale_exponent, AlignedVector<float>& scratch) {
  if (code_type(tensor.format()) == CodeType::f32 && scale_exponent == 0) return tensor.codes<float>().data();
  scratch.resize(static_cast<std::size_t>(tensor.size()));
  dequantize(tensor.data(), tensor.size(), tensor.format(), scratch.data());
  if (scale_exponent != 0) {
    const float scale = std::ldexp(1.0F, scale_exponent);
    for (float& value : scratch) value *= scale;
  }
  return scratch.data();
}

}  // namespace

bool is_integer_product(const Format& a, const Format& b) { return a.is_dyadic_grid() && b.is_dyadic_grid(); }

int RoundedProduct::sum_exponent() const {
  return a->format().step_exponent + b->format().step_exponent + b_scale_exponent;
}

RoundingCounts rounded_product(const RoundedProduct& job, Tensor& output, AlignedVector<float>& a_values,
                               AlignedVector<float>& b_values) {
  const bool integer = is_integer_product(job.a->format(), job.b->format());
  RoundingEpilogue epilogue(output, job.n, integer ? job.sum_exponent() : 0, job.bias, job.random, job.first_row);
  if (integer) {
    const IntegerOperand a = integer_operand(*job.a, job.a_row_stride, job.a_depth_stride);
    const IntegerOperand b = integer_operand(*job.b, job.b_row_stride, job.b_depth_stride);
    const std::int64_t max_bias = job.bias != nullptr ? job.bias->max_aligned() : 0;
    const SumType type = integer_sum_type(job.depth, a.max_magnitude, b.max_magnitude, max_bias);
    integer_product(job.m, job.n, job.depth, a, b, type, &RoundingEpilogue::consume, &epilogue);
  } else {
    const FloatOperand a = {float_values(*job.a, 0, a_values), job.a_row_stride, job.a_depth_stride};
    const FloatOperand b = {float_values(*job.b, job.b_scale_exponent, b_values), job.b_row_stride, job.b_depth_stride};
    float_product(job.m, job.n, job.depth, a, b, &RoundingEpilogue::consume, &epilogue);
  }
  return epilogue.counts();
}

DenseLayer::DenseLayer(NumberPlan& plan, int node, int input_node, const DenseOptions& options)
    : preactivation_(plan.at(node, Role::preactivation)),
      d_input_(plan.at(input_node, Role::d_activation)),
      test_scale_exponent_(std::ilogb(options.test_scale)),
      input_gradient_from_master_(options.input_gradient_from_master) {
  weight_ = {.name = options.name + ".weight",
             .copy_point = &plan.at(node, Role::weight),
             .master_point = &plan.at(node, Role::weight_master),
             .update_point = &plan.at(node, Role::weight_update),
             .gradient_point = &plan.at(node, Role::d_weight),
             .max_norm = options.max_column_norm,
             .learning_rate_scale = options.learning_rate_scale,
             .initial_limit = options.initial_limit};
  bias_ = {.name = options.name + ".bias",
           .copy_point = &plan.at(node, Role::bias),
           .master_point = &plan.at(node, Role::bias_master),
           .update_point = &plan.at(node, Role::bias_update),
           .gradient_point = &plan.at(node, Role::d_bias),
           .learning_rate_scale = options.learning_rate_scale};
  weight_.master.reset({options.units, options.inputs}, weight_.master_point->current);
  bias_.master.reset({options.units}, bias_.master_point->current);
}

const Tensor& DenseLayer::copy_for_products(const Parameter& parameter, Tensor& scratch, const Pass& pass) const {
  RoundingPoint& point = *parameter.copy_point;
  if (parameter.master.format() == point.current) return parameter.master;  // equal formats share one tensor
  scratch.reset(parameter.master.shape(), point.current);
  requantize(parameter.master.data(), parameter.master.format(), parameter.master.size(), point.current, scratch.data(),
             {.stream = pass.random(point), .first_index = 0});
  return scratch;
}

void DenseLayer::forward(const Tensor& input, Tensor& output, const Pass& pass) {
  const Tensor& weight = copy_for_products(weight_, weight_copy_, pass);
  const Tensor& bias = copy_for_products(bias_, bias_copy_, pass);
  const std::int64_t units = weight.shape()[0];
  const std::int64_t inputs = weight.shape()[1];
  if (input.shape().size() != 2 || input.shape()[1] != inputs) {
    throw ShapeError(weight_.name + " " + shape_text(weight.shape()) + " cannot take input " +
                     shape_text(input.shape()));
  }
  output.reset({input.shape()[0], units}, preactivation_.current);
  const int scale = pass.training ? 0 : test_scale_exponent_;
  RoundedProduct job = {.a = &input,
                        .a_row_stride = inputs,
                        .b = &weight,
                        .b_row_stride = inputs,
                        .m = input.shape()[0],
                        .n = units,
                        .depth = inputs,
                        .b_scale_exponent = scale,
                        .bias = &prepared_bias_,
                        .random = pass.random(preactivation_),
                        .first_row = pass.first_example};
  if (is_integer_product(input.format(), weight.format())) {
    if (!bias.format().is_dyadic_grid()) {
      throw UsageError(bias_.name + ": format " + format_name(bias.format()) +
                       " cannot join integer sums; use a fixed or dfx format");
    }
    prepared_bias_.prepare_integer(bias, scale, job.sum_exponent());
  } else {
    prepared_bias_.prepare_float(bias, scale);
  }
  pass.count(preactivation_, rounded_product(job, output, a_values_, b_values_));
}

void DenseLayer::backward(const Tensor& input, const Tensor& /*output*/, const Tensor& d_output, Tensor* d_input,
                          const Pass& pass) {
  const std::int64_t batch = input.shape()[0];
  const std::int64_t units = weight_.master.shape()[0];
  const std::int64_t inputs = weight_.master.shape()[1];

  RoundingPoint& d_weight = *weight_.gradient_point;
  weight_.gradient.reset(weight_.master.shape(), d_weight.current);
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
  pass.count(d_weight, rounded_product(weight_job, weight_.gradient, a_values_, b_values_));

  RoundingPoint& d_bias = *bias_.gradient_point;
  bias_.gradient.reset(bias_.master.shape(), d_bias.current);
  pass.count(d_bias, round_column_sums(d_output, bias_.gradient, {.stream = pass.random(d_bias), .first_index = 0}));

  if (d_input == nullptr) return;
  const Tensor& weight = input_gradient_from_master_ ? weight_.master : copy_for_products(weight_, weight_copy_, pass);
  d_input->reset(input.shape(), d_input_.current);
  const RoundedProduct input_job = {.a = &d_output,
                                    .a_row_stride = units,
                                    .b = &weight,
                                    .b_row_stride = 1,
                                    .b_depth_stride = inputs,
                                    .m = batch,
                                    .n = inputs,
                                    .depth = units,
                                    .random = pass.random(d_input_)};
  pass.count(d_input_, rounded_product(input_job, *d_input, a_values_, b_values_));
}

}  // namespace dyadic
