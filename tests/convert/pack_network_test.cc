// A packed network gives the codes of every layer and the class of every example of the network it was made from.
#include "dyadic/convert/pack_network.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "dyadic/base/error.h"
#include "dyadic/base/parallel.h"
#include "dyadic/data/dataset.h"
#include "dyadic/kernels/isa.h"
#include "dyadic/train/batch_loader.h"
#include "tests/convert/small_discrete.h"

namespace dyadic {
namespace {

/// Scales of both signs, and none; as training could have left them.
void spread_scales(Network& network) {
  for (Parameter* parameter : network.parameters()) {
    if (!parameter->name.ends_with(".scale")) continue;
    for (std::int64_t c = 0; c < parameter->master.size(); ++c) {
      float& scale = parameter->master.codes<float>()[static_cast<std::size_t>(c)];
      scale *= c % 4 == 1 ? -1.0F : c % 4 == 3 && parameter->name != "out.scale" ? 0.0F : 1.0F;
    }
  }
}

/// Codes that nodes read, the first one's input left out: the states of the nodes before.
std::vector<Tensor> states_read(Network& network, const Pass& pass) {
  std::vector<Tensor> states;
  network.forward_layers(pass, [&](Layer& layer, const Tensor& input) {
    if (layer.product(input, pass)) states.push_back(input);
  });
  states.erase(states.begin());
  return states;
}

void expect_same(Trainer& trainer, PackedNetwork& packed, const ImageSet& set, std::int64_t count) {
  Network& network = trainer.network();
  const Pass pass = evaluation_pass(trainer);
  BatchLoader::load_range(set, {0, count}, pass, network);
  const std::vector<Tensor> states = states_read(network, pass);
  const auto pixels = std::span(set.pixels).first(static_cast<std::size_t>(count * set.values()));
  const std::vector<std::uint8_t> predicted = packed.forward(packed.input_codes(pixels, count));
  ASSERT_EQ(states.size() + 1, packed.nodes().size());
  for (std::size_t i = 0; i < states.size(); ++i) {
    const Tensor& codes = packed.states(i);
    ASSERT_EQ(codes.format(), states[i].format());
    ASSERT_EQ(codes.size(), states[i].size());
    std::int64_t different = 0;
    for (std::int64_t k = 0; k < codes.size(); ++k) different += codes.code(k) != states[i].code(k) ? 1 : 0;
    EXPECT_EQ(different, 0) << packed.nodes()[i].name;
  }
  // An error is an example whose class is not the target: with the predictions as targets there is none.
  ASSERT_EQ(std::ssize(predicted), count);
  EXPECT_EQ(network.forward(predicted, pass).errors, 0);
}

struct NetworkRow {
  const char* name;
  std::vector<Override> overrides;
};

const std::vector<NetworkRow> kNetworks = {
    {"ternary", {}},
    {"binary", {"formats.weight=binary", "formats.activation=binary", "network.layers.4.padding=0"}},
    {"many_states", {"formats.weight=z6", "formats.activation=z4"}},
    {"sixteen_bits", {"formats.weight=z8", "formats.activation=z8"}},
    {"other_limits", {"formats.weight=ternary*0.25", "formats.activation=z2*2"}},
    {"unsigned_pixels", {"data.pixels=unsigned", "formats.input=uq0.8"}},
    {"rounded_pixels", {"formats.input=q1.3:sat:rna"}},
    {"narrow_normalized", {"formats.normalized=float8_e4m3fn:sat:rtz", "formats.statistics=float16"}},
    {"hidden_master", {"formats.weight_master=float32"}},
    {"stages", {"train.stages=[{epochs = 1}, {epochs = 3, weight_moment = \"bfloat16\", statistics = \"float16\"}]"}},
    {"bare_output",
     {"network.layers=[{name=\"h\", type=\"dense\", units=16, bias=\"none\", init=\"uniform\"}, "
      "{type=\"batch_norm\"}, {type=\"multi_step\"}, {name=\"out\", type=\"dense\", units=10, bias=\"none\", "
      "init=\"uniform\"}]"}},
    {"convolution_as_output",
     {"network.layers=[{name=\"c\", type=\"conv2d\", channels=6, kernel=5, stride=2, bias=\"none\", "
      "init=\"uniform\"}, {type=\"batch_norm\"}, {type=\"multi_step\"}, {name=\"out\", type=\"conv2d\", channels=10, "
      "kernel=3, bias=\"none\", init=\"uniform\"}, {type=\"max_pool\", size=10}, {type=\"batch_norm\"}]"}},
    {"overlapping_pools", {"network.layers.1={type = \"max_pool\", size = 3, stride = 2}"}},
};

TEST(PackNetwork, CodesAndClassesAreTheNetworks) {
  for (const NetworkRow& row : kNetworks) {
    SCOPED_TRACE(row.name);
    for (const bool spread : {false, true}) {
      const auto trainer = trained(small_discrete(row.overrides), 8);
      if (spread) spread_scales(trainer->network());
      PackedNetwork packed(
          pack_network(trainer->network(), packed_recipe(*trainer, trainer->progress()), evaluation_pass(*trainer)));
      expect_same(*trainer, packed, some_digits().test, 650);
      expect_same(*trainer, packed, some_digits().train, 17);
    }
  }
}

TEST(PackNetwork, ClassesDependOnNoTierNorThreads) {
  const auto trainer = trained(small_discrete(), 8);
  PackedNetwork packed(
      pack_network(trainer->network(), packed_recipe(*trainer, trainer->progress()), evaluation_pass(*trainer)));
  const ImageSet& set = some_digits().test;
  const Tensor input = packed.input_codes(std::span<const std::uint8_t>(set.pixels), set.count());
  const std::vector<std::uint8_t> expected = packed.forward(input);
  const std::vector<std::int32_t> scores(packed.scores().begin(), packed.scores().end());
  for (const Isa isa : supported_isas()) {
    set_isa(isa);
    for (const int threads : {1, 3}) {
      set_thread_count(threads);
      EXPECT_EQ(packed.forward(input), expected) << isa_name(isa) << " " << threads;
      EXPECT_TRUE(std::ranges::equal(packed.scores(), scores));
    }
  }
  set_thread_count(1);
  set_isa(supported_isas().front());
}

/// The same class for every example; how many are right.
std::int64_t expect_same_classes(Trainer& trainer, PackedNetwork& packed, const ImageSet& set) {
  const Pass pass = evaluation_pass(trainer);
  std::int64_t right = 0;
  constexpr std::int64_t kBatch = 1000;
  for (std::int64_t first = 0; first < set.count(); first += kBatch) {
    const std::int64_t count = std::min(kBatch, set.count() - first);
    BatchLoader::load_range(set, {first, first + count}, pass, trainer.network());
    const auto pixels =
        std::span(set.pixels)
            .subspan(static_cast<std::size_t>(first * set.values()), static_cast<std::size_t>(count * set.values()));
    const std::vector<std::uint8_t> predicted = packed.forward(packed.input_codes(pixels, count));
    EXPECT_EQ(trainer.network().forward(predicted, pass).errors, 0) << first;
    for (std::size_t i = 0; i < predicted.size(); ++i) {
      right += predicted[i] == set.labels[static_cast<std::size_t>(first) + i] ? 1 : 0;
    }
  }
  return right;
}

// The 10 000 test digits; with DYADIC_NIGHTLY=1 all 70 000.
TEST(PackNetwork, ClassesOfTheWholeDigitsAreTheNetworks) {
  const bool nightly = std::getenv("DYADIC_NIGHTLY") != nullptr;
  const DataSet digits = generate_digits_set(kDigitSeed, nightly ? 60000 : 250, 10000);
  const auto trainer = trained(small_discrete(), 24);
  PackedNetwork packed(
      pack_network(trainer->network(), packed_recipe(*trainer, trainer->progress()), evaluation_pass(*trainer)));
  EXPECT_GT(expect_same_classes(*trainer, packed, digits.test), 1150) << "chance is 1000, with a deviation of 30";
  expect_same_classes(*trainer, packed, digits.train);
}

TEST(PackNetwork, ClassesOfMnistAreTheNetworks) {
  const char* directory = std::getenv("DYADIC_DATA");
  if (directory == nullptr || !std::filesystem::exists(std::string(directory) + "/mnist")) {
    GTEST_SKIP() << "DYADIC_DATA has no folder mnist: the real digits are not tested";
  }
  const DataSet mnist = load_dataset("mnist", directory);
  Trainer trainer(small_discrete({"data.name=mnist", "data.split.train=2000"}), mnist, nullptr);
  for (int i = 0; i < 100; ++i) trainer.step();
  PackedNetwork packed(
      pack_network(trainer.network(), packed_recipe(trainer, trainer.progress()), evaluation_pass(trainer)));
  EXPECT_GT(expect_same_classes(trainer, packed, mnist.test), 1150);
}

TEST(PackNetwork, SumsThatWaitForPoolsAreFew) {
  const auto trainer = trained(small_discrete(), 1);
  PackedNetwork packed(
      pack_network(trainer->network(), packed_recipe(*trainer, trainer->progress()), evaluation_pass(*trainer)));
  const ImageSet& set = some_digits().test;
  packed.forward(packed.input_codes(std::span<const std::uint8_t>(set.pixels).first(784 * 10), 10));
  const std::int64_t ten = packed.activation_bytes();
  packed.forward(packed.input_codes(std::span<const std::uint8_t>(set.pixels), 650));
  // States after c1 (216), c2 pooled and not (288 + 72), h (16), sums and scores of ten classes.
  EXPECT_LT(packed.activation_bytes() - ten, 640 * (216 + 288 + 72 + 16 + 10 * 8) + (std::int64_t{1} << 20));
}

TEST(PackNetwork, OtherInputsAreRefused) {
  const auto trainer = trained(small_discrete(), 1);
  PackedNetwork packed(
      pack_network(trainer->network(), packed_recipe(*trainer, trainer->progress()), evaluation_pass(*trainer)));
  EXPECT_THROW(packed.forward(Tensor({2, 28, 28, 2}, parse_format("q1.7"))), ShapeError);
  EXPECT_THROW(packed.forward(Tensor({2, 28, 28, 1}, parse_format("uq0.8"))), ShapeError);
  EXPECT_THROW(packed.forward(Tensor()), ShapeError);
  EXPECT_THROW(packed.input_codes(std::span<const std::uint8_t>(), 1), ShapeError);
  EXPECT_TRUE(packed.forward(Tensor({0, 28, 28, 1}, parse_format("q1.7"))).empty());
}

}  // namespace
}  // namespace dyadic
