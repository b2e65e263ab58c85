// Runs of discrete networks: one checksum for threads, instruction sets and interruptions; weights that stay on their
// states; a first epoch that only warms averages up.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "dyadic/base/error.h"
#include "dyadic/base/parallel.h"
#include "dyadic/kernels/elements.h"
#include "dyadic/kernels/isa.h"
#include "dyadic/train/initial_weights.h"
#include "dyadic/train/optimizer.h"
#include "tests/train/small_runs.h"

namespace dyadic {
namespace {

using testing::HasSubstr;

/// Six steps of ten images to an epoch, four epochs.
Recipe small_discrete_run(const std::vector<Override>& overrides = {}) {
  return parse_recipe(R"(seed = 3
[data]
name = "digits"
split = { train = 60, valid = 20 }
pixels = "signed"
[network]
input = [28, 28, 1]
layers = [
  { name = "c", type = "conv2d", channels = 6, kernel = 5, stride = 2, bias = "none", init = "uniform" },
  { type = "max_pool", size = 2 },
  { type = "batch_norm" },
  { type = "multi_step" },
  { type = "flatten" },
  { name = "h", type = "dense", units = 16, bias = "none", init = "uniform" },
  { type = "batch_norm" },
  { type = "multi_step", threshold = 0.25, window = "triangular", half_width = 1.0 },
  { name = "out", type = "dense", units = 10, bias = "none", init = "uniform" },
  { type = "batch_norm" },
]
loss = "squared_hinge"
loss_scale = "mean"
[formats]
input = "q1.7"
weight = "ternary"
preactivation = "exact"
activation = "ternary"
[train]
epochs = 4
batch = 10
optimizer = { type = "adam" }
learning_rate = { start = 0.1, end = 0.01, curve = "geometric" }
momentum = 0
)",
                      "discrete.toml", overrides);
}

struct DiscreteRun {
  const char* name;
  std::vector<Override> overrides;
};

const std::vector<DiscreteRun> kDiscreteRuns = {
    {"ternary", {}},
    {"binary_momentum",
     {"formats.weight=\"binary\"", "formats.activation=\"binary\"", "train.optimizer.type=\"sgd\"",
      "train.momentum=0.5"}},
    {"sixty_five_states_narrow_moments",
     {"formats.weight=\"z6\"", "formats.activation=\"z4\"", "formats.weight_update=\"bfloat16:sr\"",
      "formats.weight_moment=\"float8_e5m2:sat:sr\"", "formats.statistics=\"q12.12:sat:sr\""}},
    {"moments_in_blocks",
     {"formats.weight_update=\"bfp8b32:sat:sr\"", "formats.weight_moment=\"bfp8b32:sat:sr\"",
      "formats.scale_update=\"bfp12b8\"", "formats.bias_moment=\"bfp12b8:sat:sr16\""}},
    {"momentum_in_blocks",
     {"formats.weight=\"z3\"", "formats.weight_update=\"bfp6b64:sat:sr8\"", "train.optimizer.type=\"sgd\"",
      "train.momentum=0.5"}},
    {"hidden_weights_with_momentum_in_blocks",
     {"formats.weight_master=\"float32\"", "formats.weight_update=\"bfp8b256\"", "train.optimizer.type=\"sgd\"",
      "train.momentum=0.5"}},
    {"blocks_after_range_initialisation",
     {"formats.d_preactivation=\"dfx12\"", "formats.weight_update=\"bfp8b32:sat:sr\"",
      "formats.weight_moment=\"bfp8b32:sat:sr\"", "formats.range={init_epochs = 1, update_every = 2}"}},
    {"integer_gradients",
     {"formats.d_normalized=\"q4.12:sat:sr\"", "formats.d_preactivation=\"dfx10\"", "formats.d_activation=\"dfx10\"",
      "formats.d_weight=\"q8.8:sat:sr\"", "formats.range={init_epochs = 1, update_every = 2}"}},
};

constexpr std::uint32_t kDiscreteSteps = 9;

TEST(DiscreteHash, DoesNotDependOnThreadsInstructionSetsOrInterruptions) {
  for (const DiscreteRun& run : kDiscreteRuns) {
    const Recipe recipe = small_discrete_run(run.overrides);
    set_isa(Isa::ref);
    set_thread_count(1);
    const std::string expected = checksum_after(recipe, kDiscreteSteps);
    for (const Isa isa : supported_isas()) {
      set_isa(isa);
      for (const int threads : {1, 3}) {
        set_thread_count(threads);
        EXPECT_EQ(checksum_after(recipe, kDiscreteSteps, threads == 1 ? 4 : 0), expected)
            << run.name << " " << isa_name(isa) << " " << threads;
      }
    }
    EXPECT_NE(checksum_after(recipe, kDiscreteSteps - 1), expected) << run.name;
  }
  set_thread_count(1);
  set_isa(supported_isas().front());
}

// From version to version: a change here changes every result that anybody has published.
TEST(DiscreteHash, IsTheGoldenOne) {
  EXPECT_EQ(checksum_after(small_discrete_run(), kDiscreteSteps),
            "50fe4f003f7e6281a8d2842ca51e1d8c41b608b647940e3e1405b4eb30f5818c");
}

TEST(DiscreteHash, IsTheGoldenOneWithMomentsInBlocks) {
  EXPECT_EQ(checksum_after(small_discrete_run({"formats.weight_update=\"bfp8b32:sat:sr\"",
                                               "formats.weight_moment=\"bfp8b32:sat:sr\""}),
                           kDiscreteSteps),
            "42a724e51b2e7e49313421c5cbd1e6ddd29e48b17e1452a92c7aae1fb889a822");
}

/// The packed states of every discrete weight after a few steps, one after the other.
std::vector<std::byte> states_after(const std::vector<Override>& overrides) {
  Trainer trainer(small_discrete_run(overrides), few_digits(), nullptr);
  for (std::uint32_t i = 0; i < 5; ++i) advance(trainer);
  std::vector<std::byte> states;
  for (const Parameter* parameter : trainer.network().parameters()) {
    if (!parameter->master.is_compressed()) continue;
    const auto bytes = parameter->master.compressed_bytes();
    states.insert(states.end(), bytes.begin(), bytes.end());
    EXPECT_EQ(parameter->update.empty(), overrides.back() == "train.momentum={start = 0, end = 0}") << parameter->name;
  }
  EXPECT_FALSE(states.empty());
  return states;
}

TEST(DiscreteRuns, PlainSgdKeepsNoMomentumAndMovesAsWithOneOfZero) {
  const std::string sgd = "train.optimizer={type = \"sgd\"}";
  EXPECT_EQ(states_after({sgd, "train.momentum={start = 0, end = 0}"}),
            states_after({sgd, "train.momentum={start = 1e-300, end = 1e-300}"}));
}

// What is kept of a weight changes with the formats: an update comes and goes with range initialisation and stages, and
// a resumed run knows which of it a checkpoint holds.
TEST(DiscreteRuns, PlainSgdGoesThroughRangesAndStagesToTheSameBitsWhenResumed) {
  const std::string sgd = "train.optimizer={type = \"sgd\"}";
  const std::string plain = "train.momentum={start = 0, end = 0}";
  const std::vector<std::vector<Override>> runs = {
      {sgd, plain, "formats.d_preactivation=dfx16", "formats.range={init_epochs = 1, update_every = 2}",
       "formats.weight_update=\"bfp8b32\""},
      {sgd, plain, "formats.d_preactivation=dfx16", "formats.range={init_epochs = 1, update_every = 2}",
       "formats.weight_update=\"bfloat16\""},
      {sgd, plain, "train.stages=[{epochs = 1}, {epochs = 3, weight_master = \"float32\"}]"},
  };
  for (const std::vector<Override>& overrides : runs) {
    const Recipe recipe = small_discrete_run(overrides);
    EXPECT_EQ(checksum_after(recipe, kDiscreteSteps, 3), checksum_after(recipe, kDiscreteSteps)) << overrides.back();
  }
}

TEST(DiscreteRuns, LearnWithMomentsOfAByte) {
  Trainer trainer(
      small_discrete_run({"formats.weight_update=\"bfp8b32:sat:sr\"", "formats.weight_moment=\"bfp8b32:sat:sr\""}),
      few_digits(), nullptr);
  std::vector<double> losses;
  while (!trainer.finished()) {
    trainer.step();
    if (trainer.epoch_complete()) losses.push_back(trainer.end_epoch()->loss);
  }
  EXPECT_LT(losses.back(), 0.5 * losses.front());
}

TEST(DiscreteRuns, ABlockOfNanStopsWithTheNameOfTheTensor) {
  Trainer trainer(small_discrete_run({"formats.weight_update=\"bfp8b32\"", "formats.weight_moment=\"bfp8b32\"",
                                      "train.optimizer.epsilon=1e-6"}),
                  few_digits(), nullptr);
  advance(trainer);
  for (Parameter* parameter : trainer.network().parameters()) {
    if (parameter->name != "h.weight") continue;
    parameter->gradient = Tensor(parameter->master.shape(), parameter->gradient_point->current);
    parameter->gradient.codes<float>()[40] = NAN;
    const OptimizerStep step = {.spec = trainer.recipe().train, .learning_rate = 0.1};
    try {
      update_parameter(*parameter, step, trainer.network().plan());
      FAIL();
    } catch (const NonFiniteError& error) {
      EXPECT_TRUE(std::string(error.what()).starts_with("h: weight_update (bfp8b32:sat:rne): 1 of ")) << error.what();
    }
  }
}

TEST(DiscreteRuns, DamagedBlocksAreNoCheckpoint) {
  Trainer trainer(small_discrete_run({"formats.weight_moment=\"bfp8b32:sat:sr\""}), few_digits(), nullptr);
  advance(trainer);
  const SafetensorsFile good = make_checkpoint(trainer);
  const auto refused = [&](const std::string& name, const auto& change) -> std::string {
    SafetensorsFile file = good;
    for (StoredTensor& tensor : file.tensors) {
      if (tensor.name == name) change(tensor);
    }
    try {
      restore_checkpoint(file, "memory", trainer);
    } catch (const FileFormatError& error) {
      return error.what();
    }
    return "taken";
  };
  const std::string moment = "h.weight.moment";
  const std::string exponents = "h.weight.moment.exponents";
  EXPECT_THAT(refused(moment, [](StoredTensor& t) { t.bytes[0] = std::byte{0x80}; }), HasSubstr("element 0 is -128"));
  EXPECT_THAT(refused(moment, [](StoredTensor& t) { t.bytes.pop_back(); }), HasSubstr("bytes for"));
  EXPECT_THAT(refused(exponents, [](StoredTensor& t) { t.bytes.pop_back(); }), HasSubstr("stored as I8"));
  EXPECT_THAT(refused(exponents, [](StoredTensor& t) { t.name += "x"; }), HasSubstr("is not in the file"));
  EXPECT_THAT(refused(exponents, [](StoredTensor& t) { t.bytes[1] ^= std::byte{1}; }),
              HasSubstr("state checksum does not match"));
  EXPECT_EQ(refused("", [](StoredTensor&) {}), "taken");
}

TEST(DiscreteRuns, LearnTheDigitsWithoutAHiddenCopy) {
  Trainer trainer(small_discrete_run(), few_digits(), nullptr);
  std::vector<double> losses;
  while (!trainer.finished()) {
    trainer.step();
    if (trainer.epoch_complete()) losses.push_back(trainer.end_epoch()->loss);
    for (const Parameter* parameter : trainer.network().parameters()) {
      const bool is_weight = parameter->name.ends_with(".weight");
      ASSERT_EQ(parameter->master.format().name, is_weight ? "ternary" : "float32");
    }
  }
  EXPECT_LT(losses.back(), 0.5 * losses.front());
}

TEST(DiscreteRuns, WarmUpAtRateZeroMovesAveragesOnly) {
  Trainer trainer(small_discrete_run({"train.warmup_epochs_at_zero=1"}), few_digits(), nullptr);
  const auto codes = [&](const Tensor& tensor) {
    std::vector<std::int64_t> all;
    std::vector<std::byte> memory(static_cast<std::size_t>(tensor.size() * code_bytes(code_type(tensor.format()))));
    tensor.read(0, tensor.size(), memory.data());
    for (std::int64_t i = 0; i < tensor.size(); ++i) {
      all.push_back(load_code(memory.data(), code_type(tensor.format()), i));
    }
    return all;
  };
  Network& network = trainer.network();
  const std::vector<std::int64_t> weight = codes(network.parameters()[0]->master);
  const std::vector<std::int64_t> scale = codes(network.parameters()[1]->master);
  const std::vector<std::int64_t> moment = codes(network.parameters()[0]->moment);
  const std::vector<std::int64_t> mean = codes(network.states()[0]->values);
  for (int i = 0; i < 6; ++i) advance(trainer);
  EXPECT_EQ(trainer.progress().epochs, 1);
  EXPECT_EQ(codes(network.parameters()[0]->master), weight);
  EXPECT_EQ(codes(network.parameters()[1]->master), scale);
  EXPECT_NE(codes(network.parameters()[0]->moment), moment);
  EXPECT_NE(codes(network.states()[0]->values), mean);
  advance(trainer);
  EXPECT_NE(codes(network.parameters()[0]->master), weight);
}

// The first step with moments that were zero has the size of the rate, |m| / sqrt(v) being one: after range
// initialisation, too, which begins them again.
TEST(DiscreteRuns, AdamBeginsAgainAfterRangeInitialisation) {
  Trainer trainer(
      small_discrete_run({"formats.d_preactivation=dfx16", "formats.range={init_epochs = 1, update_every = 2}",
                          "train.learning_rate=0.125"}),
      few_digits(), nullptr);
  for (int i = 0; i < 6; ++i) advance(trainer);
  ASSERT_FALSE(trainer.initialising());
  advance(trainer);
  const Parameter& scale = *trainer.network().parameters()[1];
  ASSERT_EQ(scale.name, "c.scale");
  for (std::size_t c = 0; c < 6; ++c) {
    // epsilon beside the root of a gradient's square
    EXPECT_NEAR(std::fabs(scale.master.codes<float>()[c] - 1.0F), 0.125F, 1e-3F) << c;
  }
}

TEST(DiscreteRuns, AStageRoundsMomentsAndAverages) {
  Trainer trainer(
      small_discrete_run({"train.stages=[{epochs = 1}, {epochs = 3, weight_moment = \"bfloat16\", statistics = "
                          "\"float16\"}]"}),
      few_digits(), nullptr);
  for (int i = 0; i < 5; ++i) advance(trainer);
  Network& network = trainer.network();
  EXPECT_EQ(network.parameters()[0]->moment.format().name, "float32");
  advance(trainer);
  EXPECT_EQ(network.parameters()[0]->moment.format().name, "bfloat16");
  EXPECT_EQ(network.states()[0]->values.format().name, "float16");
  bool any = false;
  for (std::int64_t i = 0; i < network.parameters()[0]->moment.size(); ++i)
    any |= network.parameters()[0]->moment.code(i) != 0;
  EXPECT_TRUE(any) << "rounded, not forgotten";
  advance(trainer);
}

TEST(DiscreteRuns, NormalisationTakesTheRateScaleOfItsNode) {
  Trainer trainer(small_discrete_run({"network.layers.0.learning_rate_scale=0.5", "train.learning_rate=0.125"}),
                  few_digits(), nullptr);
  advance(trainer);
  const std::vector<Parameter*> parameters = trainer.network().parameters();
  EXPECT_NEAR(std::fabs(parameters[1]->master.codes<float>()[0] - 1.0F), 0.0625F, 1e-3F);  // c.scale
  EXPECT_NEAR(std::fabs(parameters[4]->master.codes<float>()[0] - 1.0F), 0.125F, 1e-3F);   // h.scale
}

TEST(DiscreteRuns, StatesAndMomentsCountAsKept) {
  Trainer trainer(small_discrete_run({"formats.weight_update=\"bfloat16\"", "formats.weight_moment=\"bfloat16\""}),
                  few_digits(), nullptr);
  std::int64_t weights = 0, others = 0, packed = 0;
  for (const Parameter* parameter : trainer.network().parameters()) {
    const bool is_weight = parameter->name.ends_with(".weight");
    (is_weight ? weights : others) += parameter->master.size();
    if (is_weight) packed += (parameter->master.size() + 3) / 4;  // two bits each
  }
  const auto all = static_cast<double>(weights + others);
  EXPECT_DOUBLE_EQ(trainer.state_bytes_per_parameter(), static_cast<double>(packed + 4 * weights + 12 * others) / all);
  EXPECT_DOUBLE_EQ(trainer.packed_bits_per_parameter(),
                   (34.0 * static_cast<double>(weights) + 96.0 * static_cast<double>(others)) / all);
}

TEST(DiscreteRuns, ExponentsOfBlocksCountAsKept) {
  Trainer trainer(small_discrete_run({"formats.weight_update=\"bfp8b32:sat:sr\"", "formats.weight_moment=\"bfp6b16\""}),
                  few_digits(), nullptr);
  std::int64_t bytes = 0, bits = 0, others = 0;
  std::int64_t kept = 0;
  for (const Parameter* parameter : trainer.network().parameters()) {
    const std::int64_t size = parameter->master.size();
    kept += parameter->master.bytes() + parameter->update.bytes() + parameter->moment.bytes();
    if (!parameter->name.ends_with(".weight")) {
      others += size;
      continue;
    }
    const std::int64_t exponents = (size + 31) / 32 + (size + 15) / 16;
    bytes += (size + 3) / 4 + 2 * size + exponents;  // two bits a state, a byte a code, twice
    bits += 16 * size + 8 * exponents;               // 2 + 8 + 6
  }
  const auto all = static_cast<double>(trainer.network().parameter_count());
  EXPECT_DOUBLE_EQ(trainer.state_bytes_per_parameter(), static_cast<double>(bytes + 12 * others) / all);
  EXPECT_DOUBLE_EQ(trainer.state_bytes_per_parameter(), static_cast<double>(kept) / all);
  EXPECT_DOUBLE_EQ(trainer.packed_bits_per_parameter(), static_cast<double>(bits + 96 * others) / all);
}

TEST(DiscreteRuns, AStageGivesMomentsBlocks) {
  Trainer trainer(small_discrete_run({"formats.weight_update=\"bfp8b32\"",
                                      "train.stages=[{epochs = 1}, {epochs = 3, weight_moment = \"bfp12b64:sat:sr\", "
                                      "weight_update = \"float32\"}]"}),
                  few_digits(), nullptr);
  for (int i = 0; i < 5; ++i) advance(trainer);
  const Parameter& weight = *trainer.network().parameters()[0];
  const auto values = [](const Tensor& tensor) {
    std::vector<double> all(static_cast<std::size_t>(tensor.size()));
    read_elements(tensor, 0, tensor.size(), all.data());
    return all;
  };
  // The last step of the stage, by hand: what it leaves is rounded once into the next stage's formats.
  trainer.step();
  const std::vector<double> update = values(weight.update), moment = values(weight.moment);
  trainer.end_epoch();
  EXPECT_EQ(weight.update.format().name, "float32");
  EXPECT_EQ(weight.moment.format().name, "bfp12b64");
  EXPECT_EQ(values(weight.update), update);
  const std::vector<double> blocks = values(weight.moment);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const double step = std::ldexp(1.0, weight.moment.exponents()[i / 64] - 10);
    ASSERT_LT(std::fabs(blocks[i] - moment[i]), step) << i;
  }
  advance(trainer);
}

