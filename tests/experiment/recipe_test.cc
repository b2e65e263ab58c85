#include "dyadic/experiment/recipe.h"

#include <gtest/gtest.h>

#include "dyadic/experiment/name_match.h"
#include "dyadic/experiment/recipe_schema.h"
#include "tests/experiment/recipe_sample.h"

namespace dyadic {
namespace {

Recipe sample() { return parse_recipe(kSampleRecipe, "r.toml", {}); }

TEST(Recipe, HoldsWhatTheFileSays) {
  const Recipe recipe = sample();
  EXPECT_EQ(recipe.seed, 7U);
  EXPECT_EQ(recipe.data, (DataSpec{"digits", 500, 100}));
  ASSERT_EQ(recipe.network.layers.size(), 4U);
  EXPECT_EQ(recipe.network.layers[0].type, "dropout");
  EXPECT_EQ(recipe.network.layers[0].keep, 0.8);
  EXPECT_EQ(recipe.network.layers[1].name, "h1");
  EXPECT_EQ(recipe.network.layers[1].units, 20);
  EXPECT_EQ(recipe.network.layers[1].init, "glorot_uniform");
  EXPECT_EQ(recipe.network.layers[1].max_column_norm, 1.9365);
  EXPECT_EQ(recipe.network.layers[2].pieces, 5);
  EXPECT_EQ(recipe.network.layers[3].init, "zero");
  EXPECT_EQ(recipe.network.layers[3].test_scale, 0.5);
  EXPECT_EQ(recipe.formats.range.initial, 4);
  EXPECT_EQ(recipe.formats.range.update_every, 100);
  EXPECT_EQ(recipe.train.epochs, 3);
  EXPECT_EQ(recipe.train.learning_rate, (Schedule{0.05, 0.005, 0.5}));
  EXPECT_EQ(recipe.train.momentum, (Schedule{0.5, 0.7, 0.25}));
}

TEST(Recipe, DefaultFillsEveryRoleButInput) {
  const FormatPlan plan = sample().formats;
  EXPECT_EQ(plan.roles.size(), static_cast<std::size_t>(kRoleCount));
  EXPECT_EQ(format_name(plan.roles.at(Role::weight)), "dfx10:sat:rna");
  EXPECT_EQ(format_name(plan.roles.at(Role::bias_update)), "dfx10:sat:rna");
  EXPECT_EQ(format_name(plan.roles.at(Role::weight_master)), "dfx12:sat:rna");
  EXPECT_EQ(format_name(plan.roles.at(Role::input)), "uq0.8:sat:rne");
  EXPECT_TRUE(plan.uses_ranges());
}

TEST(Recipe, InputDefaultsToFloat32BesideAFloatingDefault) {
  const Recipe recipe = parse_recipe(kSampleRecipe, "r.toml", {"formats={default = \"float16\"}"});
  EXPECT_EQ(recipe.formats.roles.at(Role::input).name, "float32");
  EXPECT_FALSE(recipe.formats.uses_ranges());
}

TEST(Recipe, WithoutFormatsEverythingIsFloat32) {
  const Recipe recipe = parse_recipe(kSampleRecipe, "r.toml", {"formats={}"});
  for (const auto& [role, format] : recipe.formats.roles) EXPECT_EQ(format.name, "float32") << role_name(role);
}

TEST(Recipe, TextReadsBackAsTheSameRecipe) {
  Recipe recipe = parse_recipe(
      kSampleRecipe, "r.toml",
      {"title=\"a \\\"quoted\\\" \\\\ title, \\t tab\"", "network.ties=first", "formats.range.reset_momentum=true",
       "formats.range.max_overflow=0.1", "train.momentum=0.9",
       "formats.node=[{match = \"o*\", default = \"float32\"}, {match = \"h?\", activation = \"q6.4s:sat:sr16\"}]"});
  recipe.network.layers[1].learning_rate_scale = 1.0 / 3;  // needs all 17 digits
  const std::string text = recipe_text(recipe);
  EXPECT_EQ(parse_recipe(text, "again", {}), recipe) << text;
  EXPECT_EQ(recipe_text(parse_recipe(text, "again", {})), text);
}

TEST(Recipe, TextNamesEveryKeySoThatNothingIsLeftToDefaults) {
  const Recipe recipe = sample();
  const std::string text = recipe_text(recipe);
  for (const Field<RecipeDraft>& field : recipe_fields()) {
    if (field.key == "formats.default" || field.key == "formats.node" || field.implied) continue;
    const std::string table_free = field.key.substr(field.key.rfind('.') + 1);
    EXPECT_NE(text.find(table_free + " = "), std::string::npos) << field.key;
  }
}

TEST(Recipe, ReferenceListsEveryKeyWithItsMeaning) {
  const std::string text = recipe_reference_text();
  for (const Field<RecipeDraft>& field : recipe_fields()) {
    EXPECT_NE(text.find(field.key), std::string::npos) << field.key;
    EXPECT_FALSE(field.summary.empty()) << field.key;
  }
  for (const LayerType& type : layer_types()) EXPECT_NE(text.find(type.type), std::string::npos) << type.type;
}

TEST(Recipe, ReferenceSaysWhatHoldsWhereAKeyIsAbsent) {
  const std::string text = recipe_reference_text();
  for (const char* line :
       {"train.batch                     an integer, at least 1 and at most 1000000, default 100: ",
        "partial                         true or false, default true: ",
        "network.layers                  an array of tables, required: ",
        "formats.weight                  a format name: ", "end                             a number: "}) {
    EXPECT_NE(text.find(line), std::string::npos) << line;
  }
}

TEST(Recipe, TheLastMatchingExceptionGivesANodesFormat) {
  const Recipe recipe = parse_recipe(
      kSampleRecipe, "r.toml",
      {"formats.node=[{match = \"*\", activation = \"float16\"}, {match = \"out\", activation = \"float32\"}]"});
  EXPECT_EQ(recipe.formats.at("out", Role::activation).name, "float32");
  EXPECT_EQ(recipe.formats.at("h1", Role::activation).name, "float16");
  EXPECT_EQ(recipe.formats.at("h1", Role::preactivation).name, "dfx10");
}

TEST(Recipe, ANumberIsAConstantSchedule) {
  const Recipe recipe = parse_recipe(kSampleRecipe, "r.toml", {"train.learning_rate=1"});
  EXPECT_EQ(recipe.train.learning_rate, (Schedule{1, 1, 1}));
}

TEST(Schedule, IsLinearUntilItsFractionOfTheEpochsThenConstant) {
  const Schedule schedule = {0.05, 0.005, 0.5};
  EXPECT_EQ(schedule.at(0, 40), 0.05);
  EXPECT_EQ(schedule.at(10, 40), 0.05 + (0.005 - 0.05) * 0.5);
  EXPECT_EQ(schedule.at(20, 40), 0.05 + (0.005 - 0.05));
  EXPECT_EQ(schedule.at(39, 40), schedule.at(20, 40));
}

TEST(NameMatch, KnowsStarsAndQuestionMarks) {
  EXPECT_TRUE(name_matches("out", "out"));
  EXPECT_TRUE(name_matches("h?", "h1"));
  EXPECT_TRUE(name_matches("*", ""));
  EXPECT_TRUE(name_matches("*a*b", "xaab"));
  EXPECT_FALSE(name_matches("h?", "h12"));
  EXPECT_FALSE(name_matches("h", "h1"));
  EXPECT_FALSE(name_matches("*a*b", "xaba"));
}

}  // namespace
}  // namespace dyadic
