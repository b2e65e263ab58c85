#include "dyadic/nn/batch_norm.h"

#include "dyadic/kernels/decode.h"

namespace dyadic {
namespace {

std::vector<double> values_of(const Tensor& tensor) {
  std::vector<double> values(static_cast<std::size_t>(tensor.size()));
  decode_values(tensor.data(), tensor.format(), 0, tensor.size(), values.data());
  return values;
}

}  // namespace

ChannelNorm running_norm(const Tensor& mean, const Tensor& variance, const Tensor& scale, const Tensor& bias,
                         double epsilon) {
  return channel_norm({values_of(mean), values_of(variance)}, epsilon, values_of(scale), values_of(bias));
}

BatchNormLayer::BatchNormLayer(NumberPlan& plan, int node, const BatchNormOptions& options)
    : normalized_(plan.at(node, Role::normalized)),
      d_preactivation_(plan.at(node, Role::d_preactivation)),
      options_(options),
      scale_(make_parameter(plan, node, options.name, ParameterKind::scale)),
      bias_(make_parameter(plan, node, options.name, ParameterKind::bias)),
      mean_{.name = options.name + ".mean", .point = &plan.at(node, Role::statistics)},
      variance_{.name = options.name + ".variance", .point = &plan.at(node, Role::statistics), .initial_value = 1} {
  scale_.initial_value = 1;
  scale_.learning_rate_scale = bias_.learning_rate_scale = options.learning_rate_scale;
  scale_.master.reset({options.channels}, scale_.master_point->current);
  bias_.master.reset({options.channels}, bias_.master_point->current);
  mean_.values.reset({options.channels}, mean_.point->current);
  variance_.values.reset({options.channels}, variance_.point->current);
}

void BatchNormLayer::move_averages(const ChannelStatistics& batch, const Pass& pass) {
  // Both have one role: the variances' random bits go on after the means'.
  std::uint64_t first = 0;
  const auto move = [&](LayerState& state, const std::vector<double>& towards) {
    std::vector<double> values = values_of(state.values);
    for (std::size_t j = 0; j < values.size(); ++j) {
      values[j] = (1.0 - options_.average) * values[j] + options_.average * towards[j];
    }
    state.values.set_format(state.point->current);
    pass.count(*state.point, quantize(values.data(), state.values.size(), state.point->current, state.values.data(),
                                      {.stream = pass.random(*state.point), .first_index = first}));
    first += values.size();
  };
  move(mean_, batch.mean);
  move(variance_, batch.variance);
}

void BatchNormLayer::forward(const Tensor& input, Tensor& output, const Pass& pass) {
  output.reset(input.shape(), normalized_.current);
  const RoundingRandom random = pass.rounding(normalized_, output);
  if (!pass.training) {
    const ChannelNorm norm =
        running_norm(mean_.values, variance_.values, scale_.master, bias_.master, options_.epsilon);
    pass.count(normalized_, normalise_channels(input, norm, output, random));
    return;
  }
  const ChannelStatistics batch = channel_statistics(input);
  batch_norm_ = channel_norm(batch, options_.epsilon, values_of(scale_.master), values_of(bias_.master));
  pass.count(normalized_, normalise_channels(input, batch_norm_, output, random));
  move_averages(batch, pass);
}

void BatchNormLayer::round_gradient(Parameter& parameter, const std::vector<double>& sums, const Pass& pass) const {
  RoundingPoint& point = *parameter.gradient_point;
  parameter.gradient.reset({options_.channels}, point.current);
  pass.count(point, quantize(sums.data(), parameter.gradient.size(), point.current, parameter.gradient.data(),
                             {.stream = pass.random(point), .first_index = 0}));
}

void BatchNormLayer::backward(const Tensor& input, const Tensor& /*output*/, const Tensor& d_output, Tensor* d_input,
                              const Pass& pass) {
  const ChannelGradients gradients = channel_gradients(input, d_output, batch_norm_);
  round_gradient(scale_, gradients.scale, pass);
  round_gradient(bias_, gradients.bias, pass);
  if (d_input == nullptr) return;
  d_input->reset(input.shape(), d_preactivation_.current);
  pass.count(d_preactivation_,
             normalise_channels_backward(input, d_output, batch_norm_, gradients, *d_input,
                                         {.stream = pass.random(d_preactivation_), .first_index = 0}),
             options_.counts_d_input);
}

}  // namespace dyadic
