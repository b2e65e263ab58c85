#include "dyadic/nn/layer_table.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "dyadic/base/error.h"
#include "dyadic/experiment/layer_shape.h"
#include "dyadic/nn/activation.h"
#include "dyadic/nn/batch_norm.h"
#include "dyadic/nn/convolution.h"
#include "dyadic/nn/dense.h"
#include "dyadic/nn/dropout.h"
#include "dyadic/nn/flatten.h"
#include "dyadic/nn/multi_step.h"
#include "dyadic/nn/pool.h"
#include "dyadic/nn/pooled_bias.h"

namespace dyadic {
namespace {

using Layers = std::vector<std::unique_ptr<Layer>>;

/// Layers that give a node another tensor in the role of the one before.
bool makes_tensor(const LayerSpec& layer) {
  const LayerKind kind = layer_kind(layer);
  return kind == LayerKind::mask || kind == LayerKind::selecting_pool || kind == LayerKind::averaging_pool;
}

/// A node without an activation gets the identity before such layers.
bool ends_preactivations(const LayerSpec& layer) {
  const LayerKind kind = layer_kind(layer);
  return kind == LayerKind::weights || kind == LayerKind::mask;
}

/// True if the tensor made by the layer before `index` is the node's last one: what the next node reads.
bool is_last_of_node(const LayerContext& context, std::size_t index) {
  const auto& layers = context.recipe.network.layers;
  for (; index < layers.size() && !has_weights(layers[index]); ++index) {
    if (makes_tensor(layers[index])) return false;
  }
  return true;
}

/// True if a mask is the last thing between the node before and layer `index`.
bool follows_mask(const LayerContext& context, std::size_t index) {
  const auto& layers = context.recipe.network.layers;
  while (index > 0 && layer_kind(layers[index - 1]) == LayerKind::view) --index;
  return index > 0 && layer_kind(layers[index - 1]) == LayerKind::mask;
}

WeightOptions weight_options(const LayerSpec& spec, const LayerContext& context, Shape shape, std::int64_t fan_in,
                             std::int64_t fan_out) {
  WeightOptions options = {.name = spec.name,
                           .shape = std::move(shape),
                           .max_norm = spec.max_column_norm,
                           .norm_over_outputs = spec.type == "conv2d" && spec.max_norm_axis == "output",
                           .learning_rate_scale = spec.learning_rate_scale,
                           .weight_decay = spec.weight_decay,
                           .test_scale = spec.test_scale,
                           .has_bias = spec.bias != "none",
                           .input_gradient_from_master = context.recipe.network.input_gradient == "master",
                           .workspace = context.workspace};
  // Glorot and Bengio 2010; outputs count all pieces.
  if (spec.init == "glorot_uniform") options.initial_limit = std::sqrt(6.0 / static_cast<double>(fan_in + fan_out));
  if (spec.init == "uniform") options.initial_limit = spec.init_limit;
  if (spec.init == "normal") options.initial_deviation = spec.init_deviation;
  return options;
}

void begin_node(const LayerSpec& spec, LayerContext& context) {
  ++context.node;
  context.node_spec = &spec;
  context.needs_activation = true;
  context.pools_before_activation = false;
  context.normalized = false;
}

void add_dense(const LayerSpec& spec, LayerContext& context, Layers& layers) {
  const std::int64_t inputs = element_count(context.shape);
  const WeightOptions options = weight_options(spec, context, {spec.units, inputs}, inputs, spec.units);
  const int input_node = context.node;
  begin_node(spec, context);
  layers.push_back(std::make_unique<DenseLayer>(context.plan, context.node, input_node, options,
                                                !follows_mask(context, context.index)));
}

void add_convolution(const LayerSpec& spec, LayerContext& context, Layers& layers) {
  const ConvolutionShape shape = convolution_shape(spec, 1, context.shape);
  const std::int64_t depth = shape.channels / shape.groups;
  const std::int64_t window = shape.kernel_h * shape.kernel_w;
  const WeightOptions options = weight_options(spec, context, {shape.outputs, shape.kernel_h, shape.kernel_w, depth},
                                               window * depth, window * shape.outputs);
  const int input_node = context.node;
  begin_node(spec, context);
  const bool bias_waits = spec.bias == "after_pool";
  auto layer = std::make_unique<ConvolutionLayer>(
      context.plan, context.node, input_node, shape, options,
      ConvolutionOptions{.bias_after_pool = bias_waits, .counts_d_input = !follows_mask(context, context.index)});
  if (bias_waits) context.waiting_bias = &layer->weights();
  layers.push_back(std::move(layer));
}

/// `values_before`: of z per example, where the node's bias is added after pooling; else 0.
void add_activation(Selection selection, std::int64_t pieces, LayerContext& context, Layers& layers,
                    std::size_t next_index) {
  const NetworkSpec& network = context.recipe.network;
  layers.push_back(std::make_unique<ActivationLayer>(
      context.plan, context.node,
      ActivationOptions{
          .reads = context.value(),
          .selection = selection,
          .pieces = pieces,
          .ties = network.ties == "first" ? Ties::first : Ties::all,
          .clipped = network.straight_through == "clipped",
          .values_before = context.values_before_bias,
          .counted = {.output = is_last_of_node(context, next_index), .d_input = !context.pools_before_activation}}));
  context.needs_activation = false;
  context.values_before_bias = 0;
}

void add_maxout(const LayerSpec& spec, LayerContext& context, Layers& layers) {
  add_activation(Selection::maxout, spec.pieces, context, layers, context.index + 1);
}

void add_relu(const LayerSpec&, LayerContext& context, Layers& layers) {
  add_activation(Selection::relu, 1, context, layers, context.index + 1);
}

void add_multi_step(const LayerSpec& spec, LayerContext& context, Layers& layers) {
  layers.push_back(std::make_unique<MultiStepLayer>(
      context.plan, context.node, context.value(),
      MultiStepOptions{
          .threshold = spec.threshold, .triangular = spec.window == "triangular", .half_width = spec.half_width},
      Counted{.output = is_last_of_node(context, context.index + 1), .d_input = !context.pools_before_activation}));
  context.needs_activation = false;
}

void add_batch_norm(const LayerSpec& spec, LayerContext& context, Layers& layers) {
  layers.push_back(
      std::make_unique<BatchNormLayer>(context.plan, context.node,
                                       BatchNormOptions{.name = context.node_spec->name,
                                                        .channels = context.shape.back(),
                                                        .epsilon = spec.epsilon,
                                                        .average = spec.average,
                                                        .learning_rate_scale = context.node_spec->learning_rate_scale,
                                                        .counts_d_input = !context.pools_before_activation}));
  context.normalized = true;
  context.pools_before_activation = false;  // of the normalised values
}

void add_dropout(const LayerSpec& spec, LayerContext& context, Layers& layers) {
  const bool last = is_last_of_node(context, context.index + 1);
  layers.push_back(std::make_unique<DropoutLayer>(context.plan, context.node,
                                                  context.node == 0 ? Role::input : Role::activation, spec.keep,
                                                  Counted{.output = last, .d_input = last}));
}

void add_flatten(const LayerSpec&, LayerContext&, Layers& layers) {
  layers.push_back(std::make_unique<FlattenLayer>());
}

void add_max_pool(const LayerSpec& spec, LayerContext& context, Layers& layers) {
  const bool before = context.needs_activation;
  const PoolShape shape = pool_shape(spec, 1, context.shape);
  layers.push_back(
      std::make_unique<MaxPoolLayer>(context.plan.points_of(context.node, context.value()), shape,
                                     context.recipe.network.ties == "first" ? Ties::first : Ties::all,
                                     Counted{.output = !before && is_last_of_node(context, context.index + 1),
                                             .d_input = before && !context.pools_before_activation}));
  context.pools_before_activation |= before;
  if (context.waiting_bias == nullptr) return;
  context.values_before_bias = element_count(context.shape);
  layers.push_back(
      std::make_unique<PooledBiasLayer>(context.plan, context.node, *context.waiting_bias, context.values_before_bias));
  context.waiting_bias = nullptr;
}

void add_average_pool(const LayerSpec& spec, LayerContext& context, Layers& layers) {
  const bool before = context.needs_activation;
  layers.push_back(std::make_unique<AveragePoolLayer>(
      context.plan.points_of(context.node, context.value()), pool_shape(spec, 1, context.shape),
      Counted{.output = !before && is_last_of_node(context, context.index + 1),
              .d_input = before && !context.pools_before_activation}));
  context.pools_before_activation |= before;
}

struct Row {
  std::string_view type;
  void (*add)(const LayerSpec& spec, LayerContext& context, Layers& layers);
};

constexpr Row kRows[] = {
    {"dense", add_dense},
    {"conv2d", add_convolution},
    {"dropout", add_dropout},
    {"maxout", add_maxout},
    {"relu", add_relu},
    {"batch_norm", add_batch_norm},
    {"multi_step", add_multi_step},
    {"max_pool", add_max_pool},
    {"average_pool", add_average_pool},
    {"global_average_pool", add_average_pool},
    {"flatten", add_flatten},
};

}  // namespace

std::vector<std::unique_ptr<Layer>> make_layers(LayerContext& context) {
  Layers layers;
  const std::vector<LayerSpec>& specs = context.recipe.network.layers;
  for (context.index = 0; context.index < specs.size(); ++context.index) {
    const LayerSpec& spec = specs[context.index];
    const auto* row = std::ranges::find(kRows, spec.type, &Row::type);
    if (row == std::end(kRows)) throw UsageError("network: unknown layer type '" + spec.type + "'");
    if (context.needs_activation && ends_preactivations(spec)) {
      add_activation(Selection::maxout, 1, context, layers, context.index);
    }
    const Shape output = layer_output_shape(spec, context.shape);
    row->add(spec, context, layers);
    context.shape = output;
    context.largest = std::max({context.largest, element_count(output), element_count(context.recipe.network.input)});
  }
  return layers;
}

}  // namespace dyadic
