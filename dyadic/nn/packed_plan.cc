#include "dyadic/nn/packed_plan.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "dyadic/base/error.h"
#include "dyadic/experiment/layer_shape.h"
#include "dyadic/nn/score_table.h"
#include "dyadic/nn/weights.h"

namespace dyadic {
namespace {

constexpr std::int64_t kMostIntervals = 256;  // z8

/// Layer types that integers cannot stand for, and why.
struct Refusal {
  std::string_view type, reason;
};

constexpr Refusal kRefusals[] = {
    {"dropout", "masks belong to training; train without them"},
    {"maxout", "only multi_step gives states"},
    {"relu", "only multi_step gives states"},
    {"average_pool", "averages are rounded"},
    {"global_average_pool", "averages are rounded"},
};

/// The walk over the recipe's layers.
struct Walk {
  const Recipe& recipe;
  std::size_t index = 0;  // of the layer
  Shape shape;            // of what it reads, per example
  Format reads;           // of the last states
  std::vector<PackedNode> nodes;

  [[nodiscard]] const LayerSpec& layer() const { return recipe.network.layers[index]; }
  [[nodiscard]] const Format& format(Role role) const { return recipe.formats.at(nodes.back().name, role); }
  /// The last node still has sums and no states.
  [[nodiscard]] bool has_sums() const { return !nodes.empty() && !nodes.back().steps; }

  [[noreturn]] void refuse(const std::string& reason) const {
    const LayerSpec& at = layer();
    const std::string name = at.name.empty() ? (nodes.empty() ? "input" : nodes.back().name) : at.name;
    throw UsageError("layer " + name + " (network.layers[" + std::to_string(index) + "], " + at.type +
                     ") cannot be packed: " + reason);
  }