TEST(DiscreteRuns, SayWhatAProjectionLoses) {
  Trainer floating(small_discrete_run({"formats.weight=float32"}), few_digits(), nullptr);
  const SafetensorsFile weights = extract_weights(make_checkpoint(floating), "float");
  Trainer discrete(small_discrete_run(), few_digits(), nullptr);
  const std::vector<std::string> losses = load_initial_weights(weights, "float", 3, discrete.network());
  ASSERT_EQ(losses.size(), 3U);
  // Uniform in [-1, 1), rounded to -1, 0 and 1: half become zero, and 1/12 of 1/3 is lost of the squares.
  EXPECT_TRUE(losses[1].starts_with("h.weight.master: float32 to ternary loses 50 % of the root mean square, "))
      << losses[1];
  EXPECT_TRUE(
      load_initial_weights(extract_weights(make_checkpoint(discrete), "d"), "d", 3, discrete.network()).empty());
}

TEST(DiscreteRuns, StartFromAnotherRunsWeightsAndAverages) {
  Trainer first(small_discrete_run(), few_digits(), nullptr);
  for (int i = 0; i < 12; ++i) advance(first);
  const SafetensorsFile weights = extract_weights(make_checkpoint(first), "first");
  Trainer second(small_discrete_run({"seed=4"}), few_digits(), &weights);
  EXPECT_EQ(second.evaluate(few_digits().test, {0, 40}).loss, first.evaluate(few_digits().test, {0, 40}).loss);
}

}  // namespace
}  // namespace dyadic
