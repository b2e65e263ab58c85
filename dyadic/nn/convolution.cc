#include "dyadic/nn/convolution.h"

#include "dyadic/base/error.h"

namespace dyadic {

ConvolutionLayer::ConvolutionLayer(NumberPlan& plan, int node, int input_node, const ConvolutionShape& shape,
                                   const WeightOptions& weights, const ConvolutionOptions& options)
    : preactivation_(plan.at(node, Role::preactivation)),
      d_input_(plan.at(input_node, Role::d_activation)),
      shape_(shape),
      weights_(plan, node, weights),
      options_(options) {}

std::int64_t ConvolutionLayer::scratch_bytes() const {
  return weights_.scratch_bytes() + static_cast<std::int64_t>((a_values_.size() + b_values_.size()) * sizeof(float));
}

ConvolutionShape ConvolutionLayer::shape_of(const Tensor& input) const {
  ConvolutionShape shape = shape_;
  shape.batch = input.shape()[0];
  if (input.shape() != Shape{shape.batch, shape.height, shape.width, shape.channels}) {
    throw ShapeError(weights_.weight.name + " " + shape_text(weights_.weight.master.shape()) + " cannot take input " +
                     shape_text(input.shape()));
  }
  return shape;
}

namespace {

/// One of a convolution's three products, rounded once into `output`, whose format and shape are set.
struct RoundedConvolution {
  ConvolutionProduct product = ConvolutionProduct::forward;
  ConvolutionShape shape;
  const Tensor* a = nullptr;
  const Tensor* b = nullptr;
  WeightWorkspace* weights = nullptr;  // where b is decoded if it is the weights
  int b_scale_exponent = 0;            // these are multiplied by 2^this
  const PreparedBias* bias = nullptr;
  RoundingRandom random;
};

ConvolutionOperand operand(const Tensor& tensor, const void* codes) {
  const Format& format = tensor.format();
  return {.codes = codes,
          .type = code_type(format),
          .multiplier = format.code_multiplier,
          .offset = format.code_offset,
          .max_magnitude = format.max_magnitude()};
}

RoundingCounts round_convolution(const RoundedConvolution& job, Tensor& output, AlignedVector<float>& a_values,
                                 AlignedVector<float>& b_values) {
  const bool integer = is_integer_product(job.a->format(), job.b->format());
  const int sum_exponent = job.a->format().step_exponent + job.b->format().step_exponent + job.b_scale_exponent;
  const std::int64_t columns = convolution_columns(job.product, job.shape);
  const std::int64_t first_row = static_cast<std::int64_t>(job.random.first_index) / columns;
  RoundingEpilogue epilogue(output, columns, integer ? sum_exponent : 0, job.bias, job.random.stream, first_row);
  if (integer) {
    const ConvolutionOperand a = operand(*job.a, job.a->data());
    const ConvolutionOperand b = operand(*job.b, job.weights != nullptr ? job.weights->codes(*job.b) : job.b->data());
    const std::int64_t max_bias = job.bias != nullptr ? job.bias->max_aligned() : 0;
    const SumType type =
        integer_sum_type(convolution_depth(job.product, job.shape), a.max_magnitude, b.max_magnitude, max_bias);
    integer_convolution(job.product, job.shape, a, b, type, &RoundingEpilogue::consume, &epilogue);
  } else {
    const float* b =
        job.weights != nullptr ? job.weights->values(*job.b, job.b_scale_exponent) : float_values(*job.b, b_values);
    float_convolution(job.product, job.shape, float_values(*job.a, a_values), b, &RoundingEpilogue::consume, &epilogue);
  }
  return epilogue.counts();
}

}  // namespace

void ConvolutionLayer::forward(const Tensor& input, Tensor& output, const Pass& pass) {
  const ConvolutionShape shape = shape_of(input);
  const Tensor& weight = weights_.weight_copy(pass);
  output.reset({shape.batch, shape.out_height(), shape.out_width(), shape.outputs},
               weights_.sum_format(preactivation_, input, weight, pass));
  const bool adds_bias = !(options_.bias_after_pool && pass.training);
  const RoundedConvolution job = {.product = ConvolutionProduct::forward,
                                  .shape = shape,
                                  .a = &input,
                                  .b = &weight,
                                  .weights = &weights_.workspace(),
                                  .b_scale_exponent = weights_.scale_exponent(pass),
                                  .bias = adds_bias ? weights_.prepare_bias(input, weight, pass) : nullptr,
                                  .random = pass.rounding(preactivation_, output)};
  pass.count(preactivation_, round_convolution(job, output, a_values_, b_values_));
}

std::optional<LayerProduct> ConvolutionLayer::product(const Tensor& input, const Pass& pass) {
  return LayerProduct{.name = weights_.node_name(), .weight = weights_.weight_copy(pass), .shape = shape_of(input)};
}

void ConvolutionLayer::backward(const Tensor& input, const Tensor& /*output*/, const Tensor& d_output, Tensor* d_input,
                                const Pass& pass) {
  const ConvolutionShape shape = shape_of(input);
  // First what needs the weights: the gradient takes the memory they are decoded in.
  if (d_input != nullptr) {
    d_input->reset(input.shape(), d_input_.current);
    const RoundedConvolution input_job = {.product = ConvolutionProduct::input_gradient,
                                          .shape = shape,
                                          .a = &d_output,
                                          .b = &weights_.weight_for_input_gradient(pass),
                                          .weights = &weights_.workspace(),
                                          .random = {.stream = pass.random(d_input_), .first_index = 0}};
    pass.count(d_input_, round_convolution(input_job, *d_input, a_values_, b_values_), options_.counts_d_input);
  }

  RoundingPoint& d_weight = *weights_.weight.gradient_point;
  Tensor& gradient = weights_.begin_gradient();
  const RoundedConvolution weight_job = {.product = ConvolutionProduct::weight_gradient,
                                         .shape = shape,
                                         .a = &d_output,
                                         .b = &input,
                                         .random = {.stream = pass.random(d_weight), .first_index = 0}};
  pass.count(d_weight, round_convolution(weight_job, gradient, a_values_, b_values_));
  if (!options_.bias_after_pool) weights_.round_bias_gradient(d_output, pass);
}

}  // namespace dyadic
