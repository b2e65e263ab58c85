// Recipes of discrete networks: what follows from what, and every way they can be wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "dyadic/base/error.h"
#include "dyadic/experiment/recipe.h"

namespace dyadic {
namespace {

Recipe discrete(const std::vector<Override>& overrides) {
  return read_recipe(std::string(DYADIC_SOURCE_DIR) + "/recipes/gxnor2018/mnist.toml", overrides);
}

std::string discrete_error(const std::vector<Override>& overrides) {
  try {
    discrete(overrides);
  } catch (const UsageError& error) {
    const std::string text = error.what();
    return text.substr(text.find(": ") + 2);  // after the line
  }
  return "";
}

std::string role_of(const Recipe& recipe, Role role) { return recipe.formats.at("h", role).name; }

TEST(DiscreteRecipe, DiscreteWeightsHaveNoMasterBesideThem) {
  EXPECT_EQ(role_of(discrete({}), Role::weight_master), "ternary");
  EXPECT_EQ(role_of(discrete({"formats.weight=z6"}), Role::weight_master), "z6");
  EXPECT_EQ(role_of(discrete({"formats.weight=float32"}), Role::weight_master), "float32");
  EXPECT_EQ(role_of(discrete({"formats.weight_master=float32"}), Role::weight_master), "float32");  // a hidden copy
}

TEST(DiscreteRecipe, RolesOfNormalisationAndMomentsAreFloat32UnlessNamed) {
  const Recipe recipe = discrete({"formats.default=q4.12", "formats.statistics=bfloat16"});
  EXPECT_EQ(role_of(recipe, Role::bias_master), "q4.12");
  EXPECT_EQ(role_of(recipe, Role::scale_master), "float32");
  EXPECT_EQ(role_of(recipe, Role::weight_moment), "float32");
  EXPECT_EQ(role_of(recipe, Role::statistics), "bfloat16");
}

TEST(DiscreteRecipe, TextReadsBackAsTheSameRecipe) {
  const Recipe recipe = discrete(
      {"formats.statistics=bfloat16", "train.optimizer.beta1=0.5", "train.optimizer.epsilon=1e-6",
       "train.optimizer.transition_factor=2", "train.warmup_epochs_at_zero=1", "network.layers.2.epsilon=1e-5",
       "network.layers.2.average=0.25", "network.layers.3.threshold=0.25", "network.layers.3.window=triangular",
       "network.layers.3.half_width=0.75", "network.layers.0.init_limit=1.5"});
  EXPECT_EQ(parse_recipe(recipe_text(recipe), "again", {}), recipe);
}

TEST(DiscreteRecipe, ErrorsNameTheLayerTheValueAndTheWayOut) {
  const std::vector<std::pair<std::vector<Override>, std::string>> rows = {
      {{"formats.weight=z9"}, "\"formats.weight_master\" is z9; weights and activations take z0 (binary) to z8"},
      {{"formats.activation=z12"}, "\"formats.activation\" is z12; weights and activations take z0 (binary) to z8"},
      {{"network.layers.3.threshold=1"},
       "\"network.layers[3]\" (multi_step): threshold 1.0 leaves one state of ternary:sat:rne, whose largest is 1.0; "
       "it "
       "must be below that"},
      {{"formats.activation=\"ternary*0.5\"", "network.layers.3.threshold=0.25"},
       "\"network.layers[7]\" (multi_step): threshold 0.5 leaves one state of ternary*0.5:sat:rne, whose largest is "
       "0.5; "
       "it must be below that"},
      {{"network.layers.3.half_width=0"},
       "\"network.layers[3].half_width\" is 0; it must be above 0 and at most 1000000"},
      {{"network.layers.3.window=round"},
       "\"network.layers[3].window\" is \"round\", which is unknown; the nearest is \"triangular\""},
      {{"network.layers.0.bias=sum"},
       "\"network.layers[2]\" (batch_norm) has a bias of its own: give conv2d c1 bias = \"none\""},
      {{"network.layers.1={ type = \"batch_norm\" }"},
       "\"network.layers[2]\" (batch_norm) is the second one of node c1"},
      {{"network.layers.4={ type = \"batch_norm\" }"},
       "\"network.layers[4]\" (batch_norm) must come before any mask, after a layer with weights that has no "
       "activation "
       "yet"},
      {{"train.batch=1"},
       "\"network.layers[10]\" (batch_norm) has one value of each channel in a batch, whose variance is zero; make "
       "train.batch larger"},
      {{"network.layers.12.bias=sum", "network.layers.13={ type = \"max_pool\", size = 1 }"},
       "\"network.layers[13]\" (max_pool) cannot follow \"network.layers[12]\" (dense out), which gives [10]: it needs "
       "[height, width, channels], not [10]; write network.input = [height, width, channels], and flatten after the "
       "last "
       "such layer"},
      {{"network.layers.12.max_column_norm=2"},
       "\"network.layers[12]\" (dense out): discrete weights have no norm step; leave out the largest norm"},
      {{"formats.weight=float32", "network.layers.12.max_column_norm=2"},
       "\"network.layers[12]\" (dense out): the norm step belongs to sgd; leave out the largest norm, or the optimizer "
       "adam"},
      {{"train.learning_rate={start = 0.1, end = 0, curve = \"geometric\"}"},
       "\"train.learning_rate\" goes from 0.1 to 0.0 by one factor, so both must be above 0"},
      {{"train.optimizer.beta2=1"}, "\"train.optimizer.beta2\" is 1; it must be at least 0 and below 1"},
      {{"data.pixels=centred"}, "\"data.pixels\" is \"centred\", which is unknown; the nearest is \"signed\""},
  };
  for (const auto& [overrides, message] : rows) EXPECT_EQ(discrete_error(overrides), message) << overrides.front();
}

TEST(DiscreteRecipe, BlocksAreForTheOptimisersOwnState) {
  const Recipe recipe = discrete({"formats.weight_update=bfp8b32:sat:sr", "formats.weight_moment=bfp8b32:sat:sr",
                                  "formats.bias_moment=bfp8b8", "formats.scale_update=bfp16b256",
                                  "formats.node=[{match = \"c1\", weight_moment = \"bfp6b64\"}]"});
  EXPECT_EQ(recipe.formats.at("c1", Role::weight_moment).name, "bfp6b64");
  EXPECT_EQ(role_of(recipe, Role::weight_update), "bfp8b32");
  EXPECT_EQ(parse_recipe(recipe_text(recipe), "again", {}), recipe);
  for (const std::string role : {"weight", "bias", "input", "preactivation", "activation", "d_preactivation",
                                 "d_activation", "d_weight", "d_bias", "weight_master", "bias_master", "scale",
                                 "d_scale", "scale_master", "normalized", "d_normalized", "statistics"}) {
    EXPECT_EQ(discrete_error({"formats." + role + "=bfp8b32"}),
              "\"formats." + role +
                  "\" is bfp8b32, but blocks are for the optimiser's own state, the roles *_update and *_moment; name "
                  "another format");
  }
  const std::string message =
      " is bfp8b32, but blocks are for the optimiser's own state, the roles *_update and *_moment; name another format";
  EXPECT_EQ(discrete_error({"formats.node=[{match = \"c1\", d_weight = \"bfp8b32\"}]"}),
            "\"formats.node[0].d_weight\"" + message);
  EXPECT_EQ(discrete_error({"train.stages=[{epochs = 1, d_weight = \"bfp8b32\"}, {epochs = 1}]", "train.epochs=2"}),
            "\"train.stages[0].d_weight\"" + message);
  EXPECT_EQ(discrete_error({"formats.weight_update=bfp8b24"}),
            "\"formats.weight_update\": format 'bfp8b24': blocks of 24 elements are no power of two in 8..256");
}

TEST(DiscreteRecipe, TheNormStepTakesNoMomentumInBlocks) {
  const std::vector<Override> overrides = {"formats.weight=float32", "network.layers.12.max_column_norm=2",
                                           "train.optimizer.type=sgd", "formats.weight_update=bfp8b32"};
  EXPECT_EQ(
      discrete_error(overrides),
      "\"network.layers[12]\" (dense out): the norm step takes no momentum in blocks (bfp8b32:sat:rne); leave out "
      "the largest norm, or give weight_update another format");
  EXPECT_EQ(discrete_error({overrides[0], overrides[2], overrides[3]}), "");
}

TEST(DiscreteRecipe, PreparedSetsHaveNoPixels) {
  const std::string path = std::string(DYADIC_SOURCE_DIR) + "/recipes/gxnor2018/cifar10.toml";
  EXPECT_EQ(read_recipe(path, {"formats.weight=z3"}).formats.at("c6", Role::weight_master).name, "z3");
  EXPECT_EQ(
      read_recipe(std::string(DYADIC_SOURCE_DIR) + "/recipes/gxnor2018/svhn.toml", {"data.name=svhn"}).train.batch,
      1000);
  try {
    read_recipe(path, {"data.name=cifar10-whitened"});
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(),
                testing::EndsWith("\"data.pixels\" is \"signed\", but \"cifar10-whitened\" holds prepared "
                                  "numbers, not pixels; leave it out, or take \"cifar10\""));
  }
}

TEST(DiscreteRecipe, LayersThatPutZerosWantThem) {
  const std::string layers = "network.layers.3={ type = \"relu\" }";
  EXPECT_EQ(
      discrete_error({layers, "formats.normalized=binary"}),
      "\"network.layers[3]\" (relu) needs zeros, and binary:sat:rne has none: give role normalized of node \"c1\" "
      "another format");
  EXPECT_EQ(
      discrete_error({layers, "formats.d_activation=binary"}),
      "\"network.layers[3]\" (relu) needs zeros, and binary:sat:rne has none: give role d_activation of node \"c1\" "
      "another format");
  EXPECT_EQ(discrete_error({"network.layers.8={ type = \"dropout\", keep = 0.5 }", "formats.activation=binary"}),
            "\"network.layers[8]\" (dropout) needs zeros, and binary:sat:rne has none: give role activation of node "
            "\"c2\" another format");
}

TEST(DiscreteRecipe, ExactSumsFit32Bits) {
  EXPECT_EQ(
      discrete_error({"formats.weight=q16.16", "formats.weight_master=q16.16"}),
      "\"network.layers[0]\" (conv2d c1): exact sums of 25 products of q1.7:sat:rne and q16.16:sat:rne do not fit 32 "
      "bits; name a format for the preactivation");
  // 4 x 4 x 64 values of 2^11 times weights of 2^7 fit, of 2^12 times 2^8 do not: the first layer that reads them is
  // c2.
  EXPECT_EQ(discrete_error({"formats.activation=q6.6", "formats.weight=q4.4"}), "");
  EXPECT_EQ(
      discrete_error({"formats.activation=q8.8", "formats.weight=q4.4"}),
      "\"network.layers[4]\" (conv2d c2): exact sums of 800 products of q8.8:sat:rne and q4.4:sat:rne do not fit 32 "
      "bits; name a format for the preactivation");
}

TEST(DiscreteRecipe, ExactSumsTakeNoBias) {
  const std::string text =
      "[data]\nname = \"mnist\"\n[network]\nlayers = [{ name = \"out\", type = \"dense\", units = 10 }]\n"
      "[formats]\ninput = \"uq0.8\"\nweight = \"ternary\"\npreactivation = \"exact\"\n";
  try {
    parse_recipe(text, "r.toml", {});
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_EQ(
        std::string(error.what()),
        "r.toml:4: \"network.layers[0]\" (dense out): an exact preactivation takes no bias: write bias = \"none\"");
  }
}

TEST(Schedule, MovesByOneFactorWhereItIsGeometric) {
  const Schedule falling = {.start = 0.1, .end = 1e-5, .curve = "geometric"};
  const Schedule rising = {.start = 1e-3, .end = 4, .until_fraction = 0.5, .curve = "geometric"};
  for (std::int64_t epoch = 0; epoch < 20; ++epoch) {
    EXPECT_NEAR(falling.at(epoch, 20) / (0.1 * std::pow(1e-4, static_cast<double>(epoch) / 20)), 1, 1e-14);
    EXPECT_NEAR(rising.at(epoch, 20) / (1e-3 * std::pow(4e3, std::min(1.0, static_cast<double>(epoch) / 10))), 1,
                1e-14);
  }
  EXPECT_EQ(falling.at(0, 20), 0.1);
  EXPECT_EQ(falling.at(20, 20), 1e-5);
  EXPECT_EQ(rising.at(15, 20), 4);
}

}  // namespace
}  // namespace dyadic
