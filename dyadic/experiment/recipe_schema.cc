#include "dyadic/experiment/recipe_schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

#include "dyadic/data/dataset.h"

namespace dyadic {
namespace {

constexpr double kMaxInteger = 0x1p31 - 1;

Limits integers(double low, double high = kMaxInteger) { return {.low = low, .high = high}; }
Limits one_of(std::vector<std::string> choices) { return {.choices = std::move(choices)}; }

std::vector<std::string> data_set_names() {
  std::vector<std::string> names;
  for (const DataSetRow& row : data_set_table()) names.emplace_back(row.name);
  return names;
}

// `default` and one row per role, for [formats] and for [[formats.node]].
template <typename Owner, typename Roles>
void add_role_fields(std::vector<Field<Owner>>& fields, const std::string& prefix, Roles roles) {
  fields.push_back({.key = prefix + "default",
                    .locate = [](Owner& owner) { return &owner.default_format; },
                    .summary = "format of every role up to bias_master that is not named, but `input`"});
  for (int i = 0; i < kRoleCount; ++i) {
    const auto role = static_cast<Role>(i);
    fields.push_back({.key = prefix + std::string(role_name(role)),
                      .locate = [roles, role](Owner& owner) { return &roles(owner)[role]; },
                      .summary = "format of this role",
                      .implied = role != Role::input && !follows_default(role)});
  }
}

std::vector<Field<RecipeDraft>> make_recipe_fields() {
  using D = RecipeDraft;
  std::vector<Field<D>> fields = {
      {.key = "title", .locate = [](D& d) { return &d.recipe.title; }, .summary = "one line for people"},
      {.key = "paper", .locate = [](D& d) { return &d.recipe.paper; }, .summary = "what the recipe reproduces"},
      {.key = "seed",
       .locate = [](D& d) { return &d.recipe.seed; },
       .limits = {.low = 0},
       .summary = "every random bit follows from it"},
      {.key = "data.name",
       .locate = [](D& d) { return &d.recipe.data.name; },
       .limits = one_of(data_set_names()),
       .summary = "data set"},
      {.key = "data.split.train",
       .locate = [](D& d) { return &d.recipe.data.train; },
       .limits = integers(1),
       .summary = "the first examples of the training file train"},
      {.key = "data.split.valid",
       .locate = [](D& d) { return &d.recipe.data.valid; },
       .limits = integers(1),
       .summary = "the next ones choose the epoch"},
      {.key = "data.augment.pad",
       .locate = [](D& d) { return &d.recipe.data.augment_pad; },
       .limits = integers(0, 64),
       .summary = "cut training images at random out of ones with so many zeros on each side",
       .implied = true},
      {.key = "data.augment.flip",
       .locate = [](D& d) { return &d.recipe.data.augment_flip; },
       .summary = "mirror training images, left to right, half of the time",
       .implied = true},
      {.key = "data.pixels",
       .locate = [](D& d) { return &d.recipe.data.pixels; },
       .limits = one_of({"unsigned", "signed"}),
       .summary = "byte k of an image means k / 256, or k / 128 - 1",
       .implied = true},
      {.key = "network.input",
       .locate = [](D& d) { return &d.recipe.network.input; },
       .limits = integers(1),
       .summary = "shape of one example: [values], or [height, width, channels] for convolutions"},
      {.key = "network.layers",
       .locate = [](D& d) { return &d.recipe.network.layers; },
       .required = true,
       .summary = "the chain of layers"},
      {.key = "network.loss",
       .locate = [](D& d) { return &d.recipe.network.loss; },
       .limits = one_of({"softmax_nll", "squared_hinge"}),
       .summary = "what is minimised"},
      {.key = "network.loss_scale",
       .locate = [](D& d) { return &d.recipe.network.loss_scale; },
       .limits = one_of({"classes", "batch", "mean"}),
       .summary = "the loss gradient is divided by this; mean: by both"},
      {.key = "network.ties",
       .locate = [](D& d) { return &d.recipe.network.ties; },
       .limits = one_of({"all", "first"}),
       .summary = "which maxima of a maxout group take the gradient"},
      {.key = "network.straight_through",
       .locate = [](D& d) { return &d.recipe.network.straight_through; },
       .limits = one_of({"all", "clipped"}),
       .summary = "whether saturated values pass gradient"},
      {.key = "network.input_gradient",
       .locate = [](D& d) { return &d.recipe.network.input_gradient; },
       .limits = one_of({"quantized", "master"}),
       .summary = "the weights that the gradient is multiplied by"},
  };
  add_role_fields(
      fields, "formats.", [](D & d) -> auto& { return d.recipe.formats.roles; });
  const std::vector<Field<D>> rest = {
      {.key = "formats.node",
       .locate = [](D& d) { return &d.recipe.formats.nodes; },
       .summary = "exceptions by node name: tables of `match` and roles"},
      {.key = "formats.range.initial",
       .locate = [](D& d) { return &d.recipe.formats.range.initial; },
       .limits = integers(-48, 47),
       .summary = "range R at the start: values within +-2^R"},
      {.key = "formats.range.update_every",
       .locate = [](D& d) { return &d.recipe.formats.range.update_every; },
       .limits = integers(1),
       .summary = "batches between two decisions"},
      {.key = "formats.range.max_overflow",
       .locate = [](D& d) { return &d.recipe.formats.range.max_overflow; },
       .limits = {.low = 0, .high = 1, .below_high = true},
       .summary = "share of overflows above which a range grows"},
      {.key = "formats.range.init_epochs",
       .locate = [](D& d) { return &d.recipe.formats.range.init_epochs; },
       .limits = integers(0, 1000),
       .summary = "epochs in float32 that find the first ranges"},
      {.key = "formats.range.measure",
       .locate = [](D& d) { return &d.recipe.formats.range.measure; },
       .limits = one_of({"saturated", "true"}),
       .summary = "overflows counted on codes at the limit, or before saturation"},
      {.key = "formats.range.reset_momentum",
       .locate = [](D& d) { return &d.recipe.formats.range.reset_momentum; },
       .summary = "forget the momentum after range initialisation"},
      {.key = "train.epochs",
       .locate = [](D& d) { return &d.recipe.train.epochs; },
       .limits = integers(1, 1e6),
       .summary = "passes over the training examples; schedules are fractions of it"},
      {.key = "train.batch",
       .locate = [](D& d) { return &d.recipe.train.batch; },
       .limits = integers(1, 1e6),
       .summary = "examples per step"},
      {.key = "train.optimizer.type",
       .locate = [](D& d) { return &d.recipe.train.optimizer; },
       .limits = one_of({"sgd", "adam"}),
       .summary = "the update step"},
      {.key = "train.optimizer.beta1",
       .locate = [](D& d) { return &d.recipe.train.beta1; },
       .limits = {.low = 0, .high = 1, .below_high = true},
       .summary = "adam: what stays of the first moment, role *_update, in a step",
       .implied = true},
      {.key = "train.optimizer.beta2",
       .locate = [](D& d) { return &d.recipe.train.beta2; },
       .limits = {.low = 0, .high = 1, .below_high = true},
       .summary = "adam: what stays of the second moment, role *_moment",
       .implied = true},
      {.key = "train.optimizer.epsilon",
       .locate = [](D& d) { return &d.recipe.train.epsilon; },
       .limits = {.low = 0, .high = 1, .above_low = true},
       .summary = "adam: added to the root of the second moment",
       .implied = true},
      {.key = "train.optimizer.transition_factor",
       .locate = [](D& d) { return &d.recipe.train.transition_factor; },
       .limits = {.low = 0, .high = 1e6, .above_low = true},
       .summary = "m: discrete weights move a part v of a step with probability tanh(m v)",
       .implied = true},
      {.key = "train.warmup_epochs_at_zero",
       .locate = [](D& d) { return &d.recipe.train.warmup_epochs_at_zero; },
       .limits = integers(0, 1e6),
       .summary = "first epochs with learning rate 0, in which only moments and running averages move",
       .implied = true},
      {.key = "train.learning_rate",
       .locate = [](D& d) { return &d.recipe.train.learning_rate; },
       .limits = {.low = 0, .high = 1e6},
       .summary = "a number, or { start, end, until_fraction }, or { start, factor, at }"},
      {.key = "train.momentum",
       .locate = [](D& d) { return &d.recipe.train.momentum; },
       .limits = {.low = 0, .high = 1, .below_high = true},
       .summary = "a number, or { start, end, until_fraction }, or { start, factor, at }"},
      {.key = "train.patience",
       .locate = [](D& d) { return &d.recipe.train.patience; },
       .limits = integers(1, 1e6),
       .summary = "epochs no better than chance before the run is given up"},
      {.key = "train.checkpoint_every",
       .locate = [](D& d) { return &d.recipe.train.checkpoint_every; },
       .limits = integers(1, 1e6),
       .summary = "epochs between checkpoints"},
      {.key = "train.keep_checkpoints",
       .locate = [](D& d) { return &d.recipe.train.keep_checkpoints; },
       .limits = integers(1, 1e6),
       .summary = "older ones are deleted"},
      {.key = "train.stages",
       .locate = [](D& d) { return &d.recipe.train.stages; },
       .summary =
           "stretches of epochs with formats of their own: tables of `epochs` and roles; `default` sets all but input",
       .implied = true},
  };
  fields.insert(fields.end(), rest.begin(), rest.end());
  return fields;
}

std::vector<Field<NodeFormatsDraft>> make_node_formats_fields() {
  using D = NodeFormatsDraft;
  std::vector<Field<D>> fields = {{.key = "match",
                                   .locate = [](D& d) { return &d.node.match; },
                                   .required = true,
                                   .summary = "node name, with wildcards * and ?"}};
  add_role_fields(
      fields, "", [](D & d) -> auto& { return d.node.roles; });
  return fields;
}

std::vector<Field<StageDraft>> make_stage_fields() {
  using D = StageDraft;
  std::vector<Field<D>> fields = {{.key = "epochs",
                                   .locate = [](D& d) { return &d.stage.epochs; },
                                   .limits = integers(1, 1e6),
                                   .required = true,
                                   .summary = "how long it lasts"}};
  add_role_fields(
      fields, "", [](D & d) -> auto& { return d.stage.roles; });
  return fields;
}

using L = LayerSpec;

/// What every layer with weights takes; `norm_key` is its name for max_column_norm.
std::vector<Field<L>> weight_fields(const std::string& norm_key, const std::string& norm_summary, bool implied) {
  return {{.key = "init",
           .locate = [](L& l) { return &l.init; },
           .limits = one_of({"glorot_uniform", "uniform", "normal", "zero"}),
           .summary = "weights at the start; biases are zero"},
          {.key = "init_limit",
           .locate = [](L& l) { return &l.init_limit; },
           .limits = {.low = 0, .high = 1e6},
           .summary = "uniform weights lie between its negative and it",
           .implied = true},
          {.key = "init_deviation",
           .locate = [](L& l) { return &l.init_deviation; },
           .limits = {.low = 0, .high = 1e6},
           .summary = "standard deviation of normal weights",
           .implied = implied},
          {.key = norm_key,
           .locate = [](L& l) { return &l.max_column_norm; },
           .limits = {.low = 0, .high = 1e6},
           .summary = norm_summary},
          {.key = "test_scale",
           .locate = [](L& l) { return &l.test_scale; },
           .limits = {.low = 0x1p-20, .high = 0x1p20, .power_of_two = true},
           .summary = "multiplies weights and bias at test time"},
          {.key = "learning_rate_scale",
           .locate = [](L& l) { return &l.learning_rate_scale; },
           .limits = {.low = 0, .high = 1e6},
           .summary = "multiplies the learning rate of this layer"},
          {.key = "weight_decay",
           .locate = [](L& l) { return &l.weight_decay; },
           .limits = {.low = 0, .high = 1e6},
           .summary = "adds so much of each weight to its gradient",
           .implied = implied}};
}

Field<L> name_field() {
  return {.key = "name",
          .locate = [](L& l) { return &l.name; },
          .required = true,
          .summary = "letters, digits and _; formats and reports refer to it"};
}

std::vector<Field<L>> dense_fields() {
  std::vector<Field<L>> fields = {name_field(),
                                  {.key = "units",
                                   .locate = [](L& l) { return &l.units; },
                                   .limits = integers(1, 1e6),
                                   .required = true,
                                   .summary = "outputs"}};
  std::ranges::copy(weight_fields("max_column_norm", "largest norm of a unit's weights; 0: no norm step", true),
                    std::back_inserter(fields));
  fields.push_back({.key = "bias",
                    .locate = [](L& l) { return &l.bias; },
                    .limits = one_of({"sum", "none"}),
                    .summary = "added inside the exact sum, or not there",
                    .implied = true});
  return fields;
}

Field<L> extents_field(const std::string& key, Extents L::*member, double low, bool required,
                       const std::string& summary, std::vector<std::size_t> counts = {}) {
  return {.key = key,
          .locate = [member](L& l) { return &(l.*member); },
          .limits = {.low = low, .high = 1e6, .counts = std::move(counts)},
          .required = required,
          .summary = summary};
}

std::vector<Field<L>> convolution_fields() {
  std::vector<Field<L>> fields = {
      name_field(),
      {.key = "channels",
       .locate = [](L& l) { return &l.channels; },
       .limits = integers(1, 1e6),
       .required = true,
       .summary = "output maps, all pieces of a maxout that follows counted"},
      extents_field("kernel", &L::kernel, 1, true, "height and width of the window"),
      extents_field("stride", &L::stride, 1, false, "step of the window, 1 if absent"),
      extents_field("padding", &L::padding, 0, false, "zeros around the input, or [top, left, bottom, right]",
                    {1, 2, 4}),
      extents_field("dilation", &L::dilation, 1, false, "distance of neighbours in the window"),
      {.key = "groups",
       .locate = [](L& l) { return &l.groups; },
       .limits = integers(1, 1e6),
       .summary = "parts of the channels that are convolved by themselves"},
      {.key = "bias",
       .locate = [](L& l) { return &l.bias; },
       .limits = one_of({"sum", "after_pool", "none"}),
       .summary = "added inside the exact sum, or, as Courbariaux' program does, to the rounded and pooled one"}};
  std::ranges::copy(weight_fields("max_norm", "largest norm of weights along max_norm_axis; 0: no norm step", false),
                    std::back_inserter(fields));
  fields.push_back({.key = "max_norm_axis",
                    .locate = [](L& l) { return &l.max_norm_axis; },
                    .limits = one_of({"input", "output"}),
                    .summary = "norm of each output map's weights, or over the output maps as Courbariaux' program"});
  return fields;
}

std::vector<Field<L>> pool_fields() {
  return {extents_field("size", &L::size, 1, true, "height and width of the window"),
          extents_field("stride", &L::stride, 1, false, "step of the window, its size if absent"),
          extents_field("padding", &L::padding, 0, false, "places around the input that no window counts"),
          {.key = "partial",
           .locate = [](L& l) { return &l.partial; },
           .summary = "the last windows may reach beyond the input, which cuts them"}};
}

std::vector<Field<L>> batch_norm_fields() {
  return {{.key = "epsilon",
           .locate = [](L& l) { return &l.epsilon; },
           .limits = {.low = 0, .high = 1, .above_low = true},
           .summary = "added to the variance"},
          {.key = "average",
           .locate = [](L& l) { return &l.average; },
           .limits = {.low = 0, .high = 1, .above_low = true},
           .summary = "share of each training batch in the running averages that evaluation uses"}};
}

std::vector<Field<L>> multi_step_fields() {
  return {{.key = "threshold",
           .locate = [](L& l) { return &l.threshold; },
           .limits = {.low = 0, .high = 1e6},
           .summary = "r: values from -r to r are zero; below the largest state"},
          {.key = "window",
           .locate = [](L& l) { return &l.window; },
           .limits = one_of({"rectangular", "triangular"}),
           .summary = "shape of the derivative around each step"},
          {.key = "half_width",
           .locate = [](L& l) { return &l.half_width; },
           .limits = {.low = 0, .high = 1e6, .above_low = true},
           .summary = "a: half the width of that shape"}};
}

std::vector<LayerType> make_layer_types() {
  return {
      {"dense", "units weighted sums of all inputs, and a bias", dense_fields()},
      {"conv2d", "channels weighted sums of the values in a moving window, and a bias each", convolution_fields()},
      {"maxout",
       "the largest of each `pieces` adjacent units",
       {{.key = "pieces",
         .locate = [](L& l) { return &l.pieces; },
         .limits = integers(1, 1e6),
         .required = true,
         .summary = "units per output"}}},
      {"dropout",
       "keeps each value with probability `keep` in training",
       {{.key = "keep",
         .locate = [](L& l) { return &l.keep; },
         .limits = {.low = 0, .high = 1, .above_low = true},
         .required = true,
         .summary = "probability of keeping a value"}}},
      {"relu", "the larger of each value and zero", {}},
      {"batch_norm", "each channel with the mean and the variance of its batch taken out, times a scale, and a bias",
       batch_norm_fields()},
      {"multi_step",
       "the state of the activation's discrete format that each value falls into; clips to [-1, 1] in others",
       multi_step_fields()},
      {"max_pool", "the largest value in a moving window of each channel", pool_fields()},
      {"average_pool", "the mean of the values in a moving window of each channel", pool_fields()},
      {"global_average_pool", "the mean of each channel", {}},
      {"flatten", "height, width and channels in one row", {}},
  };
}

std::string bound_text(double value) { return fmt::format("{}", value); }

}  // namespace

const std::vector<Field<RecipeDraft>>& recipe_fields() {
  static const std::vector<Field<RecipeDraft>> kFields = make_recipe_fields();
  return kFields;
}

const std::vector<Field<NodeFormatsDraft>>& node_formats_fields() {
  static const std::vector<Field<NodeFormatsDraft>> kFields = make_node_formats_fields();
  return kFields;
}

const std::vector<Field<Schedule>>& schedule_fields() {
  static const std::vector<Field<Schedule>> kFields = {
      {.key = "start", .locate = [](Schedule& s) { return &s.start; }, .required = true, .summary = "first epoch"},
      {.key = "end",
       .locate = [](Schedule& s) { return &s.end; },
       .summary = "last value; `start` if absent",
       .derived = true},
      {.key = "until_fraction",
       .locate = [](Schedule& s) { return &s.until_fraction; },
       .limits = {.low = 0, .high = 1, .above_low = true},
       .summary = "share of the epochs after which `end` is reached"},
      {.key = "factor",
       .locate = [](Schedule& s) { return &s.factor; },
       .limits = {.low = 0, .high = 1e6, .above_low = true},
       .summary = "multiplies after every epoch, or after those of `at`",
       .implied = true},
      {.key = "at",
       .locate = [](Schedule& s) { return &s.after; },
       .limits = integers(1, 1e6),
       .summary = "numbers of finished epochs",
       .implied = true},
      {.key = "curve",
       .locate = [](Schedule& s) { return &s.curve; },
       .limits = one_of({"linear", "geometric"}),
       .summary = "way from start to end; geometric: by the same factor in every epoch",
       .implied = true},
  };
  return kFields;
}

const std::vector<Field<StageDraft>>& stage_fields() {
  static const std::vector<Field<StageDraft>> kFields = make_stage_fields();
  return kFields;
}

const std::vector<LayerType>& layer_types() {
  static const std::vector<LayerType> kTypes = make_layer_types();
  return kTypes;
}

std::string wanted_type(const FieldPointer& field) {
  constexpr std::array<const char*, 13> kTypes = {"a string",
                                                  "true or false",
                                                  "an integer",
                                                  "an integer",
                                                  "an integer",
                                                  "a number",
                                                  "a number or { start, end, until_fraction, factor, at, curve }",
                                                  "an array of integers",
                                                  "a format name",
                                                  "an array of tables",
                                                  "an array of tables",
                                                  "an integer or an array of integers",
                                                  "an array of tables"};
  static_assert(kTypes.size() == std::variant_size_v<FieldPointer>);
  return kTypes[field.index()];
}

std::string limits_text(const Limits& limits) {
  std::string text;
  if (!limits.choices.empty()) {
    for (const std::string& choice : limits.choices) text += (text.empty() ? "" : ", ") + ("\"" + choice + "\"");
    return limits.choices.size() == 1 ? text : "one of " + text;
  }
  if (limits.power_of_two) text += "a power of two, ";
  if (std::isfinite(limits.low)) text += (limits.above_low ? "above " : "at least ") + bound_text(limits.low);
  if (std::isfinite(limits.high)) {
    text += (text.empty() ? "" : " and ") + std::string(limits.below_high ? "below " : "at most ");
    text += bound_text(limits.high);
  }
  return text;
}

}  // namespace dyadic
