#include "dyadic/nn/network.h"

#include <cmath>

#include "dyadic/base/error.h"
#include "dyadic/nn/dense.h"
#include "dyadic/nn/dropout.h"
#include "dyadic/nn/maxout.h"

namespace dyadic {
namespace {

double initial_limit(const LayerSpec& spec, std::int64_t inputs) {
  if (spec.init == "zero") return 0;
  return std::sqrt(6.0 / static_cast<double>(inputs + spec.units));  // Glorot and Bengio 2010; units count all pieces
}

/// State of the walk over a recipe's layers.
struct Builder {
  const Recipe& recipe;
  NumberPlan& plan;
  int node = 0;                   // ordinal of the last named node
  std::int64_t features = 0;      // columns that the next layer reads
  bool needs_activation = false;  // the last node has a preactivation but no activation yet
};

std::unique_ptr<Layer> make_dense(const LayerSpec& spec, Builder& builder) {
  const int input_node = builder.node++;
  auto layer = std::make_unique<DenseLayer>(
      builder.plan, builder.node, input_node,
      DenseOptions{.name = spec.name,
                   .inputs = builder.features,
                   .units = spec.units,
                   .initial_limit = initial_limit(spec, builder.features),
                   .max_column_norm = spec.max_column_norm,
                   .learning_rate_scale = spec.learning_rate_scale,
                   .test_scale = spec.test_scale,
                   .input_gradient_from_master = builder.recipe.network.input_gradient == "master"});
  builder.features = spec.units;
  builder.needs_activation = true;
  return layer;
}

std::unique_ptr<Layer> make_activation(std::int64_t pieces, bool counts_output, Builder& builder) {
  if (builder.features % pieces != 0) {
    throw ShapeError("maxout: " + std::to_string(pieces) + " pieces do not divide " + std::to_string(builder.features) +
                     " units");
  }
  builder.features /= pieces;
  builder.needs_activation = false;
  const NetworkSpec& network = builder.recipe.network;
  return std::make_unique<MaxoutLayer>(builder.plan, builder.node,
                                       MaxoutOptions{.pieces = pieces,
                                                     .ties = network.ties == "first" ? Ties::first : Ties::all,
                                                     .clipped = network.straight_through == "clipped",
                                                     .counts_output = counts_output});
}

}  // namespace

std::vector<std::string> node_names(const Recipe& recipe) {
  std::vector<std::string> names = {"input"};
  for (const LayerSpec& layer : recipe.network.layers) {
    if (!layer.name.empty()) names.push_back(layer.name);
  }
  return names;
}

Network::Network(const Recipe& recipe, int classes) : plan_(recipe.formats, node_names(recipe)) {
  Builder builder = {.recipe = recipe, .plan = plan_, .features = element_count(recipe.network.input)};
  features_ = builder.features;
  const std::vector<LayerSpec>& layers = recipe.network.layers;
  bool parameter_behind = false;
  const auto add = [&](std::unique_ptr<Layer> layer) {
    vertices_.push_back({.layer = std::move(layer),
                         .input = static_cast<int>(vertices_.size()) - 1,
                         .needs_d_input = parameter_behind});
  };
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const LayerSpec& spec = layers[i];
    const bool mask_follows = i + 1 < layers.size() && layers[i + 1].type == "dropout";
    if (spec.type != "maxout" && builder.needs_activation) add(make_activation(1, spec.type != "dropout", builder));
    if (spec.type == "dense") {
      add(make_dense(spec, builder));
      parameter_behind = true;
    } else if (spec.type == "maxout") {
      add(make_activation(spec.pieces, !mask_follows, builder));
    } else if (spec.type == "dropout") {
      add(std::make_unique<DropoutLayer>(plan_, builder.node, builder.node == 0 ? Role::input : Role::activation,
                                         spec.keep));
    } else {
      throw UsageError("network: unknown layer type '" + spec.type + "'");
    }
  }
  if (!builder.needs_activation || builder.features != classes) {
    throw ShapeError("network: the last layer must be dense with " + std::to_string(classes) + " units, one per class");
  }
  loss_ = std::make_unique<SoftmaxNll>(plan_, builder.node, recipe.network.loss_scale == "classes");
}

std::vector<Parameter*> Network::parameters() {
  std::vector<Parameter*> all;
  for (Vertex& vertex : vertices_) {
    for (Parameter* parameter : vertex.layer->parameters()) all.push_back(parameter);
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
    values.assign(n, 0.0);
    for (std::size_t i = 0; parameter->initial_limit > 0 && i < n; ++i) {
      values[i] = (2.0 * random_uniform(uniform, i) - 1.0) * parameter->initial_limit;
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
  }
}

void Network::load_input(std::span<const std::uint8_t> pixels, std::int64_t count, const Pass& pass) {
  RoundingPoint& point = plan_.at(0, Role::input);
  input_.reset({count, features_}, point.current);
  if (static_cast<std::int64_t>(pixels.size()) != input_.size()) {
    throw ShapeError("input: " + std::to_string(pixels.size()) + " bytes for " + shape_text(input_.shape()));
  }
  const Format& format = point.current;
  if (format.family == Family::fixed && format.min_code == 0 && format.max_code == 255 && format.step_exponent == -8) {
    std::copy(pixels.begin(), pixels.end(), input_.codes<std::uint8_t>().begin());  // uq0.8: the byte is the code
    return;
  }
  std::vector<float> values(pixels.size());
  for (std::size_t i = 0; i < pixels.size(); ++i) values[i] = static_cast<float>(pixels[i]) * 0x1p-8F;
  const RoundingRandom random = {pass.random(point), static_cast<std::uint64_t>(pass.first_example * features_)};
  quantize(values.data(), input_.size(), format, input_.data(), random);
}

BatchScore Network::forward(std::span<const std::uint8_t> targets, const Pass& pass) {
  for (Vertex& vertex : vertices_) vertex.layer->forward(input_of(vertex), vertex.output, pass);
  return loss_->forward(vertices_.back().output, targets, pass);
}

void Network::backward(std::span<const std::uint8_t> targets, const Pass& pass) {
  loss_->backward(targets, vertices_.back().d_output, pass);
  for (std::size_t i = vertices_.size(); i-- > 0;) {
    Vertex& vertex = vertices_[i];
    Tensor* d_input = vertex.needs_d_input && vertex.input >= 0
                          ? &vertices_[static_cast<std::size_t>(vertex.input)].d_output
                          : nullptr;
    vertex.layer->backward(input_of(vertex), vertex.output, vertex.d_output, d_input, pass);
  }
}

}  // namespace dyadic
