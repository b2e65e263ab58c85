// Every way a recipe can be wrong, with the whole message that a user sees.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dyadic/base/error.h"
#include "dyadic/experiment/recipe.h"
#include "tests/experiment/recipe_sample.h"

namespace dyadic {
namespace {

struct BadText {
  std::string from;
  std::string to;
  std::string message;
};

const std::vector<BadText>& bad_texts() {
  static const std::vector<BadText> kRows = {
      {"epochs", "epocs", "r.toml:20: unknown key \"train.epocs\"; the nearest is \"train.epochs\""},
      {"[train]", "[trian]", "r.toml:19: unknown key \"trian\"; the nearest is \"train\""},
      {"seed", "sead", "r.toml:1: unknown key \"sead\"; the nearest is \"seed\""},
      {"initial", "initail",
       "r.toml:18: unknown key \"formats.range.initail\"; the nearest is \"formats.range.initial\""},
      {"default", "wieght_master = \"dfx12\"\ndefault",
       "r.toml:14: unknown key \"formats.wieght_master\"; the nearest is \"formats.weight_master\""},
      {"keep", "keap",
       "r.toml:8: unknown key \"network.layers[0].keap\"; the nearest is \"network.layers[0].keep\" (a dropout layer "
       "takes type, keep)"},
      {"pieces = 5", "pieces = 5, units = 3",
       "r.toml:10: unknown key \"network.layers[2].units\"; the nearest is \"network.layers[2].pieces\" (a maxout "
       "layer "
       "takes type, pieces)"},
      {"until_fraction", "until_franction",
       "r.toml:22: unknown key \"train.learning_rate.until_franction\"; the nearest is "
       "\"train.learning_rate.until_fraction\""},
      {"epochs = 3", "epochs = \"many\"", "r.toml:20: \"train.epochs\" wants an integer, not the string \"many\""},
      {"epochs = 3", "epochs = 3.0", "r.toml:20: \"train.epochs\" wants an integer, not the number 3.0"},
      {"epochs = 3", "epochs = 0", "r.toml:20: \"train.epochs\" is 0; it must be at least 1 and at most 1000000"},
      {"epochs = 3", "epochs = 2020-01-01", "r.toml:20: \"train.epochs\" wants an integer, not a date or time"},
      {"seed = 7", "seed = -7", "r.toml:1: \"seed\" is -7; it must be at least 0"},
      {"seed = 7", "seed = true", "r.toml:1: \"seed\" wants an integer, not true"},
      {"name = \"digits\"", "name = 3", "r.toml:3: \"data.name\" wants a string, not the integer 3"},
      {"\"digits\"", "\"digit\"", "r.toml:3: \"data.name\" is \"digit\", which is unknown; the nearest is \"digits\""},
      {"split = { train = 500, valid = 100 }", "split = 5",
       "r.toml:4: \"data.split\" wants a table, not the integer 5"},
      {"train = 500", "train = 0", "r.toml:4: \"data.split.train\" is 0; it must be at least 1 and at most 2147483647"},
      {"layers = [", "layers = 1 #", "r.toml:8:3: not TOML: "},
      {"[784]", "784", "r.toml:6: \"network.input\" wants an array of integers, not the integer 784"},
      {"[784]", "[28, 29]",
       "r.toml:6: \"network.input\" is [28, 29], but an example of data set \"digits\" has 784 values"},
      {"[784]", "[2000000000, 2000000000, 2000000000]",
       "r.toml:6: \"network.input\" is [2000000000, 2000000000, 2000000000], but an example of data set \"digits\" has "
       "784 values"},
      {"[784]", "[]", "r.toml:6: \"network.input\" is [], but an example of data set \"digits\" has 784 values"},
      {"\"dropout\"", "\"dropuot\"",
       "r.toml:8: \"network.layers[0].type\" is \"dropuot\", which is unknown; the nearest is \"dropout\""},
      {"type = \"dropout\", ", "", "r.toml:8: \"network.layers[0].type\" is missing"},
      {", keep = 0.8", "", "r.toml:8: \"network.layers[0].keep\" is missing"},
      {"name = \"h1\", ", "", "r.toml:9: \"network.layers[1].name\" is missing"},
      {"{ type = \"dropout\", keep = 0.8 }", "3", "r.toml:8: \"network.layers[0]\" wants a table, not the integer 3"},
      {"keep = 0.8", "keep = 0", "r.toml:8: \"network.layers[0].keep\" is 0; it must be above 0 and at most 1"},
      {"keep = 0.8", "keep = 1.5", "r.toml:8: \"network.layers[0].keep\" is 1.5; it must be above 0 and at most 1"},
      {"keep = 0.8", "keep = nan", "r.toml:8: \"network.layers[0].keep\" is nan; it must be above 0 and at most 1"},
      {"units = 20", "units = 21",
       "r.toml:10: \"network.layers[2]\" (maxout) cannot follow \"network.layers[1]\" (dense h1), which gives [21]: 5 "
       "pieces do not divide 21 units"},
      {"units = 10", "units = 11",
       "r.toml:11: \"network.layers\" ends in a dense layer of 11 outputs; data set \"digits\" needs a dense layer of "
       "10 units at the end"},
      {"  { name = \"out\", type = \"dense\", units = 10, init = \"zero\", test_scale = 0.5 },\n", "",
       "r.toml:10: \"network.layers\" ends in a maxout layer of 4 outputs; data set \"digits\" needs a dense layer of "
       "10 units at the end"},
      {"name = \"out\"", "name = \"h1\"",
       "r.toml:11: \"network.layers[3].name\" is \"h1\", which an earlier layer has; names are unique"},
      {"name = \"out\"", "name = \"o t\"",
       "r.toml:11: \"network.layers[3].name\" is \"o t\"; a name is 1 to 64 letters, digits and _"},
      {"name = \"out\"", "name = \"input\"",
       "r.toml:11: \"network.layers[3].name\" is \"input\", which names the network's input; choose another"},
      {"test_scale = 0.5", "test_scale = 0.8",
       "r.toml:11: \"network.layers[3].test_scale\" is 0.8; it must be a power of two, at least 9.5367431640625e-07 "
       "and "
       "at most 1048576"},
      {"init = \"zero\"", "init = \"zeros\"",
       "r.toml:11: \"network.layers[3].init\" is \"zeros\", which is unknown; the nearest is \"zero\""},
      {"\"dfx10:sat:rna\"", "\"dfz10:sat:rna\"",
       "r.toml:14: \"formats.default\": format 'dfz10': unknown format; the nearest is 'dfx10' ('dyadic formats' lists "
       "them)"},
      {"\"dfx10:sat:rna\"", "\"dfx33\"", "r.toml:14: \"formats.default\": format 'dfx33': width 33 is outside 2..32"},
      {"\"dfx10:sat:rna\"", "10", "r.toml:14: \"formats.default\" wants a format name, not the integer 10"},
      {"\"dfx10:sat:rna\"", "\"dfx10@3\"",
       "r.toml:14: \"formats.default\": format 'dfx10@3' has a range of its own, but ranges are found in training; "
       "write 'dfx10' and set formats.range.initial"},
      {"weight_master = \"dfx12:sat:rna\"", "weight_master = \"q6.6s\"",
       "r.toml:15: node \"h1\": weight is dfx10:sat:rna but weight_master is q6.6s:sat:rne; they share one range, so "
       "both are dfx formats or neither is"},
      {"bias_master = \"dfx12:sat:rna\"", "bias = \"float32\"\nbias_master = \"dfx12:sat:rna\"",
       "r.toml:16: node \"h1\": bias is float32:inf:rne but bias_master is dfx12:sat:rna; they share one range, so "
       "both "
       "are dfx formats or neither is"},
      {"default = ", "input = \"dfx8\"\ndefault = ",
       "r.toml:14: \"formats.input\" is dfx8, but inputs have no range controller; use a fixed or float format"},
      {"default = ", "activation = \"exact\"\ndefault = ",
       "r.toml:14: \"formats.activation\" is exact, but only sums, which are preactivations, can be; name a format "
       "that rounds"},
      {"[formats.range]", "[[formats.node]]\nmatch = \"ouch\"\n[formats.range]",
       "r.toml:18: \"formats.node[0].match\" is \"ouch\", which no layer is named; the nearest is \"out\""},
      {"[formats.range]", "[[formats.node]]\nactivation = \"float32\"\n[formats.range]",
       "r.toml:17: \"formats.node[0].match\" is missing"},
      {"initial = 4", "initial = 48",
       "r.toml:18: \"formats.range.initial\" is 48; it must be at least -48 and at most 47"},
      {"initial = 4", "max_overflow = 1",
       "r.toml:18: \"formats.range.max_overflow\" is 1; it must be at least 0 and below 1"},
      {"initial = 4", "update_every = 0",
       "r.toml:18: \"formats.range.update_every\" is 0; it must be at least 1 and at most 2147483647"},
      {"initial = 4", "init_epochs = -1",
       "r.toml:18: \"formats.range.init_epochs\" is -1; it must be at least 0 and at most 1000"},
      {"initial = 4", "measure = \"saturate\"",
       "r.toml:18: \"formats.range.measure\" is \"saturate\", which is unknown; the nearest is \"saturated\""},
      {"batch = 50", "batch = 501",
       "r.toml:21: \"train.batch\" is 501, more than the 500 training examples of data.split.train"},
      {"start = 0.05", "start = -0.05",
       "r.toml:22: \"train.learning_rate.start\" is -0.05; it must be at least 0 and at most 1000000"},
      {"start = 0.05, ", "", "r.toml:22: \"train.learning_rate.start\" is missing"},
      {"until_fraction = 0.5", "until_fraction = 0",
       "r.toml:22: \"train.learning_rate.until_fraction\" is 0; it must be above 0 and at most 1"},
      {"[train]", "[train]\noptimizer = { type = \"sdg\" }",
       "r.toml:20: \"train.optimizer.type\" is \"sdg\", which is unknown; the nearest is \"sgd\""},
      {"epochs = 3", "epochs = 3\nepochs = 4", "r.toml:21:10: not TOML: "},
      {"seed = 7", "seed = ", "r.toml:1:8: not TOML: "},
  };
  return kRows;
}

TEST(RecipeErrors, NameOriginKeyValueAndTheWayOut) {
  for (const BadText& row : bad_texts()) {
    const std::string text = changed_sample(row.from, row.to);
    ASSERT_FALSE(text.empty()) << "the sample lost: " << row.from;
    const std::string message = parse_error(text);
    // What follows "not TOML" is the parser's own wording.
    if (row.message.ends_with("not TOML: ")) EXPECT_EQ(message.substr(0, row.message.size()), row.message);
    else EXPECT_EQ(message, row.message);
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
}

TEST(RecipeErrors, AMissingNetworkIsNamed) {
  EXPECT_EQ(parse_error("seed = 1\n"), "r.toml:1: \"network.layers\" is missing");
}

TEST(RecipeErrors, LayersThatDoNotMeetAreShapeErrors) {
  EXPECT_THROW(parse_recipe(changed_sample("units = 20", "units = 21"), "r.toml", {}), ShapeError);
}

TEST(RecipeErrors, ANetworkWithoutADenseLayerIsRefused) {
  EXPECT_EQ(parse_error(kSampleRecipe, {"network.layers=[{type = \"dropout\", keep = 0.5}]"}),
            "--set network.layers=[{type = \"dropout\", keep = 0.5}]: \"network.layers\" has no dense layer; nothing "
            "could be learnt");
  EXPECT_EQ(parse_error(kSampleRecipe, {"network.layers=[]"}),
            "--set network.layers=[]: \"network.layers\" has no dense layer; nothing could be learnt");
}

TEST(RecipeErrors, ARunOfMoreThan2To32StepsIsRefused) {
  EXPECT_EQ(parse_error(kSampleRecipe, {"train.epochs=1000000", "train.batch=1", "data.split.train=50000"}),
            "--set train.epochs=1000000: \"train.epochs\" is 1000000: 50000100000 steps are more than the 2^32 that a "
            "run may have");
}

TEST(RecipeErrors, AMissingFileIsMissingInput) {
  EXPECT_THROW(read_recipe("no/such/recipe.toml", {}), MissingInputError);
}

TEST(RecipeErrors, BytesThatAreNoTextAreRefused) {
  EXPECT_EQ(parse_error("seed = \xff\xfe\n").substr(0, 7), "r.toml:");
  EXPECT_EQ(parse_error(std::string("seed\0 = 1", 9)).substr(0, 7), "r.toml:");
}

}  // namespace
}  // namespace dyadic
