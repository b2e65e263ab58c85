// Convolutional networks as a whole: gradients, formats, and which tensors their ranges follow.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <vector>

#include "dyadic/base/error.h"
#include "dyadic/base/math.h"
#include "dyadic/nn/network.h"
#include "tests/nn/difference.h"
#include "tests/nn/small_convolution.h"

namespace dyadic {
namespace {

constexpr std::int64_t kConvolutionBatch = 10;

const std::string kNetworks[] = {kPooledAfterActivation, kBiasAfterPool, kPooledBeforeActivation};

std::vector<std::uint8_t> some_pixels() {
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(kConvolutionBatch * element_count(kSmallImage)));
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(random_bits({.seed = 1}, i, 8));
  return pixels;
}

std::vector<std::uint8_t> some_targets() {
  std::vector<std::uint8_t> targets(kConvolutionBatch);
  for (std::size_t i = 0; i < targets.size(); ++i) targets[i] = static_cast<std::uint8_t>(i * 3 % 10);
  return targets;
}

double mean_convolution_loss(Network& network, const Pass& pass) {
  network.load_input(some_pixels(), kConvolutionBatch, pass);
  return network.forward(some_targets(), pass).loss / kConvolutionBatch;
}

/// Central differences of the mean loss as for dense layers (network_test.cc), with smaller steps, because a weight
/// that is shared by hundreds of places has hundreds of chances to make another element the largest of its window: the
/// mean loss of ten examples carries about 2^-25 of noise, so h = 2^-11 is good to 2^-15. Where three step sizes
/// disagree there is such a kink, and no derivative.
///
/// Where several elements of a window are equally large, `ties = "all"` deliberately sends more than the derivative.
/// Random biases and, behind masks, `ties = "first"` keep that out.
void expect_gradients_of_differences(const std::string& layers, const std::string& ties) {
  Network network(small_convolution(layers, "default = \"float32\"", "ties = \"" + ties + "\""), 10);
  network.initialise(11, false);
  for (Parameter* parameter : network.parameters()) {
    if (parameter->master.shape().size() > 1) continue;
    for (std::int64_t i = 0; i < parameter->master.size(); ++i) {
      const RandomStream random = {.seed = 12, .stream = parameter->master_point->stream()};
      parameter->master.codes<float>()[static_cast<std::size_t>(i)] =
          static_cast<float>(random_uniform(random, static_cast<std::uint64_t>(i)) - 0.3) / 4;
    }
  }
  const Pass pass = {.plan = &network.plan(), .seed = 11, .step = 3, .training = true};
  mean_convolution_loss(network, pass);
  network.backward(some_targets(), pass);
  constexpr float kStep = 0x1p-9F;
  for (Parameter* parameter : network.parameters()) {
    const Tensor gradient = parameter->gradient;
    int tried = 0;
    int checked = 0;
    double largest = 0;
    const std::int64_t stride = 1 + parameter->master.size() / 40;  // and odd strides meet every place of a window
    for (std::int64_t i = 0; i < parameter->master.size(); i += stride | 1) {
      ++tried;
      float& weight = parameter->master.codes<float>()[static_cast<std::size_t>(i)];
      const auto difference = [&](float h) {
        return central_difference(weight, h, [&] { return mean_convolution_loss(network, pass); });
      };
      const double coarse = difference(kStep);
      const double fine = difference(kStep / 4);
      if (std::fabs(coarse - difference(kStep / 2)) > 1e-4 || std::fabs(coarse - fine) > 1e-4) continue;
      EXPECT_NEAR(gradient.codes<float>()[static_cast<std::size_t>(i)], fine, 2e-4) << parameter->name << " " << i;
      largest = std::max(largest, std::fabs(coarse));
      ++checked;
    }
    EXPECT_GE(4 * checked, tried) << parameter->name;
    EXPECT_GT(largest, 0.0008) << parameter->name << ": a test of zeros proves nothing";
  }
}

TEST(ConvolutionNetwork, GradientsAgreeWithDifferences) {
  for (const std::string& layers : kNetworks) {
    SCOPED_TRACE(layers);
    expect_gradients_of_differences(layers, layers == kPooledBeforeActivation ? "first" : "all");
  }
}

TEST(ConvolutionNetwork, DrawsItsWeightsFromWindowsAndPieces) {
  const std::string layers = R"(
    { name = "c1", type = "conv2d", channels = 6, kernel = [3, 2] },
    { type = "maxout", pieces = 2 },
    { name = "c2", type = "conv2d", channels = 8, kernel = 3, groups = 1, init = "normal", init_deviation = 0.05 },
    { type = "flatten" },
    { name = "out", type = "dense", units = 10, init = "zero" },
)";
  Network network(small_convolution(layers, "default = \"float32\""), 10);
  network.initialise(11, false);
  const auto stream = [](std::uint32_t node) {
    return RandomStream{.seed = 11, .step = 0, .stream = stream_number(node, 0, RandomPurpose::initial_weights)};
  };
  const Tensor& uniform = network.parameters()[0]->master;
  const Tensor& normal = network.parameters()[2]->master;
  EXPECT_EQ(uniform.shape(), (Shape{6, 3, 2, 2}));
  const double limit = std::sqrt(6.0 / (3 * 2 * 2 + 3 * 2 * 6));
  for (std::uint64_t i = 0; i < uniform.codes<float>().size(); ++i) {
    EXPECT_EQ(uniform.codes<float>()[i], static_cast<float>((2.0 * random_uniform(stream(1), i) - 1.0) * limit));
  }
  for (std::uint64_t i = 0; i < normal.codes<float>().size(); ++i) {
    const double p = (random_bits(stream(2), i, 32) + 0.5) * 0x1p-32;
    EXPECT_EQ(normal.codes<float>()[i], static_cast<float>(0.05 * inverse_normal(p)));
  }
  for (const std::size_t zeros : {1U, 3U, 4U, 5U}) {  // biases, and the last layer
    const Tensor& tensor = network.parameters()[zeros]->master;
    for (std::int64_t i = 0; i < tensor.size(); ++i) EXPECT_EQ(tensor.code(i), 0);
  }
}

