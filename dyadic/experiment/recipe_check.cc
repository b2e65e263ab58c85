// What the keys of a recipe mean together: shapes that meet, names that are one, formats that can share a range.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <utility>

#include "dyadic/base/checked.h"
#include "dyadic/base/error.h"
#include "dyadic/base/nearest_name.h"
#include "dyadic/data/dataset.h"
#include "dyadic/experiment/layer_shape.h"
#include "dyadic/experiment/name_match.h"
#include "dyadic/experiment/recipe_read.h"
#include "dyadic/experiment/toml_tree.h"

namespace dyadic {
namespace {

constexpr std::int64_t kMaxWeights = std::int64_t{1} << 31;

std::string layer_key(std::size_t index) { return fmt::format("network.layers[{}]", index); }

void check_name(const LayerSpec& layer, const std::string& key, const RecipeOrigins& origins,
                std::set<std::string>& names) {
  const std::string where = origins.at(key + ".name") + ": \"" + key + ".name\"";
  const auto valid = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  if (layer.name.empty() || layer.name.size() > 64 || !std::ranges::all_of(layer.name, valid)) {
    throw UsageError(where + " is " + toml_string(layer.name) + "; a name is 1 to 64 letters, digits and _");
  }
  if (layer.name == "input") throw UsageError(where + " is \"input\", which names the network's input; choose another");
  if (!names.insert(layer.name).second) {
    throw UsageError(where + " is " + toml_string(layer.name) + ", which an earlier layer has; names are unique");
  }
}

/// "network.layers[1]" (conv2d c1)
std::string layer_text(const LayerSpec& layer, std::size_t index) {
  return fmt::format("\"{}\" ({}{}{})", layer_key(index), layer.type, layer.name.empty() ? "" : " ", layer.name);
}

Shape check_layer(const std::vector<LayerSpec>& layers, std::size_t index, const Shape& input,
                  const RecipeOrigins& origins) {
  const LayerSpec& layer = layers[index];
  const std::string key = layer_key(index);
  Shape output;
  try {
    output = layer_output_shape(layer, input);
  } catch (const ShapeError& error) {
    // The units before a maxout are what its pieces have to divide: that key is where the mistake is.
    const std::string& where = layer.type == "maxout" ? origins.at(key + ".pieces") : origins.at(key);
    throw ShapeError(fmt::format("{}: {} cannot follow {}, which gives {}: {}", where, layer_text(layer, index),
                                 index == 0 ? "the input" : layer_text(layers[index - 1], index - 1), shape_text(input),
                                 error.what()));
  }
  if (has_weights(layer)) {
    const std::int64_t inputs = layer.type == "dense" ? element_count(input)
                                                      : checked_multiply(layer.kernel.height() * layer.kernel.width(),
                                                                         input.back() / layer.groups, "conv2d layer");
    if (checked_multiply(output.back(), inputs, "weights") > kMaxWeights) {
      throw ShapeError(
          fmt::format("{}: \"{}\": {} x {} weights are more than 2^31", origins.at(key), key, output.back(), inputs));
    }
  }
  if (layer.bias == "after_pool" && (index + 1 == layers.size() || layers[index + 1].type != "max_pool")) {
    throw UsageError(
        fmt::format("{}: \"{}.bias\" is \"after_pool\", so a max_pool must come next", origins.at(key + ".bias"), key));
  }
  return output;
}

/// The layer with weights that layer `index` belongs to.
const LayerSpec* node_of(const std::vector<LayerSpec>& layers, std::size_t index) {
  while (index > 0 && !has_weights(layers[index])) --index;
  return has_weights(layers[index]) ? &layers[index] : nullptr;
}

void check_batch_norm(const Recipe& recipe, std::size_t index, const Shape& input, const RecipeOrigins& origins) {
  const auto& layers = recipe.network.layers;
  const std::string where = origins.at(layer_key(index)) + ": " + layer_text(layers[index], index);
  const LayerSpec& node = *node_of(layers, index);
  for (std::size_t i = index; i-- > 0 && &layers[i] != &node;) {
    if (layers[i].type == "batch_norm") throw UsageError(where + " is the second one of node " + node.name);
  }
  if (node.bias != "none") {
    throw UsageError(fmt::format("{} has a bias of its own: give {} {} bias = \"none\"", where, node.type, node.name));
  }
  if (recipe.train.batch * element_count(input) == input.back()) {
    throw UsageError(where +
                     " has one value of each channel in a batch, whose variance is zero; make train.batch larger");
  }
}

void check_network(const Recipe& recipe, const RecipeOrigins& origins) {
  const auto& layers = recipe.network.layers;
  const std::string& where = origins.at("network.layers");
  const DataSetRow& data = data_set_row(recipe.data.name);
  const std::int64_t example_size = element_count(data.shape);
  const Shape& input = recipe.network.input;
  std::int64_t features = input.empty() ? 0 : 1;
  for (const std::int64_t extent : input) {  // as far as it matters, without overflow
    features = std::min(features * std::min(extent, example_size + 1), example_size + 1);
  }
  if (features != example_size) {
    throw ShapeError(fmt::format("{}: \"network.input\" is {}, but an example of data set \"{}\" has {} values",
                                 origins.at("network.input"), shape_text(input), recipe.data.name, example_size));
  }
  // Layers that look at places would take any three extents for height, width and channels.
  if (input.size() == 3 && input != data.shape) {
    throw ShapeError(fmt::format("{}: \"network.input\" is {}, but an example of data set \"{}\" is {}",
                                 origins.at("network.input"), shape_text(input), recipe.data.name,
                                 shape_text(data.shape)));
  }
  if (data.shape.size() != 3 && (recipe.data.augment_pad > 0 || recipe.data.augment_flip)) {
    throw UsageError(fmt::format("{}: \"data.augment\" needs images, and those of \"{}\" are not",
                                 origins.at("data.augment.pad"), recipe.data.name));
  }
  if (data.source != nullptr && recipe.data.pixels == "signed") {
    throw UsageError(
        fmt::format("{}: \"data.pixels\" is \"signed\", but \"{}\" holds prepared numbers, not pixels; leave "
                    "it out, or take \"{}\"",
                    origins.at("data.pixels"), recipe.data.name, data.source));
  }
  Shape shape = input;
  std::set<std::string> names;
  bool needs_activation = false;  // a node's z is there, its y is not
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const LayerKind kind = layer_kind(layers[i]);
    if ((kind == LayerKind::activation || kind == LayerKind::normalization) && !needs_activation) {
      throw UsageError(
          fmt::format("{}: {} must come before any mask, after a layer with weights that has no activation "
                      "yet",
                      origins.at(layer_key(i)), layer_text(layers[i], i)));
    }
    if (kind == LayerKind::normalization) check_batch_norm(recipe, i, shape, origins);
    if (kind == LayerKind::weights) needs_activation = true;
    if (kind == LayerKind::activation || kind == LayerKind::mask) needs_activation = false;
    if (kind == LayerKind::weights) check_name(layers[i], layer_key(i), origins, names);
    if (names.empty() && kind == LayerKind::averaging_pool) {
      throw UsageError(
          fmt::format("{}: {} would round the input, which is rounded once; put it after a layer with "
                      "weights",
                      origins.at(layer_key(i)), layer_text(layers[i], i)));
    }
    shape = check_layer(layers, i, shape, origins);
  }
  if (names.empty()) throw ShapeError(where + ": \"network.layers\" has no dense layer; nothing could be learnt");
  if (!needs_activation || element_count(shape) != data.classes) {
    throw ShapeError(fmt::format(
        "{}: \"network.layers\" ends in a {} layer of {} outputs; data set \"{}\" needs a dense layer of {} units at "
        "the end",
        origins.at(layer_key(layers.size() - 1)), layers.back().type, element_count(shape), recipe.data.name,
        data.classes));
  }
}

void check_ranges(const FormatPlan& plan, const std::string& node, const RecipeOrigins& origins) {
  constexpr std::array<std::pair<Role, Role>, 2> kPairs = {
      {{Role::weight, Role::weight_master}, {Role::bias, Role::bias_master}}};
  for (const auto& [copy, master] : kPairs) {
    const Format& a = plan.at(node, copy);
    const Format& b = plan.at(node, master);
    if ((a.family == Family::dynamic_fixed) == (b.family == Family::dynamic_fixed)) continue;
    std::string where = origins.at("formats." + std::string(role_name(copy)));
    if (where == origins.file) where = origins.at("formats." + std::string(role_name(master)));
    throw UsageError(fmt::format(
        "{}: node \"{}\": {} is {} but {} is {}; they share one range, so both are dfx formats or neither is", where,
        node, role_name(copy), format_name(a), role_name(master), format_name(b)));
  }
}

/// Layers that put zeros in the place of values need them in the formats of what they read and of its gradient.
void check_zeros(const Recipe& recipe, std::size_t index, const FormatPlan& plan, const RecipeOrigins& origins) {
  const auto& layers = recipe.network.layers;
  const LayerSpec* node = node_of(layers, index);
  std::vector<Role> roles;
  if (layers[index].type == "relu") {
    const bool normalized =
        std::any_of(node, layers.data() + index, [](const LayerSpec& l) { return l.type == "batch_norm"; });
    roles = {normalized ? Role::normalized : Role::preactivation, Role::d_activation};
  } else if (layers[index].type == "dropout") {
    roles = node == nullptr ? std::vector{Role::input} : std::vector{Role::activation, Role::d_activation};
  }
  const std::string name = node == nullptr ? "input" : node->name;
  for (const Role role : roles) {
    const Format& format = plan.at(name, role);
    if (format.represents_zero()) continue;
    throw UsageError(fmt::format("{}: {} needs zeros, and {} has none: give role {} of node \"{}\" another format",
                                 origins.at(layer_key(index)), layer_text(layers[index], index), format_name(format),
                                 role_name(role), name));
  }
}

/// The products that layer `index`, which reads examples of shape `input` in format `reads`, adds up exactly.
void check_exact_sums(const Recipe& recipe, std::size_t index, const Shape& input, const Format& reads,
                      const Format& weight, const RecipeOrigins& origins) {
  if (!reads.is_dyadic_grid() || !weight.is_dyadic_grid()) return;  // float sums are float32
  const LayerSpec& layer = recipe.network.layers[index];
  const std::int64_t depth = layer.type == "dense"
                                 ? element_count(input)
                                 : layer.kernel.height() * layer.kernel.width() * (input.back() / layer.groups);
  if (sums_fit_int32(depth, reads.max_magnitude(), weight.max_magnitude())) return;
  throw UsageError(fmt::format(
      "{}: {}: exact sums of {} products of {} and {} do not fit 32 bits; name a format for the preactivation",
      origins.at(layer_key(index)), layer_text(layer, index), depth, format_name(reads), format_name(weight)));
}

/// What layers ask of their node's formats.
void check_layer_formats(const Recipe& recipe, const FormatPlan& plan, const RecipeOrigins& origins) {
  const auto& layers = recipe.network.layers;
  Shape shape = recipe.network.input;
  Format reads = plan.at("input", Role::input);  // of the next layer with weights
  for (std::size_t i = 0; i < layers.size(); ++i) {
    check_zeros(recipe, i, plan, origins);
    const Shape input = shape;
    shape = layer_output_shape(layers[i], input);
    const LayerSpec* node = node_of(layers, i);
    if (node == nullptr) continue;
    const std::string where = origins.at(layer_key(i)) + ": " + layer_text(layers[i], i);
    const Format& activation = plan.at(node->name, Role::activation);
    const bool has_steps = layers[i].type == "multi_step" && activation.family == Family::discrete;
    if (has_steps && activation.max_code > 1 && layers[i].threshold >= activation.grid_limit()) {
      throw UsageError(
          fmt::format("{}: threshold {} leaves one state of {}, whose largest is {}; it must be below that", where,
                      toml_float(layers[i].threshold), format_name(activation), toml_float(activation.grid_limit())));
    }
    if (!has_weights(layers[i])) continue;
    const Format& sums = plan.at(node->name, Role::preactivation);
    if (sums.family == Family::exact && node->bias != "none") {
      throw UsageError(where + ": an exact preactivation takes no bias: write bias = \"none\"");
    }
    if (sums.family == Family::exact) {
      check_exact_sums(recipe, i, input, reads, plan.at(node->name, Role::weight), origins);
    }
    reads = activation;
    const Format& master = plan.at(node->name, Role::weight_master);
    if (master.family == Family::discrete && node->max_column_norm > 0) {
      throw UsageError(where + ": discrete weights have no norm step; leave out the largest norm");
    }
    if (recipe.train.optimizer == "adam" && node->max_column_norm > 0) {
      throw UsageError(where + ": the norm step belongs to sgd; leave out the largest norm, or the optimizer adam");
    }
    const Format& update = plan.at(node->name, Role::weight_update);
    if (update.has_blocks() && node->max_column_norm > 0) {
      throw UsageError(
          fmt::format("{}: the norm step takes no momentum in blocks ({}); leave out the largest norm, or "
                      "give weight_update another format",
                      where, format_name(update)));
    }
  }
}

void check_formats(const Recipe& recipe, const RecipeOrigins& origins) {
  const FormatPlan& plan = recipe.formats;
  std::vector<std::string> nodes;
  for (const LayerSpec& layer : recipe.network.layers) {
    if (!layer.name.empty()) nodes.push_back(layer.name);
  }
  const auto check_roles = [&](const std::map<Role, Format>& roles, const std::string& prefix) {
    for (const auto& [role, format] : roles) {
      const std::string key = prefix + std::string(role_name(role));
      const std::string where = origins.at(origins.has(key) ? key : prefix + "default") + ": \"" + key + "\" is ";
      if (role == Role::input && format.family == Family::dynamic_fixed) {
        throw UsageError(where + format.name + ", but inputs have no range controller; use a fixed or float format");
      }
      if (format.family == Family::exact && role != Role::preactivation) {
        throw UsageError(where + "exact, but only sums, which are preactivations, can be; name a format that rounds");
      }
      if (format.has_blocks() && !is_optimizer_state(role)) {
        throw UsageError(where + format.name +
                         ", but blocks are for the optimiser's own state, the roles *_update and *_moment; name "
                         "another format");
      }
      constexpr std::int64_t kMostIntervals = 256;  // z8
      if (format.family == Family::discrete && format.max_code > kMostIntervals &&
          (role == Role::weight_master || role == Role::activation)) {
        throw UsageError(where + format.name + "; weights and activations take z0 (binary) to z8");
      }
    }
  };
  check_roles(plan.roles, "formats.");
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    const std::string key = fmt::format("formats.node[{}]", i);
    const std::string& pattern = plan.nodes[i].match;
    const bool matches_input = name_matches(pattern, "input");
    if (!matches_input &&
        std::ranges::none_of(nodes, [&](const std::string& name) { return name_matches(pattern, name); })) {
      throw UsageError(fmt::format("{}: \"{}.match\" is {}, which no layer is named; the nearest is \"{}\"",
                                   origins.at(key + ".match"), key, toml_string(pattern),
                                   nearest_name(pattern, nodes)));
    }
    check_roles(plan.nodes[i].roles, key + ".");
  }
  for (const std::string& node : nodes) check_ranges(plan, node, origins);
  for (std::size_t stage = 0; stage < std::max<std::size_t>(1, recipe.train.stages.size()); ++stage) {
    check_layer_formats(recipe, recipe.formats_of_stage(stage), origins);
  }
  for (std::size_t i = 0; i < recipe.train.stages.size(); ++i) {
    const std::string key = fmt::format("train.stages[{}]", i);
    check_roles(recipe.train.stages[i].roles, key + ".");
    for (const auto& [role, format] : recipe.train.stages[i].roles) {
      // Range groups are those of the whole run.
      const Format& usual = plan.roles.at(role);
      if ((format.family == Family::dynamic_fixed) == (usual.family == Family::dynamic_fixed)) continue;
      throw UsageError(
          fmt::format("{}: \"{}\": {} is {} here and {} in [formats]; a stage cannot begin or end ranges, so "
                      "both are dfx formats or neither is",
                      origins.at(key), key, role_name(role), format_name(format), format_name(usual)));
    }
  }
}

