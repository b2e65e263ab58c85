#include "dyadic/nn/network.h"

#include <algorithm>
#include <utility>

#include "dyadic/base/error.h"
#include "dyadic/base/math.h"
#include "dyadic/kernels/elements.h"
#include "dyadic/nn/input_codes.h"
#include "dyadic/nn/layer_table.h"

namespace dyadic {
std::vector<std::string> node_names(const Recipe& recipe) {
  std::vector<std::string> names = {"input"};
  for (const LayerSpec& layer : recipe.network.layers) {
    if (!layer.name.empty()) names.push_back(layer.name);
  }
  return names;
}

Network::Network(const Recipe& recipe, int classes)
    : plan_(recipe.formats, node_names(recipe)),
      input_shape_(recipe.network.input),
      signed_pixels_(recipe.data.pixels == "signed"),
      has_moments_(recipe.train.optimizer == "adam"),
      has_momentum_(has_moments_ || recipe.train.momentum.start != 0 || recipe.train.momentum.end != 0) {
  LayerContext context = {.recipe = recipe, .plan = plan_, .shape = input_shape_};
  workspace_ = context.workspace;
  bool parameter_behind = false;
  for (std::unique_ptr<Layer>& layer : make_layers(context)) {
    vertices_.push_back({.input = static_cast<int>(vertices_.size()) - 1, .needs_d_input = parameter_behind});
    parameter_behind |= !layer->parameters().empty();
    vertices_.back().layer = std::move(layer);
  }
  if (!context.needs_activation || element_count(context.shape) != classes) {
    throw ShapeError("network: it must end in " + std::to_string(classes) +
                     " preactivations, one per class: a dense layer, or a convolution and its pools");
  }
  largest_tensor_ = context.largest;
  loss_ = make_loss(recipe.network, plan_, context.node, context.value(), !context.pools_before_activation);
}

std::vector<Parameter*> Network::parameters() {
  std::vector<Parameter*> all;
  for (Vertex& vertex : vertices_) {
    for (Parameter* parameter : vertex.layer->parameters()) all.push_back(parameter);
  }
  return all;
}

std::vector<LayerState*> Network::states() {
  std::vector<LayerState*> all;
  for (Vertex& vertex : vertices_) {
    for (LayerState* state : vertex.layer->states()) all.push_back(state);
  }
  return all;
}

std::int64_t Network::parameter_count() {
  std::int64_t count = 0;
  for (const Parameter* parameter : parameters()) count += parameter->master.size();
  return count;
}

namespace {

void compress(Parameter& parameter) {
  const bool is_weight = parameter.master.shape().size() > 1;
  if (is_weight && parameter.master.format().family == Family::discrete) parameter.master.compress();
}

constexpr std::int64_t kPiece = 8192;  // initial values at a time; whole blocks of every format

/// Element by element, in pieces, so that nothing of the size of a layer is kept beside the layer.
template <typename Value>
void fill(Tensor& tensor, const RandomStream& random, const Value& value) {
  std::vector<double> values(static_cast<std::size_t>(std::min(kPiece, tensor.size())));
  for (std::int64_t first = 0; first < tensor.size(); first += kPiece) {
    const std::int64_t n = std::min(kPiece, tensor.size() - first);
    for (std::int64_t i = 0; i < n; ++i) values[static_cast<std::size_t>(i)] = value(first + i);
    write_elements(values.data(), first, n, tensor.format(), random, tensor);
  }
}

double initial_value(const Parameter& parameter, const RandomStream& uniform, std::int64_t index) {
  const auto i = static_cast<std::uint64_t>(index);
  if (parameter.initial_deviation > 0) {
    return parameter.initial_deviation * inverse_normal((random_bits(uniform, i, 32) + 0.5) * 0x1p-32);
  }
  if (parameter.initial_limit > 0) return (2.0 * random_uniform(uniform, i) - 1.0) * parameter.initial_limit;
  return parameter.initial_value;
}

}  // namespace

void Network::initialise(std::uint64_t seed, bool keep_updates) {
  const auto zero = [](std::int64_t) { return 0.0; };
  for (Parameter* parameter : parameters()) {
    const std::uint32_t stream =
        stream_number(static_cast<std::uint32_t>(parameter->master_point->node),
                      static_cast<std::uint32_t>(Role::weight), RandomPurpose::initial_weights);
    const RandomStream uniform = {.seed = seed, .step = 0, .stream = stream};
    const Format& master = parameter->master_point->current;
    const Shape shape = parameter->master.shape();
    parameter->master.reset(shape, master);
    fill(parameter->master, {seed, 0, parameter->master_point->stream()},
         [&](std::int64_t i) { return initial_value(*parameter, uniform, i); });
    compress(*parameter);

    const Tensor old = std::exchange(parameter->update, Tensor());
    fit_update(*parameter);
    if (keep_updates && !old.empty() && !parameter->update.empty()) {
      requantize(old, {seed, 0, parameter->update_point->stream()}, parameter->update);
    }
    if (!has_moments_) continue;
    parameter->moment = Tensor(shape, parameter->moment_point->current);
    fill(parameter->moment, {}, zero);
  }
  for (LayerState* state : states()) {
    state->values.reset(state->values.shape(), state->point->current);
    fill(state->values, {}, [&](std::int64_t) { return state->initial_value; });
  }
}

void Network::fit_update(Parameter& parameter) const {
  const bool keeps = has_momentum_ || parameter.master_point->current.family != Family::discrete;
  if (!keeps) parameter.update = Tensor();
  if (!keeps || !parameter.update.empty()) return;
  parameter.update = Tensor(parameter.master.shape(), parameter.update_point->current);
  fill(parameter.update, {}, [](std::int64_t) { return 0.0; });
}

void Network::fit_updates() {
  for (Parameter* parameter : parameters()) fit_update(*parameter);
}

void Network::compress_weights() {
  for (Parameter* parameter : parameters()) compress(*parameter);
}

Tensor& Network::begin_input(std::int64_t count, std::int64_t values) {
  Shape shape = {count};
  shape.insert(shape.end(), input_shape_.begin(), input_shape_.end());
  input_.reset(shape, plan_.at(0, Role::input).current);
  if (values != input_.size()) {
    throw ShapeError("input: " + std::to_string(values) + " values for " + shape_text(input_.shape()));
  }
  return input_;
}

void Network::load_input(std::span<const std::uint8_t> pixels, std::int64_t count, const Pass& pass) {
  Tensor& input = begin_input(count, static_cast<std::int64_t>(pixels.size()));
  RoundingPoint& point = plan_.at(0, Role::input);
  count_input(round_pixels(pixels, signed_pixels_, input, pass.rounding(point, input)), pass);
}

void Network::load_input(std::span<const float> values, std::int64_t count, const Pass& pass) {
  Tensor& input = begin_input(count, static_cast<std::int64_t>(values.size()));
  RoundingPoint& point = plan_.at(0, Role::input);
  count_input(quantize(values.data(), input.size(), input.format(), input.data(), pass.rounding(point, input)), pass);
}

void Network::count_input(const RoundingCounts& counts, const Pass& pass) {
  if (counts.nonfinite > 0) pass.count(plan_.at(0, Role::input), counts);  // NaN in the data; it has no range to follow
}

std::int64_t Network::tensor_bytes() const {
  std::int64_t bytes = input_.bytes();
  for (const Vertex& vertex : vertices_) bytes += vertex.output.bytes() + vertex.d_output.bytes();
  return bytes;
}

std::int64_t Network::scratch_bytes() const {
  std::int64_t bytes = workspace_->bytes();
  for (const Vertex& vertex : vertices_) bytes += vertex.layer->scratch_bytes();
  return bytes;
}

void Network::forward_layers(const Pass& pass, const LayerObserver& observe) {
  for (Vertex& vertex : vertices_) {
    const Tensor& input = input_of(vertex);
    if (observe) observe(*vertex.layer, input);
    vertex.layer->forward(input, vertex.output, pass);
  }
}

BatchScore Network::forward(std::span<const std::uint8_t> targets, const Pass& pass) {
  forward_layers(pass);
  return loss_->forward(vertices_.back().output, targets, pass);
}

void Network::backward(std::span<const std::uint8_t> targets, const Pass& pass, const ParameterTaker& take) {
  loss_->backward(vertices_.back().output, targets, vertices_.back().d_output, pass);
  for (std::size_t i = vertices_.size(); i-- > 0;) {
    Vertex& vertex = vertices_[i];
    Tensor* d_input = vertex.needs_d_input && vertex.input >= 0
                          ? &vertices_[static_cast<std::size_t>(vertex.input)].d_output
                          : nullptr;
    vertex.layer->backward(input_of(vertex), vertex.output, vertex.d_output, d_input, pass);
    if (!take) continue;
    for (Parameter* parameter : vertex.layer->parameters()) {
      take(*parameter);
      workspace_->take_back(parameter->gradient);
    }
  }
}

}  // namespace dyadic
