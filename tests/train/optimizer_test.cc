// One optimiser step on one parameter, by hand.
#include "dyadic/train/optimizer.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dyadic/kernels/elements.h"
#include "dyadic/nn/network.h"
#include "tests/nn/small_recipe.h"

namespace dyadic {
namespace {

Tensor floats_of(const std::vector<float>& values) {
  Tensor tensor({std::ssize(values)}, parse_format("float32"));
  std::ranges::copy(values, tensor.codes<float>().begin());
  return tensor;
}

/// Norm steps are for masters that are rounded.
Recipe unlimited_recipe(const std::string& weight_format) {
  Recipe recipe = small_recipe(4, "");
  recipe.formats.roles[Role::weight] = recipe.formats.roles[Role::weight_master] = parse_format(weight_format);
  return recipe;
}

/// The weight of node h1 with these values, and everything that a step reads.
struct SmallParameter {
  SmallParameter(const std::string& weight_format, const std::vector<float>& values)
      : recipe(unlimited_recipe(weight_format)),
        plan(recipe.formats, node_names(recipe)),
        parameter(make_parameter(plan, 1, "h1", ParameterKind::weight)) {
    parameter.master = Tensor({std::ssize(values)}, parameter.master_point->current);
    quantize(values.data(), parameter.master.size(), parameter.master.format(), parameter.master.data(), {});
  }
  std::vector<float> step(double learning_rate, double momentum) {
    update_parameter(parameter, {.spec = recipe.train, .learning_rate = learning_rate, .momentum = momentum, .seed = 1},
                     plan);
    std::vector<float> values(static_cast<std::size_t>(parameter.master.size()));
    dequantize(parameter.master.data(), parameter.master.size(), parameter.master.format(), values.data());
    return values;
  }
  Recipe recipe;
  NumberPlan plan;
  Parameter parameter;
};

// u' = u / 2 - 2 g is a whole number of steps, so nothing is left to chance.
TEST(Optimizer, MomentumMovesStatesAgainstTheGradient) {
  SmallParameter small("ternary", {1, 0, 0, -1, -1, 0});
  EXPECT_EQ(small.parameter.name, "h1.weight");
  small.parameter.update = floats_of({0, 0, -2, 4, 0, 0});
  small.parameter.gradient = floats_of({0.5F, -0.5F, 0, 0, 0.5F, 0});
  small.parameter.learning_rate_scale = 2;
  EXPECT_EQ(small.step(1, 0.5), (std::vector<float>{0, 1, -1, 1, -1, 0}));
  const auto update = small.parameter.update.codes<float>();
  EXPECT_EQ(std::vector<float>(update.begin(), update.end()), (std::vector<float>{-1, 1, -1, 2, -1, 0}));
}

// Numbers that a block holds: the path of blocks is that of the fused kernels.
TEST(Optimizer, MomentumInBlocksMovesRoundedMasters) {
  const std::vector<float> weights = {1, 0, 0.5F, -1, -1, 0, 2, 3, 1, 1};
  const std::vector<float> momentum = {0, 0, -2, 4, 0, 0, 1, 1, 0.5F, 0.25F};
  const std::vector<float> gradient = {0.5F, -0.5F, 0, 0, 0.5F, 0, 1, 1, 0, 0.25F};
  std::vector<std::vector<float>> results;
  for (const std::string format : {"float32", "bfp8b8"}) {
    SmallParameter small("q4.12", weights);
    small.parameter.update_point->current = parse_format(format);
    small.parameter.update = Tensor({std::ssize(momentum)}, parse_format(format));
    requantize(floats_of(momentum), {}, small.parameter.update);
    small.parameter.gradient = floats_of(gradient);
    small.parameter.weight_decay = 0.5;
    results.push_back(small.step(0.5, 0.5));
    Tensor update({std::ssize(momentum)}, parse_format("float32"));
    requantize(small.parameter.update, {}, update);
    results.back().insert(results.back().end(), update.codes<float>().begin(), update.codes<float>().end());
    EXPECT_EQ(small.parameter.update.format().name, format);
  }
  EXPECT_EQ(results[0], results[1]);
  EXPECT_EQ(results[0][3], -1 + 2 + 0.25F);  // u' = 4/2 - (0 - 1/2)/2
}

TEST(Optimizer, WeightDecayIsPartOfTheGradient) {
  SmallParameter small("ternary", {1, 0, -1});
  small.parameter.update = floats_of({0, 0, 0});
  small.parameter.gradient = floats_of({0, 0, 0});
  small.parameter.weight_decay = 1;
  EXPECT_EQ(small.step(1, 0), (std::vector<float>{0, 0, 0}));
}

// With both betas zero the moments are g and g^2, and the wanted change is the rate against the gradient's sign.
TEST(Optimizer, AdamMovesMastersOfAnyFormatAgainstTheGradient) {
  for (const std::string format : {"ternary", "float32", "q4.12"}) {
    SmallParameter small(format, {1, 0, -1});
    small.recipe.train.optimizer = "adam";
    small.recipe.train.beta1 = small.recipe.train.beta2 = 0;
    small.recipe.train.epsilon = 0x1p-60;  // lost beside the root
    small.parameter.update = floats_of({0, 0, 0});
    small.parameter.moment = floats_of({0, 0, 0});
    small.parameter.gradient = floats_of({0.5F, -0.25F, -4});
    EXPECT_EQ(small.step(1, 0), (std::vector<float>{0, 1, 0})) << format;
    const auto moment = small.parameter.moment.codes<float>();
    EXPECT_EQ(std::vector<float>(moment.begin(), moment.end()), (std::vector<float>{0.25F, 0.0625F, 16})) << format;
  }
}

}  // namespace
}  // namespace dyadic