/// A factor may take a quantity beyond what its key allows.
void check_schedule(const Schedule& schedule, const std::string& key, std::int64_t epochs, double most, bool below_most,
                    const RecipeOrigins& origins) {
  if (schedule.curve == "geometric" && !(schedule.start > 0 && schedule.end > 0)) {
    throw UsageError(fmt::format("{}: \"{}\" goes from {} to {} by one factor, so both must be above 0",
                                 origins.at(key), key, toml_float(schedule.start), toml_float(schedule.end)));
  }
  // Without one the ends of the line are the extremes, and they were looked at when they were read.
  for (std::int64_t epoch = 0; schedule.factor > 1 && epoch < epochs; ++epoch) {
    const double value = schedule.at(epoch, epochs);
    if (below_most ? value < most : value <= most) continue;
    throw UsageError(fmt::format("{}: \"{}\" is {} in epoch {} of {}; it must stay {} {}", origins.at(key), key,
                                 toml_float(value), epoch + 1, epochs, below_most ? "below" : "at most",
                                 toml_float(most)));
  }
}

void check_sizes(const Recipe& recipe, const RecipeOrigins& origins) {
  const TrainSpec& train = recipe.train;
  if (train.batch > recipe.data.train) {
    throw UsageError(fmt::format("{}: \"train.batch\" is {}, more than the {} training examples of data.split.train",
                                 origins.at("train.batch"), train.batch, recipe.data.train));
  }
  std::int64_t staged = 0;
  for (const StageSpec& stage : train.stages) staged += stage.epochs;
  if (staged != 0 && staged != train.epochs) {
    throw UsageError(
        fmt::format("{}: \"train.epochs\" is {}, but the stages last {}; change the stages, or --set train.epochs={}",
                    origins.at("train.epochs"), train.epochs, staged, staged));
  }
  const std::int64_t epochs = train.epochs + (recipe.formats.uses_ranges() ? recipe.formats.range.init_epochs : 0);
  const std::int64_t steps = checked_multiply(epochs, recipe.data.train / train.batch, "steps of the run");
  if (steps >= std::int64_t{1} << 32) {
    throw UsageError(fmt::format("{}: \"train.epochs\" is {}: {} steps are more than the 2^32 that a run may have",
                                 origins.at("train.epochs"), train.epochs, steps));
  }
}

}  // namespace

void check_recipe(const Recipe& recipe, const RecipeOrigins& origins) {
  check_network(recipe, origins);
  check_formats(recipe, origins);
  check_sizes(recipe, origins);
  const TrainSpec& train = recipe.train;
  check_schedule(train.learning_rate, "train.learning_rate", train.epochs, 1e6, false, origins);
  check_schedule(train.momentum, "train.momentum", train.epochs, 1, true, origins);
}

}  // namespace dyadic
