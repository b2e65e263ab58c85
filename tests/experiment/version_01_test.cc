// Recipes of version 0.1: whoever has a run directory of it can go on, because a recipe that uses nothing newer is
// written with the same bytes, and checkpoints hold its checksum.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "dyadic/base/sha256.h"
#include "dyadic/experiment/recipe.h"

namespace dyadic {
namespace {

// What version 0.1 wrote into recipe.toml for PI_MNIST DFXP 5 9 11 100 0.0001 2.
const std::string kVersion01 = R"(title = "PI_MNIST DFXP 5 9 11 100 0.0001 2"
paper = "Courbariaux, Bengio, David 2014, table 3"
seed = 1234

[data]
name = "mnist"
split.train = 50000
split.valid = 10000

[network]
input = [784]
layers = [
  { type = "dropout", keep = 0.8 },
  { type = "dense", name = "h1", units = 1200, init = "glorot_uniform", max_column_norm = 1.9365, test_scale = 1.0, learning_rate_scale = 1.0 },
  { type = "maxout", pieces = 5 },
  { type = "dropout", keep = 0.5 },
  { type = "dense", name = "h2", units = 1200, init = "glorot_uniform", max_column_norm = 1.9365, test_scale = 0.5, learning_rate_scale = 1.0 },
  { type = "maxout", pieces = 5 },
  { type = "dropout", keep = 0.5 },
  { type = "dense", name = "out", units = 10, init = "zero", max_column_norm = 1.9365, test_scale = 0.5, learning_rate_scale = 1.0 },
]
loss = "softmax_nll"
loss_scale = "classes"
ties = "all"
straight_through = "all"
input_gradient = "quantized"

[formats]
weight = "dfx10:sat:rna"
bias = "dfx10:sat:rna"
input = "uq0.8:sat:rne"
preactivation = "dfx10:sat:rna"
activation = "dfx10:sat:rna"
d_preactivation = "dfx10:sat:rna"
d_activation = "dfx10:sat:rna"
d_weight = "dfx10:sat:rna"
d_bias = "dfx10:sat:rna"
weight_update = "dfx10:sat:rna"
bias_update = "dfx10:sat:rna"
weight_master = "dfx12:sat:rna"
bias_master = "dfx12:sat:rna"

[formats.range]
initial = 5
update_every = 100
max_overflow = 0.0001
init_epochs = 2
measure = "saturated"
reset_momentum = false

[train]
epochs = 800
batch = 100
optimizer.type = "sgd"
learning_rate = { start = 0.05, end = 0.005, until_fraction = 0.5 }
momentum = { start = 0.5, end = 0.7, until_fraction = 0.25 }
patience = 5
checkpoint_every = 1
keep_checkpoints = 2
)";

TEST(Version01, ItsRecipeFileIsReadAndWrittenByteForByte) {
  const Recipe recipe = parse_recipe(kVersion01, "recipe.toml", {});
  EXPECT_EQ(recipe, task_recipe({"PI_MNIST", "DFXP", "5", "9", "11", "100", "0.0001", "2"}, {}));
  EXPECT_EQ(recipe_text(recipe), kVersion01);
}

// Checksums of the files that version 0.1 wrote.
TEST(Version01, TasksGiveTheSameRecipeFiles) {
  struct Row {
    std::vector<std::string> words;
    std::string_view sha256;
  };
  const std::vector<Row> rows = {
      {{"PI_MNIST", "FLP"}, "66415e5f51c11b8929022a386246b4054bc487054ea40be29d98c9d97fdc986b"},
      {{"PI_MNIST", "HFLP"}, "ba352ed737834a222b866967e4a338110694567063eab203befb83d2739461f0"},
      {{"PI_MNIST", "FXP", "5", "19", "19"}, "6ad923b879ba47de00d80ccba7466e46a9fbb51afdb06ae9020d5b4d37edd323"},
      {{"PI_MNIST", "DFXP", "5", "9", "11", "100", "0.0001", "2"},
       "bb232c936388b9f813d3753b478794b98725543b03556c56cd1dbea7febed761"},
      {{"PI_DIGITS", "DFXP", "5", "9", "11"}, "795c160bc941c521fc99107514243d9e2ebe574cb9852eb19bd92a64d738aa9b"},
  };
  for (const Row& row : rows) {
    const std::string text = recipe_text(task_recipe(row.words, {}));
    EXPECT_EQ(sha256_hex({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}), row.sha256) << text;
  }
}

}  // namespace
}  // namespace dyadic
