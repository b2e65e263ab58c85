#include "dyadic/nn/network.h"

#include <algorithm>

#include "dyadic/base/error.h"
#include "dyadic/base/math.h"
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
      has_moments_(recipe.train.optimizer == "adam") {
  LayerContext context = {.recipe = recipe, .plan = plan_, .shape = input_shape_};
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

void Network::initialise(std::uint64_t seed, bool keep_updates) {
  std::vector<double> values;
  for (Parameter* parameter : parameters()) {
    const std::uint32_t stream =
        stream_number(static_cast<std::uint32_t>(parameter->master_point->node),
                      static_cast<std::uint32_t>(Role::weight), RandomPurpose::initial_weights);
    const RandomStream uniform = {.seed = seed, .step = 0, .stream = stream};
    const auto n = static_cast<std::size_t>(parameter->master.size());
    values.assign(n, parameter->initial_value);
    for (std::size_t i = 0; parameter->initial_limit > 0 && i < n; ++i) {
      values[i] = (2.0 * random_uniform(uniform, i) - 1.0) * parameter->initial_limit;
    }
    for (std::size_t i = 0; parameter->initial_deviation > 0 && i < n; ++i) {
      const double p = (random_bits(uniform, i, 32) + 0.5) * 0x1p-32;
      values[i] = parameter->initial_deviation * inverse_normal(p);
    }
    const Format& master = parameter->master_point->current;
    const Shape shape = parameter->master.shape();
    parameter->master.reset(shape, master);
    quantize(values.data(), parameter->master.size(), master, parameter->master.data(),
             {.stream = {seed, 0, parameter->master_point->stream()}});

    const Format& update = parameter->update_point->current;
    Tensor old = std::move(parameter->update);
    parameter->update = Tensor(shape, update);
    if (keep_updates && !old.empty()) {
      requantize(old.data(), old.format(), old.size(), update, parameter->update.data(),
                 {.stream = {seed, 0, parameter->update_point->stream()}});
    } else {
      values.assign(n, 0.0);
      quantize(values.data(), parameter->update.size(), update, parameter->update.data(), {});
    }
    if (!has_moments_) continue;
    parameter->moment = Tensor(shape, parameter->moment_point->current);
    values.assign(n, 0.0);
    quantize(values.data(), parameter->moment.size(), parameter->moment.format(), parameter->moment.data(), {});
  }
  for (LayerState* state : states()) {
    values.assign(static_cast<std::size_t>(state->values.size()), state->initial_value);
    state->values.reset(state->values.shape(), state->point->current);
    quantize(values.data(), state->values.size(), state->values.format(), state->values.data(), {});
  }
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
  std::int64_t bytes = 0;
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

void Network::backward(std::span<const std::uint8_t> targets, const Pass& pass) {
  loss_->backward(vertices_.back().output, targets, vertices_.back().d_output, pass);
  for (std::size_t i = vertices_.size(); i-- > 0;) {
    Vertex& vertex = vertices_[i];
    Tensor* d_input = vertex.needs_d_input && vertex.input >= 0
                          ? &vertices_[static_cast<std::size_t>(vertex.input)].d_output
                          : nullptr;
    vertex.layer->backward(input_of(vertex), vertex.output, vertex.d_output, d_input, pass);
  }
}

}  // namespace dyadic
