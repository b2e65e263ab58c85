// A recipe is everything a run depends on besides the data: network, formats by node and role, schedule, seed. TOML in,
// TOML out; what is written into a run directory is complete, so nothing is left to defaults that may change.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "dyadic/formats/format.h"
#include "dyadic/nn/role.h"

namespace dyadic {

struct DataSpec {
  std::string name = "mnist";
  std::int64_t train = 50000;  // the first examples of the training file
  std::int64_t valid = 10000;  // the next ones
  bool operator==(const DataSpec&) const = default;
};

/// One entry of network.layers. Which fields a type takes: layer_types() in recipe.cc.
struct LayerSpec {
  std::string type;  // "dense", "maxout", "dropout"
  std::string name;  // dense only; unnamed layers belong to the named one before them
  std::int64_t units = 0;
  std::int64_t pieces = 1;
  double keep = 1.0;
  std::string init = "glorot_uniform";  // or "zero"
  double max_column_norm = 0;           // 0: no norm step
  double test_scale = 1.0;              // a power of two; scales weight and bias at test time
  double learning_rate_scale = 1.0;
  bool operator==(const LayerSpec&) const = default;
};

struct NetworkSpec {
  std::vector<std::int64_t> input = {784};
  std::vector<LayerSpec> layers;
  std::string loss = "softmax_nll";
  std::string loss_scale = "batch";          // "classes": (y - t) / classes, as Courbariaux; "batch": (y - t) / batch
  std::string ties = "all";                  // "all" or "first": which maxima of a maxout group take the gradient
  std::string straight_through = "all";      // "all" or "clipped": whether saturated values pass gradient
  std::string input_gradient = "quantized";  // "quantized" or "master": the weights that dz is multiplied by
  bool operator==(const NetworkSpec&) const = default;
};

/// Dynamic fixed point: numerics.md section 7.
struct RangeSpec {
  int initial = 5;
  int update_every = 100;
  double max_overflow = 1e-4;
  int init_epochs = 2;
  std::string measure = "saturated";  // or "true"
  bool reset_momentum = false;
  bool operator==(const RangeSpec&) const = default;
};

/// Formats of the nodes whose names match `match` ('*' and '?' wildcards).
struct NodeFormats {
  std::string match;
  std::map<Role, Format> roles;
  bool operator==(const NodeFormats&) const = default;
};

struct FormatPlan {
  std::map<Role, Format> roles;  // complete after parsing: `default` fills every role but `input`
  std::vector<NodeFormats> nodes;
  RangeSpec range;
  bool operator==(const FormatPlan&) const = default;

  /// The last matching exception, else the role's format.
  [[nodiscard]] const Format& at(const std::string& node, Role role) const;
  /// True if any role of any node is a dfx format.
  [[nodiscard]] bool uses_ranges() const;
};

/// Linear from start to end until `until_fraction` of the epochs, then constant; moves after each epoch.
struct Schedule {
  double start = 0;
  double end = 0;
  double until_fraction = 1;
  bool operator==(const Schedule&) const = default;
  /// start + (end - start) * min(1, epoch / (until_fraction * epochs)), float64, in that order.
  [[nodiscard]] double at(std::int64_t epoch, std::int64_t epochs) const;
};

struct TrainSpec {
  std::int64_t epochs = 40;
  std::int64_t batch = 100;
  std::string optimizer = "sgd";
  Schedule learning_rate = {0.05, 0.005, 0.5};
  Schedule momentum = {0.5, 0.7, 0.25};
  int patience = 5;          // epochs of training error above 0.95 of chance, after the third, before exit 3
  int checkpoint_every = 1;  // epochs
  int keep_checkpoints = 2;
  bool operator==(const TrainSpec&) const = default;
};

struct Recipe {
  std::string title;
  std::string paper;
  std::uint64_t seed = 1;
  DataSpec data;
  NetworkSpec network;
  FormatPlan formats;
  TrainSpec train;
  bool operator==(const Recipe&) const = default;
};

/// "key=value" with a dotted key, value typed as TOML (a bare word that is no TOML value is a string).
using Override = std::string;

/// Throws UsageError naming line, key and the nearest valid name; ShapeError where layers do not meet.
Recipe parse_recipe(const std::string& text, const std::string& file_name, const std::vector<Override>& overrides);
Recipe read_recipe(const std::string& path, const std::vector<Override>& overrides);

/// Complete TOML; parse_recipe(recipe_text(r)) == r.
std::string recipe_text(const Recipe& recipe);

/// The original grammar: TASK FORMAT [INITIAL_RANGE PROP_BITS UPDATE_BITS [UPDATE_EVERY MAX_OVERFLOW INIT_EPOCHS]],
/// sign not counted. Builds the same recipe as the TOML file of the task; errors name the argument and the way out.
Recipe task_recipe(const std::vector<std::string>& arguments, const std::vector<Override>& overrides);

}  // namespace dyadic
