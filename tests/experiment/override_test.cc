#include <gtest/gtest.h>

#include "dyadic/experiment/recipe.h"
#include "dyadic/experiment/toml_tree.h"
#include "tests/experiment/recipe_sample.h"

namespace dyadic {
namespace {

Recipe with(const std::vector<Override>& overrides) { return parse_recipe(kSampleRecipe, "r.toml", overrides); }

TEST(Override, TypesItsValueAsToml) {
  EXPECT_EQ(with({"seed=8"}).seed, 8U);
  EXPECT_EQ(with({"train.learning_rate.start=0.1"}).train.learning_rate, (Schedule{0.1, 0.005, 0.5}));
  EXPECT_EQ(with({"formats.range.reset_momentum=true"}).formats.range.reset_momentum, true);
  EXPECT_EQ(with({"title=\"12\""}).title, "12");
}

TEST(Override, AWordThatIsNoTomlValueIsAString) {
  EXPECT_EQ(format_name(with({"formats.activation=q6.4s:sat:rna"}).formats.roles.at(Role::activation)),
            "q6.4s:sat:rna");
  EXPECT_EQ(with({"network.ties=first"}).network.ties, "first");
}

TEST(Override, ReplacesArraysAndTables) {
  const Recipe recipe = with({"data.split={train = 300, valid = 50}", "network.input=[28, 28]",
                              "network.layers=[{type = \"dense\", name = \"only\", units = 10}]"});
  EXPECT_EQ(recipe.data, (DataSpec{"digits", 300, 50}));
  EXPECT_EQ(recipe.network.input, (std::vector<std::int64_t>{28, 28}));
  ASSERT_EQ(recipe.network.layers.size(), 1U);
  EXPECT_EQ(recipe.network.layers[0].name, "only");
}

TEST(Override, ANumberInTheKeyCountsItemsOfAnArray) {
  EXPECT_EQ(with({"network.layers.1.units=40"}).network.layers[1].units, 40);
}

TEST(Override, TheLastOneWins) { EXPECT_EQ(with({"seed=8", "seed=9"}).seed, 9U); }

TEST(Override, CreatesTablesThatTheFileLeavesOut) {
  EXPECT_EQ(with({"train.optimizer.type=sgd"}).train.optimizer, "sgd");
}

TEST(Override, ErrorsNameTheAssignment) {
  const std::vector<std::pair<std::string, std::string>> kRows = {
      {"train.epocs=3", "--set train.epocs=3: unknown key \"train.epocs\"; the nearest is \"train.epochs\""},
      {"train.epochs=many", "--set train.epochs=many: \"train.epochs\" wants an integer, not the string \"many\""},
      {"epochs=3", "--set epochs=3: unknown key \"epochs\"; the nearest is \"train.epochs\""},
      {"formats.wieght=z6",
       "--set formats.wieght=z6: unknown key \"formats.wieght\"; the nearest is \"formats.weight\""},
      {"seed", "--set seed: write KEY=VALUE, for example --set train.epochs=40"},
      {"=3", "--set =3: write KEY=VALUE, for example --set train.epochs=40"},
      {"train..epochs=3", "--set train..epochs=3: the key has an empty part"},
      {"train.=3", "--set train.=3: the key has an empty part"},
      {"seed.x=3", "--set seed.x=3: \"seed\" is the integer 7 here, not a table"},
      {"seed=", "--set seed=: the value is not TOML"},
      {"title=\"open", "--set title=\"open: the value is not TOML"},
      {"network.layers.4.units=3",
       "--set network.layers.4.units=3: \"network.layers\" is an array of 4 items; write network.layers.0 to "
       "network.layers.3"},
      {"network.layers.x.units=3",
       "--set network.layers.x.units=3: \"network.layers\" is an array of 4 items; write network.layers.0 to "
       "network.layers.3"},
      {"seed=1\ntrain.epochs=2",
       "--set seed=1 train.epochs=2: \"seed\" wants an integer, not the string "
       "\"1\\u000Atrain.epochs=2\""},
  };
  for (const auto& [assignment, message] : kRows) EXPECT_EQ(parse_error(kSampleRecipe, {assignment}), message);
}

TEST(Override, ADefaultThatFillsNoRoleIsRefused) {
  const std::string resolved = recipe_text(with({}));
  EXPECT_EQ(parse_error(resolved, {"formats.default=float32"}),
            "--set formats.default=float32: every role of r.toml is named, so the default does nothing; set the roles, "
            "for example formats.weight");
}

TEST(TomlFloat, ReadsBackAsTheSameNumber) {
  for (const double value : {0.1, 1.0, 1e-4, 1e300, 5e-324, 0.0, 1.0 / 3, -2.5, 1e16}) {
    const TomlNode root = parse_toml("x = " + toml_float(value), "f");
    ASSERT_EQ(root.members[0].value.kind, TomlNode::Kind::floating) << toml_float(value);
    EXPECT_EQ(root.members[0].value.floating, value);
  }
}

}  // namespace
}  // namespace dyadic