TEST(ConvolutionNetwork, EveryFormatFamilyTrainsAStep) {
  for (const std::string& layers : kNetworks) {
    for (const std::string formats :
         {"default = \"q4.12:sat:sr\"", "default = \"dfx12:sat:rna\"", "default = \"float8_e4m3fn:sat\"",
          "default = \"bfloat16\"", "default = \"z6*4\"\nweight_master = \"q4.12\"", "default = \"int8*0.0078125\"",
          "default = \"q2.14:sat:srh\"\nweight = \"ternary*0.5\"\nweight_master=\"q2.14:sat:sr\"",
          "default = \"float32\"\nactivation = \"q4.4:sat:rnd\""}) {
      Network network(small_convolution(layers, formats), 10);
      network.initialise(11, false);
      const Pass pass = {.plan = &network.plan(), .seed = 11, .training = true};
      EXPECT_TRUE(std::isfinite(mean_convolution_loss(network, pass))) << formats;
      network.backward(some_targets(), pass);
      bool any = false;
      for (const Parameter* parameter : network.parameters()) {
        EXPECT_EQ(parameter->gradient.shape(), parameter->master.shape());
        EXPECT_EQ(parameter->gradient.format(), parameter->gradient_point->current);
        for (std::int64_t i = 0; i < parameter->gradient.size(); ++i) any |= parameter->gradient.code(i) != 0;
      }
      EXPECT_TRUE(any) << formats;
    }
  }
}

TEST(ConvolutionNetwork, BatchesOfAnySizeEvaluateTheSame) {
  for (const std::string& layers : kNetworks) {
    Network network(small_convolution(layers, "default = \"q6.10:sat:sr16\""), 10);
    network.initialise(11, false);
    const auto pixels = some_pixels();
    const auto targets = some_targets();
    const auto values = static_cast<std::size_t>(element_count(kSmallImage));
    const Pass whole = {.plan = &network.plan(), .seed = 11, .step = 2};
    network.load_input(pixels, kConvolutionBatch, whole);
    const BatchScore expected = network.forward(targets, whole);
    double loss = 0;
    std::int64_t errors = 0;
    for (std::size_t first = 0; first < kConvolutionBatch; first += 5) {
      Pass pass = whole;
      pass.first_example = static_cast<std::int64_t>(first);
      network.load_input(std::span(pixels).subspan(first * values, 5 * values), 5, pass);
      const BatchScore score = network.forward(std::span(targets).subspan(first, 5), pass);
      loss += score.loss;
      errors += score.errors;
    }
    EXPECT_NEAR(loss, expected.loss, 1e-12) << layers;  // two sums of the same ten numbers
    EXPECT_EQ(errors, expected.errors) << layers;
  }
}

TEST(ConvolutionNetwork, EndsInAsManyPreactivationsAsClasses) {
  const Recipe recipe = small_convolution(kBiasAfterPool, "");
  EXPECT_NO_THROW(Network(recipe, 10));
  EXPECT_THROW(Network(recipe, 9), ShapeError);
}

using Sizes = std::map<Role, std::int64_t>;

/// What each role's range has counted in one training step on ten images.
std::map<std::string, Sizes> counted_elements(const std::string& layers) {
  Network network(small_convolution(layers, "default = \"dfx16:sat:rna\""), 10);
  network.initialise(11, false);
  const Pass pass = {.plan = &network.plan(), .seed = 11, .training = true};
  mean_convolution_loss(network, pass);
  network.backward(some_targets(), pass);
  std::map<std::string, Sizes> counted;
  for (const RangeGroup& group : network.plan().groups()) {
    if (group.elements > 0) {
      counted[network.plan().nodes()[static_cast<std::size_t>(group.node)]][group.role] = group.elements;
    }
  }
  return counted;
}

