#include "dyadic/nn/weights.h"

#include <cmath>

#include "dyadic/base/error.h"
#include "dyadic/kernels/reduce.h"

namespace dyadic {

bool is_integer_product(const Format& a, const Format& b) { return a.is_dyadic_grid() && b.is_dyadic_grid(); }

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

Weights::Weights(NumberPlan& plan, int node, const WeightOptions& options)
    : weight{.name = options.name + ".weight",
             .copy_point = &plan.at(node, Role::weight),
             .master_point = &plan.at(node, Role::weight_master),
             .update_point = &plan.at(node, Role::weight_update),
             .gradient_point = &plan.at(node, Role::d_weight),
             .max_norm = options.max_norm,
             .norm_over_outputs = options.norm_over_outputs,
             .learning_rate_scale = options.learning_rate_scale,
             .weight_decay = options.weight_decay,
             .initial_limit = options.initial_limit,
             .initial_deviation = options.initial_deviation},
      bias{.name = options.name + ".bias",
           .copy_point = &plan.at(node, Role::bias),
           .master_point = &plan.at(node, Role::bias_master),
           .update_point = &plan.at(node, Role::bias_update),
           .gradient_point = &plan.at(node, Role::d_bias),
           .learning_rate_scale = options.learning_rate_scale},
      test_scale_exponent_(std::ilogb(options.test_scale)),
      input_gradient_from_master_(options.input_gradient_from_master) {
  weight.master.reset(options.shape, weight.master_point->current);
  bias.master.reset({options.shape[0]}, bias.master_point->current);
}

const Tensor& Weights::copy_of(const Parameter& parameter, Tensor& scratch, const Pass& pass) const {
  RoundingPoint& point = *parameter.copy_point;
  if (parameter.master.format() == point.current) return parameter.master;  // equal formats share one tensor
  scratch.reset(parameter.master.shape(), point.current);
  requantize(parameter.master.data(), parameter.master.format(), parameter.master.size(), point.current, scratch.data(),
             {.stream = pass.random(point), .first_index = 0});
  return scratch;
}

const Tensor& Weights::weight_copy(const Pass& pass) { return copy_of(weight, weight_copy_, pass); }

const Tensor& Weights::bias_copy(const Pass& pass) { return copy_of(bias, bias_copy_, pass); }

const Tensor& Weights::weight_for_input_gradient(const Pass& pass) {
  return input_gradient_from_master_ ? weight.master : weight_copy(pass);
}

const PreparedBias& Weights::prepare_bias(const Tensor& input, const Tensor& weight_copy, const Pass& pass) {
  const Tensor& values = bias_copy(pass);
  const int scale = scale_exponent(pass);
  if (!is_integer_product(input.format(), weight_copy.format())) {
    prepared_bias_.prepare_float(values, scale);
    return prepared_bias_;
  }
  if (!values.format().is_dyadic_grid()) {
    throw UsageError(bias.name + ": format " + format_name(values.format()) +
                     " cannot join integer sums; use a fixed or dfx format");
  }
  prepared_bias_.prepare_integer(values, scale,
                                 input.format().step_exponent + weight_copy.format().step_exponent + scale);
  return prepared_bias_;
}

void Weights::round_bias_gradient(const Tensor& d_output, const Pass& pass) {
  RoundingPoint& point = *bias.gradient_point;
  bias.gradient.reset(bias.master.shape(), point.current);
  pass.count(point, round_column_sums(d_output, bias.gradient, {.stream = pass.random(point), .first_index = 0}));
}

}  // namespace dyadic