  void want(bool condition, const std::string& reason) const {
    if (!condition) refuse(reason);
  }
};

bool is_state_format(const Format& format) {
  return format.family == Family::discrete && format.is_dyadic_grid() && format.max_code <= kMostIntervals;
}

bool is_deterministic(const Format& format) { return random_bits_per_element(format.rounding) == 0; }

void add_node(Walk& walk) {
  const LayerSpec& layer = walk.layer();
  walk.want(!walk.has_sums(), "the node before has no multi_step");
  walk.nodes.push_back({.name = layer.name, .is_convolution = layer.type == "conv2d", .reads = walk.reads});
  PackedNode& node = walk.nodes.back();
  node.weight = walk.format(Role::weight);
  walk.want(is_state_format(node.weight), "its weights are " + format_name(node.weight) +
                                              ", which is none of the spaces z0 to z8 with a power of two as limit");
  walk.want(is_deterministic(node.weight) || walk.format(Role::weight_master) == node.weight,
            "its weights are drawn anew in every pass (" + format_name(node.weight) + ")");
  walk.want(walk.format(Role::preactivation).family == Family::exact,
            "its sums are rounded to " + format_name(walk.format(Role::preactivation)) +
                "; formats.preactivation = \"exact\" keeps them");
  walk.want(layer.test_scale == 1, "it has a test_scale");
  if (node.is_convolution) {
    node.shape = convolution_shape(layer, 1, walk.shape);
    node.weight_shape = {node.shape.outputs, node.shape.kernel_h, node.shape.kernel_w, node.shape.group_channels()};
  } else {
    const std::int64_t inputs = element_count(walk.shape);
    node.shape = {.batch = 1, .height = 1, .width = 1, .channels = inputs, .outputs = layer.units};
    node.weight_shape = {layer.units, inputs};
  }
  const std::int64_t depth = convolution_depth(ConvolutionProduct::forward, node.shape);
  node.sums = exact_sum_format(layer.name, depth, node.reads, node.weight, 0);
  node.largest = depth * node.reads.max_magnitude() * node.weight.max_magnitude();
}

void add_pool(Walk& walk) {
  walk.want(!walk.nodes.empty(), "pools of the input are not supported");
  PackedNode& node = walk.nodes.back();
  walk.want(!walk.has_sums() || !node.norm, "a pool comes before batch_norm or after multi_step");
  (walk.has_sums() ? node.sum_pools : node.state_pools).push_back(pool_shape(walk.layer(), 1, walk.shape));
}

void add_norm(Walk& walk) {
  walk.want(walk.has_sums(), "there are no sums to normalise");
  PackedNode& node = walk.nodes.back();
  node.norm = walk.index;
  node.normalized = walk.format(Role::normalized);
  const std::string name = format_name(node.normalized);
  walk.want(is_deterministic(node.normalized), "what it gives is rounded at random (" + name + ")");
  walk.want(node.normalized.family != Family::dynamic_fixed, "the range of what it gives moves (" + name + ")");
  // Thresholds need a function that is monotone.
  walk.want(node.normalized.overflow != Overflow::wrap, "what it gives wraps (" + name + ")");
}

void add_steps(Walk& walk) {
  walk.want(walk.has_sums(), "there are no sums before it");
  PackedNode& node = walk.nodes.back();
  node.steps = walk.index;
  node.activation = walk.format(Role::activation);
  walk.want(is_state_format(node.activation),
            "its states are " + format_name(node.activation) +
                ", which is none of the spaces z0 to z8 with a power of two as limit");
  walk.reads = node.activation;
}

void add_view(Walk& walk) { walk.want(!walk.has_sums(), "flatten comes after multi_step"); }

struct PackedRow {
  std::string_view type;
  void (*add)(Walk& walk);
};

constexpr PackedRow kPackedRows[] = {{"dense", add_node},      {"conv2d", add_node},      {"max_pool", add_pool},
                                     {"batch_norm", add_norm}, {"multi_step", add_steps}, {"flatten", add_view}};

void check_input(const Recipe& recipe) {
  const Format& input = recipe.formats.at("input", Role::input);
  const std::string where = "layer input cannot be packed: its format " + format_name(input);
  if (!input.is_dyadic_grid()) throw UsageError(where + " is no integer code, as q1.7 and uq0.8 are");
  if (!is_deterministic(input)) throw UsageError(where + " is rounded at random");
}

}  // namespace

Recipe recipe_of_stage(const Recipe& recipe, std::size_t stage) {
  Recipe result = recipe;
  result.formats = recipe.formats_of_stage(stage);
  result.train.stages.clear();
  return result;
}

std::vector<PackedNode> packed_plan(const Recipe& recipe) {
  check_input(recipe);
  Walk walk = {
      .recipe = recipe, .shape = recipe.network.input, .reads = recipe.formats.at("input", Role::input), .nodes = {}};
  for (; walk.index < recipe.network.layers.size(); ++walk.index) {
    const std::string& type = walk.layer().type;
    const auto* refusal = std::ranges::find(kRefusals, type, &Refusal::type);
    if (refusal != std::end(kRefusals)) walk.refuse(std::string(refusal->reason));
    const auto* row = std::ranges::find(kPackedRows, type, &PackedRow::type);
    if (row == std::end(kPackedRows)) walk.refuse("a layer of this type has no integer form");
    row->add(walk);
    walk.shape = layer_output_shape(walk.layer(), walk.shape);
    if (walk.has_sums()) walk.nodes.back().sums_shape = walk.shape;
  }
  walk.index = recipe.network.layers.size() - 1;
  walk.want(walk.has_sums(), "the network must end in a dense layer or convolution and its batch_norm");
  // Probabilities are rounded before they are compared; the scores of a hinge are compared as they are.
  walk.want(recipe.network.loss == "squared_hinge",
            "network.loss = \"" + recipe.network.loss + "\" compares rounded numbers; squared_hinge can be packed");
  const PackedNode& output = walk.nodes.back();
  const std::int64_t sums = 2 * output.largest + 1;
  walk.want(sums <= kMostScores / output.channels(), "its table of " + std::to_string(output.channels()) + " x " +
                                                         std::to_string(sums) + " scores would be more than " +
                                                         std::to_string(kMostScores));
  return walk.nodes;
}

}  // namespace dyadic
