// Networks of discrete states: batch normalisation, staircases, exact sums and the squared hinge loss put together.
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "dyadic/base/error.h"
#include "dyadic/formats/codec.h"
#include "dyadic/nn/network.h"

namespace dyadic {
namespace {

/// 28x28x1 - c 13x13x4 - pool 6x6x4 - norm - steps - out 10 - norm.
Recipe discrete_recipe(const std::string& formats, const std::vector<Override>& overrides = {}) {
  return parse_recipe(R"(
[data]
name = "mnist"
split = { train = 60, valid = 20 }
pixels = "signed"
[network]
input = [28, 28, 1]
layers = [
  { name = "c", type = "conv2d", channels = 4, kernel = 4, stride = 2, bias = "none", init = "uniform" },
  { type = "max_pool", size = 2, partial = false },
  { type = "batch_norm" },
  { type = "multi_step" },
  { type = "flatten" },
  { name = "out", type = "dense", units = 10, bias = "none", init = "uniform", init_limit = 1.5 },
  { type = "batch_norm" },
]
loss = "squared_hinge"
loss_scale = "mean"
[formats]
)" + formats + R"(
[train]
batch = 10
epochs = 2
optimizer = { type = "adam" }
learning_rate = 0.03
momentum = 0
)",
                      "discrete.toml", overrides);
}

const std::string kTernary =
    "input = \"q1.7\"\nweight = \"ternary\"\npreactivation = \"exact\"\nactivation = \"ternary\"\n";

std::vector<std::uint8_t> noisy_images(std::int64_t count) {
  std::vector<std::uint8_t> pixels;
  for (std::int64_t i = 0; i < count * 784; ++i) {
    pixels.push_back(static_cast<std::uint8_t>(random_bits({.seed = 4}, static_cast<std::uint64_t>(i), 8)));
  }
  return pixels;
}

std::vector<std::uint8_t> spread_targets(std::int64_t count) {
  std::vector<std::uint8_t> targets;
  for (std::int64_t i = 0; i < count; ++i) targets.push_back(static_cast<std::uint8_t>(i * 3 % 10));
  return targets;
}

BatchScore train_pass(Network& network) {
  const Pass pass = {.plan = &network.plan(), .seed = 2, .training = true};
  network.load_input(std::span<const std::uint8_t>(noisy_images(10)), 10, pass);
  const BatchScore score = network.forward(spread_targets(10), pass);
  network.backward(spread_targets(10), pass);
  return score;
}

/// The summed loss of examples [first, first + count).
double evaluation_loss(Network& network, std::int64_t count, std::int64_t first = 0) {
  const Pass pass = {.plan = &network.plan(), .seed = 2, .first_example = first};
  const std::vector<std::uint8_t> pixels = noisy_images(first + count), targets = spread_targets(first + count);
  network.load_input(std::span(pixels).subspan(static_cast<std::size_t>(first * 784)), count, pass);
  return network.forward(std::span(targets).subspan(static_cast<std::size_t>(first)), pass).loss;
}

TEST(DiscreteNetwork, WeightsAreStatesAndNothingElse) {
  Network network(discrete_recipe(kTernary), 10);
  network.initialise(3, false);
  std::vector<std::string> names;
  for (const Parameter* parameter : network.parameters()) {
    names.push_back(parameter->name + " " + format_name(parameter->master.format()));
    EXPECT_EQ(parameter->moment.size(), parameter->master.size());
  }
  EXPECT_EQ(names, (std::vector<std::string>{"c.weight ternary:sat:rne", "c.scale float32:inf:rne",
                                             "c.bias float32:inf:rne", "out.weight ternary:sat:rne",
                                             "out.scale float32:inf:rne", "out.bias float32:inf:rne"}));
}

// Uniform in [-1, 1), rounded to the nearest state: a quarter, a half, a quarter; in [-1.5, 1.5) thirds.
TEST(DiscreteNetwork, UniformWeightsFallOnTheStates) {
  Network network(discrete_recipe(kTernary), 10);
  network.initialise(3, false);
  const auto shares = [&](const Tensor& weight) {
    std::vector<double> result(3);
    std::vector<std::uint8_t> states(static_cast<std::size_t>(weight.size()));
    weight.read(0, weight.size(), states.data());
    for (const std::uint8_t state : states) result[state] += 1.0 / static_cast<double>(weight.size());
    return result;
  };
  const std::vector<Parameter*> parameters = network.parameters();
  const std::vector<double> c = shares(parameters[0]->master), out = shares(parameters[3]->master);
  // 64 and 1440 weights of fixed random words: five binomial deviations.
  EXPECT_NEAR(c[1], 0.5, 5 * std::sqrt(0.25 / 64));
  for (const double share : out) EXPECT_NEAR(share, 1.0 / 3, 5 * std::sqrt(2.0 / 9 / 1440));
}

TEST(DiscreteNetwork, ExactPreactivationsAreWhatWideOnesRoundNothingOf) {
  Network exact(discrete_recipe(kTernary), 10);
  Network wide(
      discrete_recipe("input = \"q1.7\"\nweight = \"ternary\"\npreactivation = \"q12.8\"\nactivation = \"ternary\"\n"),
      10);
  Network floating(discrete_recipe("input = \"q1.7\"\nweight = \"ternary\"\nactivation = \"ternary\"\n"), 10);
  std::vector<double> losses;
  std::vector<std::vector<float>> gradients;
  for (Network* network : {&exact, &wide}) {
    network->initialise(3, false);
    losses.push_back(train_pass(*network).loss);
    const Tensor& gradient = network->parameters()[0]->gradient;
    gradients.emplace_back(gradient.codes<float>().begin(), gradient.codes<float>().end());
    losses.push_back(evaluation_loss(*network, 7));
  }
  EXPECT_EQ(losses[0], losses[2]);
  EXPECT_EQ(losses[1], losses[3]);
  EXPECT_EQ(gradients[0], gradients[1]);
  // float32 holds the same sums, but its statistics are trees of floats: the same numbers, as sums are exact in both.
  floating.initialise(3, false);
  EXPECT_NEAR(train_pass(floating).loss, losses[0], 1e-9 * losses[0]);
}

TEST(DiscreteNetwork, EvaluationUsesRunningAverages) {
  Network network(discrete_recipe(kTernary), 10);
  network.initialise(3, false);
  const std::vector<LayerState*> states = network.states();
  ASSERT_EQ(states.size(), 4U);
  EXPECT_EQ(states[0]->name, "c.mean");
  EXPECT_EQ(states[3]->name, "out.variance");
  EXPECT_EQ(states[1]->values.codes<float>()[0], 1.0F);
  const double before = evaluation_loss(network, 5);
  train_pass(network);
  EXPECT_NE(states[0]->values.codes<float>()[0], 0.0F);
  EXPECT_NE(states[1]->values.codes<float>()[0], 1.0F);
  EXPECT_NE(evaluation_loss(network, 5), before);
  const std::vector<float> mean(states[0]->values.codes<float>().begin(), states[0]->values.codes<float>().end());
  evaluation_loss(network, 5);
  EXPECT_EQ(mean, std::vector<float>(states[0]->values.codes<float>().begin(), states[0]->values.codes<float>().end()));
}

// Scores do not depend on which other examples share the batch, as training's do.
TEST(DiscreteNetwork, EvaluationTakesEachExampleByItself) {
  Network network(discrete_recipe(kTernary), 10);
  network.initialise(3, false);
  for (int i = 0; i < 3; ++i) train_pass(network);
  EXPECT_EQ(evaluation_loss(network, 2), evaluation_loss(network, 1) + evaluation_loss(network, 1, 1));
  EXPECT_EQ(evaluation_loss(network, 4),  // a tree of four
            evaluation_loss(network, 2) + evaluation_loss(network, 2, 2));
}

TEST(DiscreteNetwork, EverySpaceTrainsAStep) {
  for (const std::string space : {"binary", "ternary", "z2", "z4", "z6", "z8", "z2*0.75", "float32"}) {
    for (const std::string activation : {"binary", "ternary", "z4", "z8*2", "float32", "q2.6"}) {
      Network network(
          discrete_recipe("input = \"q1.7\"\nweight = \"" + space + "\"\nactivation = \"" + activation + "\"\n"), 10);
      network.initialise(3, false);
      EXPECT_TRUE(std::isfinite(train_pass(network).loss)) << space << " " << activation;
      double size = 0;
      for (const float g : network.parameters()[0]->gradient.codes<float>()) size += std::fabs(static_cast<double>(g));
      EXPECT_GT(size, 0) << space << " " << activation;
    }
  }
}

TEST(DiscreteNetwork, GradientsCanBeDynamicFixedPoint) {
  Network network(discrete_recipe(kTernary + "default = \"dfx16:sat:sr\"\nbias_master = \"float32\"\nbias=\"float32\"\n"
                                             "d_normalized = \"dfx16:sat:sr\"\n"),
                  10);
  network.initialise(3, false);
  train_pass(network);
  const Tensor& gradient = network.parameters()[0]->gradient;
  EXPECT_EQ(gradient.format().name, "dfx16");
  std::int64_t largest = 0;
  for (std::int64_t i = 0; i < gradient.size(); ++i) largest = std::max(largest, std::abs(gradient.code(i)));
  EXPECT_GT(largest, 0);
}

// d(loss)/d(bias of the last normalisation) by differences: the bias moves the scores and nothing else.
TEST(DiscreteNetwork, TheHingeGradientIsThatOfDifferences) {
  Network network(discrete_recipe("input = \"q1.7\"\nweight = \"ternary\"\nactivation = \"ternary\"\n"), 10);
  network.initialise(3, false);
  train_pass(network);
  Parameter& bias = *network.parameters()[5];
  ASSERT_EQ(bias.name, "out.bias");
  const std::vector<float> gradient(bias.gradient.codes<float>().begin(), bias.gradient.codes<float>().end());
  constexpr float kH = 0x1p-8F;
  for (std::size_t c = 0; c < 10; ++c) {
    float& value = bias.master.codes<float>()[c];
    const float old = value;
    value = old + kH;
    const double above = train_pass(network).loss / 100;  // mean over 10 examples and 10 classes
    value = old - kH;
    const double below = train_pass(network).loss / 100;
    value = old;
    // The loss is quadratic but where a margin is crossed, which costs at most h times a slope of 2 / 100.
    EXPECT_NEAR(static_cast<double>(gradient[c]), (above - below) / (2 * static_cast<double>(kH)), 5e-4) << c;
  }
}

}  // namespace
}  // namespace dyadic
