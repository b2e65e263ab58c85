// Recipes with images, convolutions, pools, schedules in steps and stages: what they hold, and every way they can be
// wrong, with the whole message that a user sees.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dyadic/base/error.h"
#include "dyadic/base/sha256.h"
#include "dyadic/experiment/recipe.h"
#include "tests/experiment/recipe_sample.h"

namespace dyadic {
namespace {

// Line numbers appear in expected messages: line 1 is `seed`. 14x14x8, 7x7x8, 7x7x4, 5x5x6, 5x5x6, 3x3x6, 54.
const std::string kSample = R"(seed = 7
[data]
name = "digits"
split = { train = 500, valid = 100 }
[network]
input = [28, 28, 1]
layers = [
  { name = "c1", type = "conv2d", channels = 8, kernel = 5, stride = 2, padding = 2, bias = "after_pool" },
  { type = "max_pool", size = 3, stride = 2 },
  { type = "maxout", pieces = 2 },
  { name = "c2", type = "conv2d", channels = 6, kernel = [3, 3], groups = 2, init = "normal", init_deviation = 0.05 },
  { type = "relu" },
  { type = "average_pool", size = 2 },
  { type = "flatten" },
  { type = "dropout", keep = 0.5 },
  { name = "out", type = "dense", units = 10, weight_decay = 0.0001 },
]
[formats]
default = "dfx10:sat:rna"
[train]
stages = [
  { epochs = 2, weight = "dfx8:sat:rna", weight_master = "dfx16:sat:rna" },
  { epochs = 3, default = "dfx12:sat:rna" },
]
learning_rate = { start = 0.1, factor = 0.5, at = [2, 4] }
momentum = { start = 0.5, end = 0.9, factor = 0.5 }
)";

std::string changed(const std::string& from, const std::string& to) {
  const std::size_t at = kSample.find(from);
  if (at == std::string::npos) return "";
  return kSample.substr(0, at) + to + kSample.substr(at + from.size());
}

TEST(ConvolutionRecipe, HoldsWhatTheFileSays) {
  const Recipe recipe = parse_recipe(kSample, "r.toml", {});
  const auto& layers = recipe.network.layers;
  ASSERT_EQ(layers.size(), 9U);
  EXPECT_EQ(layers[0].channels, 8);
  EXPECT_EQ(layers[0].kernel, (Extents{{5}}));
  EXPECT_EQ(layers[0].bias, "after_pool");
  EXPECT_EQ(layers[3].kernel, (Extents{{3, 3}}));
  EXPECT_EQ(layers[3].stride, (Extents{{1}})) << "of a convolution, if absent";
  EXPECT_EQ(layers[3].groups, 2);
  EXPECT_EQ(layers[3].init_deviation, 0.05);
  EXPECT_EQ(layers[3].max_norm_axis, "input");
  EXPECT_EQ(layers[5].stride, (Extents{{2}})) << "of a pool, its size if absent";
  EXPECT_TRUE(layers[5].partial);
  EXPECT_EQ(layers[8].weight_decay, 0.0001);
}

TEST(ConvolutionRecipe, SchedulesOfFactorsStayWithinTheirLimits) {
  const std::string momentum = "momentum = { start = 0.5, end = 0.9, factor = 0.5 }";
  const std::string last = changed(momentum, "momentum = { start = 0.5, factor = 1.5 }");
  EXPECT_THAT(parse_error(last),
              testing::HasSubstr("\"train.momentum\" is 1.125 in epoch 3 of 5; it must stay below 1.0"));
  EXPECT_EQ(parse_error(changed(momentum, "momentum = { start = 0.5, factor = 1.1 }")), "no error");
  // A falling line times a growing factor is largest in between.
  const std::string peak = changed(momentum, "momentum = { start = 0.95, end = 0.0, factor = 1.35 }");
  EXPECT_THAT(parse_error(peak), testing::HasSubstr("\"train.momentum\" is 1.026 in epoch 2 of 5"));
  const std::string rate = "factor = 0.5, at = [2, 4] }";
  EXPECT_THAT(parse_error(changed(rate, "factor = 100000 }")), testing::HasSubstr("\"train.learning_rate\" is "));
  EXPECT_THAT(parse_error(changed(rate, "at = [2, 4] }")), testing::HasSubstr("has `at` without `factor`"));
  for (const char* order : {"[4, 2]", "[2, 2]"}) {
    const std::string text = changed(rate, std::string("factor = 0.5, at = ") + order + " }");
    EXPECT_THAT(parse_error(text), testing::HasSubstr("in increasing order")) << order;
  }
}

TEST(ConvolutionRecipe, TextReadsBackAsTheSameRecipe) {
  const Recipe recipe = parse_recipe(
      changed("padding = 2", "padding = [2, 1, 0, 3], dilation = [1, 2], max_norm = 0.3, max_norm_axis = \"output\""),
      "r.toml", {"data.augment={pad = 4, flip = true}"});
  const std::string text = recipe_text(recipe);
  EXPECT_EQ(parse_recipe(text, "again", {}), recipe) << text;
  EXPECT_EQ(recipe_text(parse_recipe(text, "again", {})), text);
}

TEST(Stages, LastAsLongAsTheyAreAndTheRunAsLongAsTheirSum) {
  const Recipe recipe = parse_recipe(kSample, "r.toml", {});
  EXPECT_EQ(recipe.train.epochs, 5);
  const std::vector<std::size_t> expected = {0, 0, 1, 1, 1, 1, 1};
  for (std::size_t epoch = 0; epoch < expected.size(); ++epoch) {
    EXPECT_EQ(recipe.stage_at(static_cast<std::int64_t>(epoch)), expected[epoch]) << epoch;
  }
  EXPECT_EQ(parse_recipe(kSampleRecipe, "r.toml", {}).stage_at(2), 0U) << "a run without stages";
}

TEST(Stages, LayTheirFormatsOverThePlanAndUnderItsExceptions) {
  const Recipe recipe = parse_recipe(kSample, "r.toml", {"formats.node=[{match = \"c2\", weight = \"dfx6\"}]"});
  const FormatPlan first = recipe.formats_of_stage(0);
  EXPECT_EQ(first.at("c1", Role::weight).name, "dfx8");
  EXPECT_EQ(first.at("c1", Role::weight_master).name, "dfx16");
  EXPECT_EQ(first.at("c1", Role::bias).name, "dfx10");
  EXPECT_EQ(first.at("c2", Role::weight).name, "dfx6");
  const FormatPlan second = recipe.formats_of_stage(1);
  EXPECT_EQ(second.at("c1", Role::weight).name, "dfx12");
  EXPECT_EQ(second.at("c2", Role::weight).name, "dfx6");
  EXPECT_EQ(second.at("input", Role::input), recipe.formats.at("input", Role::input)) << "default leaves it alone";
}

TEST(Schedule, IsMultipliedByItsFactorAfterEveryEpochOrThoseOfAt) {
  const Recipe recipe = parse_recipe(kSample, "r.toml", {});
  const std::vector<double> rates = {0.1, 0.1, 0.05, 0.05, 0.025};
  for (std::size_t epoch = 0; epoch < rates.size(); ++epoch) {
    EXPECT_EQ(recipe.train.learning_rate.at(static_cast<std::int64_t>(epoch), 5), rates[epoch]) << epoch;
  }
  // One product after the other, each rounded.
  const Schedule decaying = {.start = 0.1, .end = 0.1, .factor = 0.95};
  double value = 0.1;
  for (std::int64_t epoch = 0; epoch < 50; ++epoch, value *= 0.95) EXPECT_EQ(decaying.at(epoch, 50), value) << epoch;
  EXPECT_EQ(recipe.train.momentum.at(2, 5), (0.5 + (0.9 - 0.5) * (2.0 / 5)) * 0.5 * 0.5) << "a line and a factor";
}

struct BadLayer {
  std::string from;
  std::string to;
  std::string message;
};

const std::vector<BadLayer>& bad_layers() {
  static const std::vector<BadLayer> kRows = {
      {"kernel = 5", "kernel = [33, 5]",
       "r.toml:8: \"network.layers[0]\" (conv2d c1) cannot follow the input, which gives [28, 28, 1]: convolution: a "
       "kernel of height 33 with dilation 1 does not fit the padded input of 32"},
      {"[3, 3]", "[3, 8]",
       "r.toml:11: \"network.layers[3]\" (conv2d c2) cannot follow \"network.layers[2]\" (maxout), which gives [7, 7, "
       "4]: convolution: a kernel of width 8 with dilation 1 does not fit the padded input of 7"},
      {"groups = 2", "groups = 3",
       "r.toml:11: \"network.layers[3]\" (conv2d c2) cannot follow \"network.layers[2]\" (maxout), which gives [7, 7, "
       "4]: convolution: 3 groups do not divide 4 channels"},
      {"channels = 6", "channels = 5",
       "r.toml:11: \"network.layers[3]\" (conv2d c2) cannot follow \"network.layers[2]\" (maxout), which gives [7, 7, "
       "4]: convolution: 2 groups do not divide 5 outputs"},
      {"size = 2", "size = 6, partial = false",
       "r.toml:13: \"network.layers[5]\" (average_pool) cannot follow \"network.layers[4]\" (relu), which gives [5, 5, "
       "6]: pool: height size 6 is outside the padded input: use partial windows"},
      {"size = 2", "size = 2, padding = 2",
       "r.toml:13: \"network.layers[5]\" (average_pool) cannot follow \"network.layers[4]\" (relu), which gives [5, 5, "
       "6]: pool: height padding 2 is outside 0..size - 1"},
      {"pieces = 2", "pieces = 3",
       "r.toml:10: \"network.layers[2]\" (maxout) cannot follow \"network.layers[1]\" (max_pool), which gives [7, 7, "
       "8]: 3 pieces do not divide 8 channels"},
      {"  { type = \"average_pool\", size = 2 },\n  { type = \"flatten\" },",
       "  { type = \"flatten\" },\n  { type = \"average_pool\", size = 2 },",
       "r.toml:14: \"network.layers[6]\" (average_pool) cannot follow \"network.layers[5]\" (flatten), which gives "
       "[150]: it needs [height, width, channels], not [150]; write network.input = [height, width, channels], and "
       "flatten after the last such layer"},
      {"[28, 28, 1]", "[784]",
       "r.toml:8: \"network.layers[0]\" (conv2d c1) cannot follow the input, which gives [784]: it needs [height, "
       "width, channels], not [784]; write network.input = [height, width, channels], and flatten after the last such "
       "layer"},
      {"[28, 28, 1]", "[14, 56, 1]",
       "r.toml:6: \"network.input\" is [14, 56, 1], but an example of data set \"digits\" is [28, 28, 1]"},
      {"  { type = \"max_pool\", size = 3, stride = 2 },\n  { type = \"maxout\", pieces = 2 },",
       "  { type = \"maxout\", pieces = 2 },\n  { type = \"max_pool\", size = 3, stride = 2 },",
       "r.toml:8: \"network.layers[0].bias\" is \"after_pool\", so a max_pool must come next"},
      {"  { type = \"relu\" },\n", "  { type = \"dropout\", keep = 0.5 },\n  { type = \"relu\" },\n",
       "r.toml:13: \"network.layers[5]\" (relu) must come before any mask, after a layer with weights that has no "
       "activation yet"},
      {"  { type = \"relu\" },\n", "  { type = \"relu\" },\n  { type = \"relu\" },\n",
       "r.toml:13: \"network.layers[5]\" (relu) must come before any mask, after a layer with weights that has no "
       "activation yet"},
      {"layers = [\n", "layers = [\n  { type = \"average_pool\", size = 2 },\n",
       "r.toml:8: \"network.layers[0]\" (average_pool) would round the input, which is rounded once; put it after a "
       "layer with weights"},
      {"units = 10", "units = 12",
       "r.toml:16: \"network.layers\" ends in a dense layer of 12 outputs; data set \"digits\" needs a dense layer of "
       "10 units at the end"},
      {"padding = 2", "padding = [1, 2, 3]",
       "r.toml:8: \"network.layers[0].padding\" has 3 numbers; it must have 1 or 2 or 4"},
      {"[3, 3]", "[3, 3, 3]", "r.toml:11: \"network.layers[3].kernel\" has 3 numbers; it must have 1 or 2"},
      {"[3, 3]", "[]", "r.toml:11: \"network.layers[3].kernel\" has 0 numbers; it must have 1 or 2"},
      {"kernel = 5", "kernel = 0",
       "r.toml:8: \"network.layers[0].kernel\" is 0; it must be at least 1 and at most 1000000"},
      {"kernel = 5", "kernel = \"5\"",
       "r.toml:8: \"network.layers[0].kernel\" wants an integer or an array of integers, not the string \"5\""},
      {"kernel = 5, ", "", "r.toml:8: \"network.layers[0].kernel\" is missing"},
      {"\"after_pool\"", "\"after_pol\"",
       "r.toml:8: \"network.layers[0].bias\" is \"after_pol\", which is unknown; the nearest is \"after_pool\""},
      {"[train]\n", "[train]\nepochs = 6\n",
       "r.toml:21: \"train.epochs\" is 6, but the stages last 5; change the stages, or --set train.epochs=5"},
      {"default = \"dfx12:sat:rna\"", "activation = \"q4.4\"",
       "r.toml:23: \"train.stages[1]\": activation is q4.4:sat:rne here and dfx10:sat:rna in [formats]; a stage cannot "
       "begin or end ranges, so both are dfx formats or neither is"},
      {"epochs = 3, default", "default", "r.toml:23: \"train.stages[1].epochs\" is missing"},
      {"epochs = 3, default", "epochs = 3, wieght = \"dfx8\", default",
       "r.toml:23: unknown key \"train.stages[1].wieght\"; the nearest is \"train.stages[1].weight\""},
      {"factor = 0.5, at", "factor = 0, at",
       "r.toml:25: \"train.learning_rate.factor\" is 0; it must be above 0 and at most 1000000"},
      {"at = [2, 4]", "at = [0, 4]",
       "r.toml:25: \"train.learning_rate.at[0]\" is 0; it must be at least 1 and at most 1000000"},
  };
  return kRows;
}

TEST(ConvolutionRecipeErrors, NameOriginLayersShapesAndTheWayOut) {
  ASSERT_EQ(parse_error(kSample), "no error");
  for (const BadLayer& row : bad_layers()) {
    const std::string text = changed(row.from, row.to);
    ASSERT_FALSE(text.empty()) << "the sample lost: " << row.from;
    EXPECT_EQ(parse_error(text), row.message);
  }
}

TEST(ConvolutionRecipeErrors, LayersThatDoNotMeetAreShapeErrors) {
  EXPECT_THROW(parse_recipe(changed("groups = 2", "groups = 3"), "r.toml", {}), ShapeError);
}

}  // namespace
}  // namespace dyadic
