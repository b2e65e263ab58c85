#include "dyadic/experiment/tasks.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "dyadic/base/error.h"
#include "dyadic/experiment/recipe.h"

namespace dyadic {
namespace {

std::vector<std::string> words(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> result;
  for (std::string word; stream >> word;) result.push_back(word);
  return result;
}

Recipe recipe_of(const std::string& line) { return task_recipe(words(line), {}); }

std::string error_of(const std::string& line) {
  try {
    recipe_of(line);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "no error";
}

std::string format_of(const Recipe& recipe, Role role) { return format_name(recipe.formats.roles.at(role)); }

TEST(Task, FxpDoesNotCountTheSign) {
  const Recipe recipe = recipe_of("PI_MNIST FXP 5 9 11");
  EXPECT_EQ(format_of(recipe, Role::weight), "q6.4s:sat:rna");
  EXPECT_EQ(format_of(recipe, Role::weight_update), "q6.4s:sat:rna");
  EXPECT_EQ(format_of(recipe, Role::weight_master), "q6.6s:sat:rna");
  EXPECT_EQ(format_of(recipe, Role::bias_master), "q6.6s:sat:rna");
  EXPECT_EQ(format_of(recipe, Role::input), "uq0.8:sat:rne");
  EXPECT_EQ(format_of(recipe_of("PI_MNIST FXP 5 19 19"), Role::d_weight), "q6.14s:sat:rna");
  EXPECT_EQ(format_of(recipe_of("PI_MNIST FXP -2 9 11"), Role::weight), "q-1.11s:sat:rna");
  EXPECT_EQ(format_of(recipe_of("PI_MNIST FXP 9 4 11"), Role::weight), "q10.-5s:sat:rna");
}

TEST(Task, DfxpDoesNotCountTheSign) {
  const Recipe recipe = recipe_of("PI_MNIST DFXP 3 9 11 50 0.001 4");
  EXPECT_EQ(format_of(recipe, Role::weight), "dfx10:sat:rna");
  EXPECT_EQ(format_of(recipe, Role::bias_master), "dfx12:sat:rna");
  EXPECT_EQ(format_of(recipe, Role::input), "uq0.8:sat:rne");
  EXPECT_EQ(recipe.formats.range.initial, 3);
  EXPECT_EQ(recipe.formats.range.update_every, 50);
  EXPECT_EQ(recipe.formats.range.max_overflow, 0.001);
  EXPECT_EQ(recipe.formats.range.init_epochs, 4);
}

TEST(Task, DfxpRangeArgumentsMayBeLeftOut) {
  Recipe six = recipe_of("PI_MNIST DFXP 5 9 11 100 0.0001 2");
  Recipe three = recipe_of("PI_MNIST DFXP 5 9 11");
  three.title = six.title = "";
  EXPECT_EQ(three, six);
}

TEST(Task, HflpIsHalfPrecisionInEveryRole) {
  const Recipe recipe = recipe_of("PI_DIGITS HFLP");
  for (const auto& [role, format] : recipe.formats.roles) {
    const bool is_of_normalisation = role >= Role::scale;
    EXPECT_EQ(format_name(format), is_of_normalisation ? "float32:inf:rne" : "float16:inf:rne") << role_name(role);
  }
  EXPECT_EQ(recipe.data.name, "digits");
}

TEST(Task, FlpIsFloat32InEveryRole) {
  for (const auto& [role, format] : recipe_of("PI_MNIST FLP").formats.roles) EXPECT_EQ(format.name, "float32");
}

TEST(Task, TakesTheWidestFormats) {
  EXPECT_EQ(format_of(recipe_of("PI_MNIST DFXP 5 31 31"), Role::weight), "dfx32:sat:rna");
  EXPECT_EQ(format_of(recipe_of("PI_MNIST DFXP 5 1 1"), Role::weight), "dfx2:sat:rna");
}

TEST(Task, OverridesReachItsRecipe) {
  const Recipe recipe = task_recipe(words("PI_MNIST FLP"), {"train.epochs=40", "formats.default=bfloat16"});
  EXPECT_EQ(recipe.train.epochs, 40);
  EXPECT_EQ(recipe.formats.roles.at(Role::weight).name, "bfloat16");
}

TEST(Task, ErrorsNameTheArgumentAndTheGrammar) {
  const std::string fxp = "; usage: PI_MNIST FXP INITIAL_RANGE PROP_BITS UPDATE_BITS";
  const std::string dfxp =
      "; usage: PI_MNIST DFXP INITIAL_RANGE PROP_BITS UPDATE_BITS [UPDATE_EVERY MAX_OVERFLOW INIT_EPOCHS]";
  const std::string limits = "; it must be in 1..31 (2 to 32 bits with the sign)";
  const std::string all =
      "; usage: TASK FORMAT [INITIAL_RANGE PROP_BITS UPDATE_BITS [UPDATE_EVERY MAX_OVERFLOW INIT_EPOCHS]]";
  const std::vector<std::pair<std::string, std::string>> kRows = {
      {"", "TASK is missing" + all},
      {"PI_MNST FLP",
       "unknown task 'PI_MNST'; the nearest is 'PI_MNIST'; tasks: PI_MNIST, PI_DIGITS, MNIST, DIGITS, "
       "CIFAR10, SVHN, SCENES"},
      {"PI_MNIST", "FORMAT is missing; formats: FLP, HFLP, FXP, DFXP" + all},
      {"PI_MNIST DFPX 5 9 11", "unknown format 'DFPX'; the nearest is 'DFXP'; formats: FLP, HFLP, FXP, DFXP"},
      {"PI_MNIST FLP 5", "surplus argument '5'; usage: PI_MNIST FLP"},
      {"PI_MNIST HFLP 5 9 11", "surplus argument '5'; usage: PI_MNIST HFLP"},
      {"PI_MNIST FXP", "INITIAL_RANGE is missing" + fxp},
      {"PI_MNIST FXP 5 9", "UPDATE_BITS is missing" + fxp},
      {"PI_MNIST FXP 5 9 11 100", "surplus argument '100'" + fxp},
      {"PI_MNIST DFXP 5 9", "UPDATE_BITS is missing" + dfxp},
      {"PI_MNIST DFXP 5 9 11 100", "MAX_OVERFLOW is missing" + dfxp},
      {"PI_MNIST DFXP 5 9 11 100 0.1", "INIT_EPOCHS is missing" + dfxp},
      {"PI_MNIST DFXP 5 9 11 100 0.1 2 7", "surplus argument '7'" + dfxp},
      {"PI_MNIST FXP five 9 11", "INITIAL_RANGE is 'five', which is not an integer" + fxp},
      {"PI_MNIST FXP 5 9.5 11", "PROP_BITS is '9.5', which is not an integer" + fxp},
      {"PI_MNIST FXP 5 9 11x", "UPDATE_BITS is '11x', which is not an integer" + fxp},
      {"PI_MNIST FXP 5 0 11", "PROP_BITS is 0" + limits + fxp},
      {"PI_MNIST FXP 5 32 11", "PROP_BITS is 32" + limits + fxp},
      {"PI_MNIST DFXP 5 9 32", "UPDATE_BITS is 32" + limits + dfxp},
      {"PI_MNIST DFXP 5 9 99999999999999999999", "UPDATE_BITS is 99999999999999999999" + limits + dfxp},
      {"PI_MNIST DFXP 48 9 11", "INITIAL_RANGE is 48; it must be in -48..47" + dfxp},
      {"PI_MNIST DFXP 5 9 11 0 0.1 2", "UPDATE_EVERY is 0; it must be in 1..2147483647" + dfxp},
      {"PI_MNIST DFXP 5 9 11 100 1 2", "MAX_OVERFLOW is 1; it must be in 0 up to, but not, 1" + dfxp},
      {"PI_MNIST DFXP 5 9 11 100 nan 2", "MAX_OVERFLOW is nan; it must be in 0 up to, but not, 1" + dfxp},
      {"PI_MNIST DFXP 5 9 11 100 x 2", "MAX_OVERFLOW is 'x', which is not a number" + dfxp},
      {"PI_MNIST DFXP 5 9 11 100 0.1 -1", "INIT_EPOCHS is -1; it must be in 0..1000" + dfxp},
  };
  for (const auto& [line, message] : kRows) EXPECT_EQ(error_of(line), message) << line;
}

struct RecipeFile {
  std::string file;
  std::string task;
};

TEST(RecipeFiles, AreTheRecipesOfTheirTasks) {
  const std::vector<RecipeFile> kFiles = {{"pi_mnist_flp", "PI_MNIST FLP"},
                                          {"pi_mnist_hflp", "PI_MNIST HFLP"},
                                          {"pi_mnist_fxp", "PI_MNIST FXP 5 19 19"},
                                          {"pi_mnist_dfxp", "PI_MNIST DFXP 5 9 11 100 0.0001 2"},
                                          {"pi_digits_flp", "PI_DIGITS FLP"},
                                          {"pi_digits_dfxp", "PI_DIGITS DFXP 5 9 11 100 0.0001 2"},
                                          {"mnist_flp", "MNIST FLP"},
                                          {"mnist_hflp", "MNIST HFLP"},
                                          {"mnist_fxp", "MNIST FXP 5 19 19"},
                                          {"mnist_dfxp", "MNIST DFXP 5 9 11 100 0.0001 2"},
                                          {"cifar10_flp", "CIFAR10 FLP"},
                                          {"cifar10_hflp", "CIFAR10 HFLP"},
                                          {"cifar10_fxp", "CIFAR10 FXP 5 19 19"},
                                          {"cifar10_dfxp", "CIFAR10 DFXP 5 9 11 100 0.0001 2"},
                                          {"svhn_flp", "SVHN FLP"},
                                          {"svhn_hflp", "SVHN HFLP"},
                                          {"svhn_fxp", "SVHN FXP 5 19 19"},
                                          {"svhn_dfxp", "SVHN DFXP 5 9 11 100 0.0001 2"}};
  for (const RecipeFile& row : kFiles) {
    const std::string path = DYADIC_SOURCE_DIR "/recipes/courbariaux2014/" + row.file + ".toml";
    Recipe task = recipe_of(row.task);
    const Recipe file = read_recipe(path, {});
    task.title = file.title;
    EXPECT_EQ(recipe_text(task), recipe_text(file)) << row.file;
    EXPECT_EQ(task, file) << row.file;
  }
}

TEST(RecipeFiles, HoldThePapersSettings) {
  const Recipe recipe = read_recipe(DYADIC_SOURCE_DIR "/recipes/courbariaux2014/pi_mnist_dfxp.toml", {});
  EXPECT_EQ(recipe.train.epochs, 800);
  EXPECT_EQ(recipe.train.batch, 100);
  EXPECT_EQ(recipe.data, (DataSpec{"mnist", 50000, 10000}));
  EXPECT_EQ(recipe.network.loss_scale, "classes");
  EXPECT_EQ(recipe.network.ties, "all");
  std::vector<double> keeps, scales, norms;
  std::vector<std::int64_t> units;
  for (const LayerSpec& layer : recipe.network.layers) {
    if (layer.type == "dropout") keeps.push_back(layer.keep);
    if (layer.type != "dense") continue;
    units.push_back(layer.units);
    scales.push_back(layer.test_scale);
    norms.push_back(layer.max_column_norm);
  }
  EXPECT_EQ(keeps, (std::vector<double>{0.8, 0.5, 0.5}));
  EXPECT_EQ(units, (std::vector<std::int64_t>{1200, 1200, 10}));
  EXPECT_EQ(scales, (std::vector<double>{1, 0.5, 0.5}));
  EXPECT_EQ(norms, (std::vector<double>{1.9365, 1.9365, 1.9365}));
}

TEST(RecipeFiles, ConvolutionsKeepTheProgramsSettings) {
  const Recipe recipe = recipe_of("CIFAR10 DFXP 5 9 11 100 0.0001 2");
  EXPECT_EQ(recipe.network.input, (std::vector<std::int64_t>{32, 32, 3}));
  EXPECT_EQ(format_of(recipe, Role::input), "q4.12s:sat:rne");
  EXPECT_EQ(format_of(recipe_of("CIFAR10 FLP"), Role::input), "float32:inf:rne");
  std::vector<double> norms, rates;
  for (const LayerSpec& layer : recipe.network.layers) {
    if (layer.type != "conv2d") continue;
    norms.push_back(layer.max_column_norm);
    rates.push_back(layer.learning_rate_scale);
    EXPECT_EQ(layer.bias, "after_pool");
    EXPECT_EQ(layer.max_norm_axis, "output");
  }
  EXPECT_EQ(norms, (std::vector<double>{0.9, 1.9365, 1.9365}));
  EXPECT_EQ(rates, (std::vector<double>{0.2, 0.2, 0.2}));
  EXPECT_EQ(recipe.train.batch, 128);
}

TEST(RecipeFiles, GuptasNetworksTakeStagesFromTheCommandLine) {
  const Recipe recipe = read_recipe(
      DYADIC_SOURCE_DIR "/recipes/gupta2015/cifar10_cnn.toml",
      {R"(train.stages=[{epochs=100, default="q4.12:sat:sr"},{epochs=20, default="q4.16:sat:sr", bias="q8.16:sat:sr"}])"});
  EXPECT_EQ(recipe.train.epochs, 120);
  EXPECT_EQ(recipe.stage_at(99), 0U);
  EXPECT_EQ(recipe.stage_at(100), 1U);
  EXPECT_EQ(recipe.stage_at(120), 1U);
  EXPECT_EQ(format_name(recipe.formats_of_stage(1).at("c1", Role::weight)), "q4.16:sat:sr");
  EXPECT_EQ(format_name(recipe.formats_of_stage(1).at("c1", Role::bias)), "q8.16:sat:sr");
  EXPECT_EQ(format_name(recipe.formats_of_stage(0).at("c1", Role::weight)), "q4.12:sat:sr");
  EXPECT_EQ(format_name(recipe.formats_of_stage(1).at("c1", Role::input)),
            format_name(recipe.formats.roles.at(Role::input)));
  EXPECT_EQ(parse_recipe(recipe_text(recipe), "again", {}), recipe);
  for (const char* name : {"mnist_dnn", "mnist_cnn"}) {
    const Recipe other = read_recipe(DYADIC_SOURCE_DIR "/recipes/gupta2015/" + std::string(name) + ".toml",
                                     {"formats.default=q8.8:sat:rnd"});
    EXPECT_EQ(format_name(other.formats.roles.at(Role::weight_update)), "q8.8:sat:rnd");
  }
}

}  // namespace
}  // namespace dyadic
