#include "dyadic/nn/network.h"

#include <gtest/gtest.h>

#include <cmath>

#include "dyadic/base/error.h"
#include "dyadic/formats/codec.h"
#include "tests/nn/difference.h"
#include "tests/nn/small_recipe.h"

namespace dyadic {
namespace {

constexpr std::int64_t kInputs = 9;
constexpr std::int64_t kBatch = 10;

std::vector<std::uint8_t> some_pixels(std::int64_t count) {
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(count * kInputs));
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(random_bits({.seed = 1}, i, 8));
  return pixels;
}

std::vector<std::uint8_t> some_targets(std::int64_t count) {
  std::vector<std::uint8_t> targets(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < targets.size(); ++i) targets[i] = static_cast<std::uint8_t>(i * 3 % 10);
  return targets;
}

double mean_loss(Network& network, const Pass& pass) {
  network.load_input(some_pixels(kBatch), kBatch, pass);
  return network.forward(some_targets(kBatch), pass).loss / kBatch;
}

/// Central differences of the mean loss against the gradients, for every parameter of every layer. The step h is a
/// power of two; with h = 2^-7 the loss, a float32 network's, carries about 2^-23 of noise, so differences are good to
/// about 2^-23 / 2^-7 = 2^-16, and h^2 = 2^-14 times the third derivative on top.
TEST(Network, GradientsOfEveryLayerAgreeWithDifferences) {
  Network network(small_recipe(kInputs, "default = \"float32\""), 10);
  network.initialise(11, false);
  const Pass pass = {.plan = &network.plan(), .seed = 11, .step = 3, .training = true};
  mean_loss(network, pass);
  network.backward(some_targets(kBatch), pass);
  constexpr float kStep = 0x1p-7F;
  int checked = 0;
  int kinks = 0;
  for (Parameter* parameter : network.parameters()) {
    const Tensor gradient = parameter->gradient;
    for (std::int64_t i = 0; i < parameter->master.size(); ++i) {
      float& weight = parameter->master.codes<float>()[static_cast<std::size_t>(i)];
      const auto difference = [&](float h) {
        return central_difference(weight, h, [&] { return mean_loss(network, pass); });
      };
      const double coarse = difference(kStep);
      // Where another piece becomes the maximum the loss has a kink and no derivative: halving h shows it.
      if (std::fabs(coarse - difference(kStep / 2)) > 2e-4) {
        ++kinks;
        continue;
      }
      EXPECT_NEAR(gradient.codes<float>()[static_cast<std::size_t>(i)], coarse, 3e-4) << parameter->name << " " << i;
      ++checked;
    }
  }
  EXPECT_GT(checked, 200);
  EXPECT_LT(kinks, checked / 10);
}

TEST(Network, DrawsTheSameWeightsEachTime) {
  Network network(small_recipe(kInputs, "default = \"float32\""), 10);
  network.initialise(11, false);
  const Tensor first = network.parameters()[0]->master;
  network.initialise(11, false);
  const double limit = std::sqrt(6.0 / (kInputs + 12));
  for (std::int64_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first.code(i), network.parameters()[0]->master.code(i));
    const RandomStream stream = {.seed = 11, .step = 0, .stream = stream_number(1, 0, RandomPurpose::initial_weights)};
    EXPECT_EQ(first.codes<float>()[static_cast<std::size_t>(i)],
              static_cast<float>((2.0 * random_uniform(stream, static_cast<std::uint64_t>(i)) - 1.0) * limit));
  }
}

// test_scale 0.5 on h2 halves its weights and biases at test time, exactly: the preactivations are half of what they
// are without the scale.
TEST(Network, TestScaleMultipliesWeightsAndBiases) {
  for (const std::string formats : {"default = \"float32\"", "default = \"q6.10\"", "default = \"float16\""}) {
    Recipe recipe = small_recipe(kInputs, formats);
    Network scaled(recipe, 10);
    for (LayerSpec& layer : recipe.network.layers) layer.test_scale = 1;
    Network plain(recipe, 10);
    scaled.initialise(11, false);
    plain.initialise(11, false);
    for (Parameter* parameter : plain.parameters()) {
      if (parameter->name == "h2.weight" || parameter->name == "h2.bias") {
        for (std::int64_t i = 0; i < parameter->master.size(); ++i) {  // even codes, so that half of them is exact
          const double value =
              std::ldexp(std::round(std::ldexp(decode(parameter->master.format(), parameter->master.code(i)), 6)), -6);
          parameter->master.set_code(i, encode(parameter->master.format(), value / 2).code);
          Tensor& other = scaled.parameters()[parameter->name == "h2.weight" ? 2 : 3]->master;
          other.set_code(i, encode(other.format(), value).code);
        }
      }
    }
    const Pass a = {.plan = &scaled.plan(), .seed = 11};
    const Pass b = {.plan = &plain.plan(), .seed = 11};
    EXPECT_EQ(mean_loss(scaled, a), mean_loss(plain, b)) << formats;
  }
}

TEST(Network, BatchesOfAnySizeEvaluateTheSame) {
  Network network(small_recipe(kInputs, "default = \"q6.10:sat:sr16\""), 10);
  network.initialise(11, false);
  const auto pixels = some_pixels(20);
  const auto targets = some_targets(20);
  std::int64_t errors = 0;
  for (std::int64_t first = 0; first < 20; first += 5) {
    const Pass pass = {.plan = &network.plan(), .seed = 11, .step = 2, .first_example = first};
    network.load_input({pixels.data() + first * kInputs, static_cast<std::size_t>(5 * kInputs)}, 5, pass);
    errors += network.forward({targets.data() + first, 5}, pass).errors;
  }
  const Pass pass = {.plan = &network.plan(), .seed = 11, .step = 2};
  network.load_input(pixels, 20, pass);
  EXPECT_EQ(network.forward(targets, pass).errors, errors);
}

TEST(Network, NamesTheTensorThatIsNotFinite) {
  Network network(small_recipe(kInputs, "default = \"float16\""), 10);
  network.initialise(11, false);
  network.parameters()[0]->master.set_code(0, 0x7c00);
  const Pass pass = {.plan = &network.plan(), .seed = 11, .training = true};
  try {
    mean_loss(network, pass);
    FAIL() << "an infinite weight went unnoticed";
  } catch (const NonFiniteError& error) {
    EXPECT_NE(std::string(error.what()).find("h1: preactivation"), std::string::npos) << error.what();
  }
}

TEST(Network, EveryFormatFamilyTrainsAStep) {
  for (const std::string formats :
       {"default = \"q4.12:sat:sr\"", "default = \"float8_e4m3fn:sat\"", "default = \"bfloat16\"",
        "default = \"z6*4\"\nweight_master = \"q4.12\"", "default = \"int8*0.0625\"",
        "default = \"q2.14:sat:srh\"\nweight = \"ternary*0.5\"\nweight_master=\"q2.14:sat:sr\"",
        "default = \"float32\"\nactivation = \"q4.4:sat:rnd\""}) {
    Network network(small_recipe(kInputs, formats), 10);
    network.initialise(11, false);
    const Pass pass = {.plan = &network.plan(), .seed = 11, .training = true};
    EXPECT_TRUE(std::isfinite(mean_loss(network, pass))) << formats;
    network.backward(some_targets(kBatch), pass);
    for (const Parameter* parameter : network.parameters())
      EXPECT_EQ(parameter->gradient.shape(), parameter->master.shape());
  }
}

}  // namespace
}  // namespace dyadic