TEST(RangeOfANode, FollowsWhatTheNextNodeReadsAfterPools) {
  const auto counted = counted_elements(kPooledAfterActivation);
  EXPECT_EQ(counted.at("c1"), (Sizes{{Role::preactivation, kConvolutionBatch * 5 * 7 * 6},
                                     {Role::activation, kConvolutionBatch * 2 * 3 * 6},
                                     {Role::d_preactivation, kConvolutionBatch * 5 * 7 * 6},
                                     {Role::d_activation, kConvolutionBatch * 2 * 3 * 6},
                                     {Role::d_weight, 6 * 3 * 2 * 2},
                                     {Role::d_bias, 6}}));
  EXPECT_EQ(counted.at("c2"), (Sizes{{Role::preactivation, kConvolutionBatch * 3 * 4 * 8},
                                     {Role::activation, kConvolutionBatch * 2 * 3 * 4},
                                     {Role::d_preactivation, kConvolutionBatch * 3 * 4 * 8},
                                     {Role::d_activation, kConvolutionBatch * 2 * 3 * 4},
                                     {Role::d_weight, 8 * 2 * 2 * 3},
                                     {Role::d_bias, 8}}));
  EXPECT_EQ(counted.at("out"), (Sizes{{Role::preactivation, kConvolutionBatch * 10},
                                      {Role::activation, kConvolutionBatch * 10},
                                      {Role::d_preactivation, kConvolutionBatch * 10},
                                      {Role::d_activation, kConvolutionBatch * 10},
                                      {Role::d_weight, 10 * 24},
                                      {Role::d_bias, 10}}));
}

TEST(RangeOfANode, FollowsTheFirstPreactivationsWhereTheBiasComesAfterThePool) {
  const auto counted = counted_elements(kBiasAfterPool);
  EXPECT_EQ(counted.at("c1"), (Sizes{{Role::preactivation, kConvolutionBatch * 7 * 6 * 6},
                                     {Role::activation, kConvolutionBatch * 3 * 3 * 3},
                                     {Role::d_preactivation, kConvolutionBatch * 7 * 6 * 6},
                                     {Role::d_activation, kConvolutionBatch * 3 * 3 * 3},
                                     {Role::d_weight, 6 * 3 * 3 * 2},
                                     {Role::d_bias, 6}}));
  EXPECT_EQ(counted.at("c2"), (Sizes{{Role::preactivation, kConvolutionBatch * 2 * 2 * 10},
                                     {Role::activation, kConvolutionBatch * 10},
                                     {Role::d_preactivation, kConvolutionBatch * 2 * 2 * 10},
                                     {Role::d_activation, kConvolutionBatch * 10},
                                     {Role::d_weight, 10 * 2 * 2 * 3},
                                     {Role::d_bias, 10}}));
}

TEST(RangeOfANode, FollowsTensorsAfterMasks) {
  const auto counted = counted_elements(kPooledBeforeActivation);
  EXPECT_EQ(counted.at("c1"), (Sizes{{Role::preactivation, kConvolutionBatch * 9 * 8 * 4},
                                     {Role::activation, kConvolutionBatch * 4 * 3 * 4},
                                     {Role::d_preactivation, kConvolutionBatch * 9 * 8 * 4},
                                     {Role::d_activation, kConvolutionBatch * 4 * 3 * 4},
                                     {Role::d_weight, 4 * 3 * 3 * 2},
                                     {Role::d_bias, 4}}));
  EXPECT_EQ(counted.at("c2"), (Sizes{{Role::preactivation, kConvolutionBatch * 4 * 3 * 3},
                                     {Role::activation, kConvolutionBatch * 2 * 2 * 3},
                                     {Role::d_preactivation, kConvolutionBatch * 4 * 3 * 3},
                                     {Role::d_activation, kConvolutionBatch * 2 * 2 * 3},
                                     {Role::d_weight, 3 * 4},
                                     {Role::d_bias, 3}}));
  EXPECT_FALSE(counted.contains("input")) << "the input has no range";
}

// Half of what a mask of keep = 0.5 lets through is zero: the counts are those of the tensor behind it, both ways.
TEST(RangeOfANode, SeesTheZerosOfTheMask) {
  Network network(small_convolution(kPooledBeforeActivation, "default = \"float32\""), 10);
  network.initialise(11, false);
  for (Parameter* parameter : network.parameters()) {
    if (parameter->name != "c1.bias") continue;
    for (float& bias : parameter->master.codes<float>()) bias = 3;  // so that relu makes no zeros
  }
  const Pass pass = {.plan = &network.plan(), .seed = 11, .training = true};
  mean_convolution_loss(network, pass);
  network.backward(some_targets(), pass);
  // The gradient that c1's mask gets is sparse already, because a pool has routed it.
  for (const auto& [node, role] :
       {std::pair{1, Role::activation}, std::pair{2, Role::activation}, std::pair{2, Role::d_activation}}) {
    const RoundingCounts& counts = network.plan().at(node, role).epoch;
    EXPECT_GT(counts.zeros * 10, counts.elements * 3) << node << " " << role_name(role);
    EXPECT_LT(counts.zeros * 10, counts.elements * 7) << node << " " << role_name(role);
  }
}

}  // namespace
}  // namespace dyadic
