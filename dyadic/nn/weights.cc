#include "dyadic/nn/weights.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "dyadic/base/error.h"
#include "dyadic/formats/table.h"
#include "dyadic/kernels/reduce.h"

namespace dyadic {

bool is_integer_product(const Format& a, const Format& b) { return a.is_dyadic_grid() && b.is_dyadic_grid(); }

IntegerOperand integer_operand(const Tensor& tensor, const void* codes, std::int64_t row_stride,
                               std::int64_t depth_stride) {
  const Format& format = tensor.format();
  return {.codes = codes,
          .type = code_type(format),
          .row_stride = row_stride,
          .depth_stride = depth_stride,
          .multiplier = format.code_multiplier,
          .offset = format.code_offset,
          .max_magnitude = format.max_magnitude()};
}

const float* float_values(const Tensor& tensor, AlignedVector<float>& scratch) {
  if (code_type(tensor.format()) == CodeType::f32) return tensor.codes<float>().data();
  scratch.resize(static_cast<std::size_t>(tensor.size()));
  dequantize(tensor.data(), tensor.size(), tensor.format(), scratch.data());
  return scratch.data();
}

Format exact_sum_format(const std::string& name, std::int64_t depth, const Format& a, const Format& b,
                        int scale_exponent) {
  if (!sums_fit_int32(depth, a.max_magnitude(), b.max_magnitude())) {
    throw ShapeError(name + ": exact sums of " + std::to_string(depth) + " products of " + format_name(a) + " and " +
                     format_name(b) + " do not fit 32 bits; name a format for the preactivation");
  }
  const std::int64_t largest = depth * a.max_magnitude() * b.max_magnitude();
  const int width = std::max(2, static_cast<int>(std::bit_width(static_cast<std::uint64_t>(largest))) + 1);
  const int fraction_bits = -(a.step_exponent + b.step_exponent + scale_exponent);
  const std::string spelled = "q" + std::to_string(width - fraction_bits) + "." + std::to_string(fraction_bits) + "s";
  return make_fixed(spelled, width - fraction_bits, fraction_bits, true, true);
}

Weights::Weights(NumberPlan& plan, int node, const WeightOptions& options)
    : weight(make_parameter(plan, node, options.name, ParameterKind::weight)),
      bias(make_parameter(plan, node, options.name, ParameterKind::bias)),
      node_name_(options.name),
      test_scale_exponent_(std::ilogb(options.test_scale)),
      has_bias_(options.has_bias),
      input_gradient_from_master_(options.input_gradient_from_master),
      workspace_(options.workspace != nullptr ? options.workspace : std::make_shared<WeightWorkspace>()) {
  weight.max_norm = options.max_norm;
  weight.norm_over_outputs = options.norm_over_outputs;
  weight.weight_decay = options.weight_decay;
  weight.initial_limit = options.initial_limit;
  weight.initial_deviation = options.initial_deviation;
  weight.learning_rate_scale = bias.learning_rate_scale = options.learning_rate_scale;
  weight.master.reset(options.shape, weight.master_point->current);
  if (has_bias_) bias.master.reset({options.shape[0]}, bias.master_point->current);
}

std::vector<Parameter*> Weights::parameters() {
  if (has_bias_) return {&weight, &bias};
  return {&weight};
}

const Tensor& Weights::copy_of(const Parameter& parameter, Tensor& scratch, const Pass& pass) const {
  RoundingPoint& point = *parameter.copy_point;
  if (parameter.master.format() == point.current) return parameter.master;  // equal formats share one tensor
  scratch.reset(parameter.master.shape(), point.current);
  requantize(workspace_->codes(parameter.master), parameter.master.format(), parameter.master.size(), point.current,
             scratch.data(), {.stream = pass.random(point), .first_index = 0});
  return scratch;
}

const Tensor& Weights::weight_copy(const Pass& pass) { return copy_of(weight, weight_copy_, pass); }

const Tensor& Weights::bias_copy(const Pass& pass) { return copy_of(bias, bias_copy_, pass); }

Tensor& Weights::begin_gradient() {
  workspace_->lend(weight.gradient);
  weight.gradient.reset(weight.master.shape(), weight.gradient_point->current);
  return weight.gradient;
}

const Tensor& Weights::weight_for_input_gradient(const Pass& pass) {
  return input_gradient_from_master_ ? weight.master : weight_copy(pass);
}

const PreparedBias* Weights::prepare_bias(const Tensor& input, const Tensor& weight_copy, const Pass& pass) {
  if (!has_bias_) return nullptr;
  const Tensor& values = bias_copy(pass);
  const int scale = scale_exponent(pass);
  if (!is_integer_product(input.format(), weight_copy.format())) {
    prepared_bias_.prepare_float(values, scale);
    return &prepared_bias_;
  }
  if (!values.format().is_dyadic_grid()) {
    throw UsageError(bias.name + ": format " + format_name(values.format()) +
                     " cannot join integer sums; use a fixed or dfx format");
  }
  prepared_bias_.prepare_integer(values, scale,
                                 input.format().step_exponent + weight_copy.format().step_exponent + scale);
  return &prepared_bias_;
}

Format Weights::sum_format(const RoundingPoint& point, const Tensor& input, const Tensor& weight_copy,
                           const Pass& pass) const {
  const Format& a = input.format();
  const Format& b = weight_copy.format();
  if (point.current.family != Family::exact) return point.current;
  if (!is_integer_product(a, b)) return parse_format("float32");  // float sums are that
  return exact_sum_format(weight.name, weight_copy.size() / weight_copy.shape()[0], a, b, scale_exponent(pass));
}

void Weights::round_bias_gradient(const Tensor& d_output, const Pass& pass) {
  if (!has_bias_) return;
  RoundingPoint& point = *bias.gradient_point;
  bias.gradient.reset(bias.master.shape(), point.current);
  pass.count(point, round_column_sums(d_output, bias.gradient, {.stream = pass.random(point), .first_index = 0}));
}

}  // namespace dyadic
