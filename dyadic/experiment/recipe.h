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
  std::int64_t train = 50000;       // the first examples of the training file
  std::int64_t valid = 10000;       // the next ones
  int augment_pad = 0;              // training images are cut out at random from ones with so many zeros around them
  bool augment_flip = false;        // and mirrored, left to right, half of the time
  std::string pixels = "unsigned";  // byte k means k / 256; "signed": k / 128 - 1
  bool operator==(const DataSpec&) const = default;
};

/// Heights and widths: one number for both, or a list.
struct Extents {
  std::vector<std::int64_t> values;
  bool operator==(const Extents&) const = default;
  [[nodiscard]] std::int64_t height() const { return values.front(); }
  [[nodiscard]] std::int64_t width() const { return values.back(); }
};

/// One entry of network.layers. Which fields a type takes: layer_types() in recipe_schema.h.
struct LayerSpec {
  std::string type;  // "dense", "conv2d", "maxout", "max_pool", ...
  std::string name;  // of layers with weights; unnamed layers belong to the named one before them
  std::int64_t units = 0;
  std::int64_t channels = 0;
  Extents kernel = {};
  Extents stride = {};      // empty: 1 in conv2d, the size in pools
  Extents padding = {{0}};  // conv2d also [top, left, bottom, right]
  Extents dilation = {{1}};
  std::int64_t groups = 1;
  Extents size = {};         // of a pool's window
  bool partial = true;       // a pool's last windows may reach beyond the input
  std::string bias = "sum";  // or "none", or, in conv2d, "after_pool", Courbariaux' order
  std::int64_t pieces = 1;
  double keep = 1.0;
  std::string init = "glorot_uniform";  // or "uniform", "normal", "zero"
  double init_limit = 1;                // of "uniform"
  double init_deviation = 0.01;         // of "normal"
  double max_column_norm = 0;           // 0: no norm step
  std::string max_norm_axis = "input";  // conv2d: "output" as Courbariaux' program
  double test_scale = 1.0;              // a power of two; scales weight and bias at test time
  double learning_rate_scale = 1.0;
  double weight_decay = 0;
  double epsilon = 1e-4;               // of batch_norm: added to the variance
  double average = 0.1;                // of batch_norm: share of a batch in the running averages
  double threshold = 0.5;              // of multi_step: r, the largest input that gives zero
  std::string window = "rectangular";  // of multi_step: or "triangular", the shape of its derivative around each step
  double half_width = 0.5;             // of multi_step: a, of that window
  bool operator==(const LayerSpec&) const = default;
};

struct NetworkSpec {
  std::vector<std::int64_t> input = {784};
  std::vector<LayerSpec> layers;
  std::string loss = "softmax_nll";          // or "squared_hinge"
  std::string loss_scale = "batch";          // what the loss gradient is divided by: or "classes" (Courbariaux), "mean"
  std::string ties = "all";                  // "all" or "first": which maxima of a maxout group take the gradient
  std::string straight_through = "all";      // "all" or "clipped": whether saturated values pass gradient
  std::string input_gradient = "quantized";  // "quantized" or "master": the weights that dz is multiplied by
  bool operator==(const NetworkSpec&) const = default;
};

/// Dynamic fixed point: docs/numerics.md.
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

/// float32 for the roles that no `default` fills, but the input.
std::map<Role, Format> roles_without_default();

struct FormatPlan {
  std::map<Role, Format> roles = roles_without_default();  // complete after parsing
  std::vector<NodeFormats> nodes;
  RangeSpec range;
  bool operator==(const FormatPlan&) const = default;

  /// The last matching exception, else the role's format.
  [[nodiscard]] const Format& at(const std::string& node, Role role) const;
  /// True if any role of any node is a dfx format.
  [[nodiscard]] bool uses_ranges() const;
};

/// A quantity that moves after each epoch: from start to end, linearly or geometrically, until `until_fraction` of the
/// epochs, then constant; and times `factor` after every epoch, or only after those of `after`.
struct Schedule {
  double start = 0;
  double end = 0;
  double until_fraction = 1;
  double factor = 1;
  std::vector<std::int64_t> after;  // counts of finished epochs; empty: every epoch
  std::string curve = "linear";     // or "geometric"
  bool operator==(const Schedule&) const = default;
  /// start + (end - start) * p or start * (end / start)^p, p = min(1, epoch / (until_fraction * epochs)), then
  /// multiplied by `factor` once for each time it has come up; float64, in that order.
  [[nodiscard]] double at(std::int64_t epoch, std::int64_t epochs) const;
};

/// A stretch of epochs with formats of its own, laid over those of the plan.
struct StageSpec {
  std::int64_t epochs = 0;
  std::map<Role, Format> roles;
  bool operator==(const StageSpec&) const = default;
};

struct TrainSpec {
  std::int64_t epochs = 40;
  std::int64_t batch = 100;
  std::string optimizer = "sgd";  // or "adam"
  double beta1 = 0.9;             // of adam
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double transition_factor = 3;            // m of the state transition of discrete weights
  std::int64_t warmup_epochs_at_zero = 0;  // first epochs with rate zero, in which only averages move
  Schedule learning_rate = {0.05, 0.005, 0.5};
  Schedule momentum = {0.5, 0.7, 0.25};
  int patience = 5;          // epochs of training error above 0.95 of chance, after the third, before exit 3
  int checkpoint_every = 1;  // epochs
  int keep_checkpoints = 2;
  std::vector<StageSpec> stages;  // empty: one, with the plan's formats; else their epochs add up to `epochs`
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

  /// The stage that training epoch `epoch` (from 0) belongs to; the last one for epochs beyond the end, 0 if there are
  /// none.
  [[nodiscard]] std::size_t stage_at(std::int64_t epoch) const;
  /// The plan's formats with a stage's laid over them; [[formats.node]] exceptions stay on top.
  [[nodiscard]] FormatPlan formats_of_stage(std::size_t stage) const;
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
