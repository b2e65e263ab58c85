#include "dyadic/train/trainer.h"

#include <gtest/gtest.h>

#include "dyadic/base/error.h"
#include "dyadic/base/philox.h"
#include "dyadic/formats/codec.h"
#include "dyadic/io/stored_tensor.h"
#include "dyadic/train/checkpoint.h"
#include "dyadic/train/initial_weights.h"
#include "tests/train/small_runs.h"

namespace dyadic {
namespace {

void train_epochs(Trainer& trainer, int epochs) {
  for (int epoch = 0; epoch < epochs; ++epoch) {
    while (!trainer.epoch_complete()) trainer.step();
    trainer.end_epoch();
  }
}

TEST(Trainer, LearnsTheDigits) {
  const DataSet larger = generate_digits_set(kDigitSeed, 1300, 40);
  const Recipe recipe =
      small_task({"DFXP", "5", "9", "11", "5", "0.0001", "1"},
                 {"data.split={train = 1000, valid = 300}", "train.epochs=20", "train.learning_rate=0.1",
                  "network.layers.1.units=200", "network.layers.4.units=200"});
  Trainer trainer(recipe, larger, nullptr);
  train_epochs(trainer, 21);
  EXPECT_TRUE(trainer.finished());
  EXPECT_LT(trainer.progress().validation_error, 45.0) << "chance is 90";
}

TEST(Trainer, AnEvaluationThatIsBrokenOffIsMadeAfterResuming) {
  Trainer trainer(small_task({"FLP"}), few_digits(), nullptr);
  while (!trainer.epoch_complete()) trainer.step();
  const Progress before = trainer.progress();
  int asked = 0;
  EXPECT_FALSE(trainer.end_epoch([&] { return ++asked == 2; }).has_value()) << "between validation and test";
  EXPECT_EQ(trainer.progress(), before);
  const std::unique_ptr<Trainer> later = resumed(trainer);
  EXPECT_TRUE(later->epoch_complete());
  const std::optional<EpochReport> late = later->end_epoch();
  const std::optional<EpochReport> direct = trainer.end_epoch();
  EXPECT_EQ(late->validation_error, direct->validation_error);
  EXPECT_EQ(late->test_error, direct->test_error);
  EXPECT_EQ(late->train_error, direct->train_error);
  later->step();
  trainer.step();
  EXPECT_EQ(state_checksum(later->network()), state_checksum(trainer.network()));
}

TEST(Trainer, RangeInitialisationDrawsTheWeightsAgainInTheRangesFound) {
  const Recipe recipe = small_task({"DFXP", "5", "9", "11", "1", "0.001", "2"});
  Trainer trainer(recipe, few_digits(), nullptr);
  EXPECT_TRUE(trainer.initialising());
  EXPECT_EQ(format_name(trainer.network().parameters()[0]->master.format()), "float32@5:inf:rne");
  train_epochs(trainer, 2);
  EXPECT_FALSE(trainer.initialising());
  EXPECT_EQ(trainer.progress().step, 20U) << "step numbers go on";
  EXPECT_EQ(trainer.progress().epochs, 0);
  const Parameter& weight = *trainer.network().parameters()[0];
  const int range = weight.master_point->current.range;
  EXPECT_LT(range, 5);
  EXPECT_EQ(weight.master.format(), weight.master_point->current);
  // The float network's first weight, rounded to the range found.
  Recipe fresh = recipe;
  fresh.formats.range.init_epochs = 0;
  fresh.formats.range.initial = range;
  Trainer other(fresh, few_digits(), nullptr);
  for (std::int64_t i = 0; i < weight.master.size(); ++i)
    ASSERT_EQ(weight.master.code(i), other.network().parameters()[0]->master.code(i));
  // Momentum is kept (reset_momentum = false), biases are zero.
  bool any = false;
  for (std::int64_t i = 0; i < weight.update.size(); ++i) any |= weight.update.code(i) != 0;
  EXPECT_TRUE(any);
  const Parameter& bias = *trainer.network().parameters()[1];
  for (std::int64_t i = 0; i < bias.master.size(); ++i) EXPECT_EQ(bias.master.code(i), 0);
}

TEST(Trainer, StatesTheMemoryOfItsState) {
  const auto bytes = [](const std::vector<std::string>& words) {
    return Trainer(small_task(words), few_digits(), nullptr).state_bytes_per_parameter();
  };
  EXPECT_EQ(bytes({"FLP"}), 8);
  EXPECT_EQ(bytes({"HFLP"}), 4);
  EXPECT_EQ(bytes({"DFXP", "5", "9", "11"}), 4);
  EXPECT_EQ(Trainer(small_task({"DFXP", "5", "9", "11"}), few_digits(), nullptr).packed_bits_per_parameter(), 22);
}

TEST(Trainer, ACheckpointHolds22BitsPerParameterFor10And12) {
  Trainer trainer(small_task({"DFXP", "5", "9", "11"}), few_digits(), nullptr);
  train_epochs(trainer, 2);
  std::size_t bytes = 0;
  for (const StoredTensor& tensor : make_checkpoint(trainer).tensors) bytes += tensor.bytes.size();
  EXPECT_LE(static_cast<double>(bytes) * 8, 22.0 * static_cast<double>(trainer.network().parameter_count()) + 8 * 12);
}

TEST(Trainer, DivergenceEndsTheRun) {
  // A rate of zero never learns: error stays at chance, and after three epochs of grace patience runs out.
  Trainer trainer(small_task({"FLP"}, {"train.learning_rate={start=0.0, end=0.0, until_fraction=0.5}",
                                       "train.epochs=20", "train.patience=2"}),
                  few_digits(), nullptr);
  train_epochs(trainer, 4);
  EXPECT_THROW(train_epochs(trainer, 1), NonFiniteError);
}

TEST(Trainer, StartsFromAnotherRunsWeights) {
  Trainer source(small_task({"FLP"}), few_digits(), nullptr);
  train_epochs(source, 1);
  const SafetensorsFile weights = extract_weights(make_checkpoint(source), "source");
  Trainer target(small_task({"FXP", "5", "19", "19"}), few_digits(), &weights);
  for (std::size_t p = 0; p < source.network().parameters().size(); ++p) {
    const Tensor& from = source.network().parameters()[p]->master;
    const Tensor& to = target.network().parameters()[p]->master;
    for (std::int64_t i = 0; i < from.size(); ++i) {
      ASSERT_NEAR(from.codes<float>()[static_cast<std::size_t>(i)], static_cast<double>(to.code(i)) * 0x1p-14, 0x1p-15);
    }
  }
  const Recipe wider = small_task({"FLP"}, {"network.layers.1.units=50"});
  EXPECT_THROW(Trainer(wider, few_digits(), &weights), UsageError);
}

// Each tensor draws its own words, those of its masters in step 0, and another seed other ones.
TEST(Trainer, RoundsAnotherRunsWeightsWithTheRandomBitsOfTheirRole) {
  Trainer source(small_task({"FLP"}), few_digits(), nullptr);
  train_epochs(source, 1);
  const SafetensorsFile weights = extract_weights(make_checkpoint(source), "source");
  for (const std::uint64_t seed : {3U, 4U}) {
    Recipe recipe = small_task({"FXP", "5", "9", "9"}, {"formats.weight_master=q6.4s:sat:sr"});
    recipe.seed = seed;
    Trainer target(recipe, few_digits(), &weights);
    for (std::size_t p = 0; p < source.network().parameters().size(); ++p) {
      const Parameter& to = *target.network().parameters()[p];
      if (!to.name.ends_with(".weight")) continue;
      const auto from = source.network().parameters()[p]->master.codes<float>();
      const RandomStream stream = {.seed = seed, .step = 0, .stream = to.master_point->stream()};
      for (std::int64_t i = 0; i < to.master.size(); ++i) {
        const std::uint32_t word = random_bits(stream, static_cast<std::uint64_t>(i), 32);
        ASSERT_EQ(to.master.code(i), encode(to.master.format(), from[static_cast<std::size_t>(i)], word).code)
            << to.name << " " << i;
      }
    }
  }
}

class Checkpoint : public testing::Test {
 protected:
  Checkpoint() : trainer(small_task({"DFXP", "5", "9", "11", "1", "0.001", "1"}), few_digits(), nullptr) {
    for (int i = 0; i < 13; ++i) {
      trainer.step();
      if (trainer.epoch_complete()) trainer.end_epoch();
    }
    file = make_checkpoint(trainer);
  }
  std::string refusal(const Recipe& recipe, const DataSet& data = few_digits()) {
    Trainer other(recipe, data, nullptr);
    try {
      restore_checkpoint(file, "a.safetensors", other);
    } catch (const FileFormatError& error) {
      return error.what();
    }
    return "";
  }
  Trainer trainer;
  SafetensorsFile file;
};

TEST_F(Checkpoint, RestoresEverything) {
  Trainer other(trainer.recipe(), few_digits(), nullptr);
  restore_checkpoint(file, "a.safetensors", other);
  EXPECT_EQ(other.progress(), trainer.progress());
  EXPECT_EQ(other.network().plan().groups(), trainer.network().plan().groups());
  EXPECT_EQ(state_checksum(other.network()), state_checksum(trainer.network()));
  EXPECT_EQ(make_checkpoint(other), file);
}

TEST_F(Checkpoint, FromBefore02LacksTheLeastTestError) {
  std::string& progress = file.metadata["dyadic.progress"];
  const std::size_t begin = progress.find("\"best_test_error\":");
  ASSERT_NE(begin, std::string::npos);
  progress.erase(begin, progress.find(',', begin) + 1 - begin);
  Trainer other(trainer.recipe(), few_digits(), nullptr);
  restore_checkpoint(file, "a.safetensors", other);
  EXPECT_EQ(other.progress().best_test_error, trainer.progress().test_error_at_best);
}

TEST_F(Checkpoint, OfAnotherRecipeIsRefused) {
  EXPECT_NE(refusal(small_task({"DFXP", "5", "9", "11", "1", "0.001", "1"}, {"seed=8"})).find("another recipe"),
            std::string::npos);
}

TEST_F(Checkpoint, OfAnotherDataSetIsRefused) {
  const DataSet other = generate_digits_set(2, 250, 40);
  EXPECT_NE(refusal(trainer.recipe(), other).find("data"), std::string::npos);
}

TEST_F(Checkpoint, OfANewerVersionIsRefused) {
  file.metadata["dyadic.checkpoint"] = "99";
  const std::string text = refusal(trainer.recipe());
  EXPECT_NE(text.find("a.safetensors: checkpoint version 99 is newer"), std::string::npos) << text;
}

TEST_F(Checkpoint, OfANewerVersionGivesNoInitialWeights) {
  EXPECT_NO_THROW(check_checkpoint_version(file, "a.safetensors"));
  for (const char* version : {"99", "new", ""}) {
    file.metadata["dyadic.checkpoint"] = version;
    EXPECT_THROW(check_checkpoint_version(file, "a.safetensors"), FileFormatError) << version;
  }
}

TEST(InitialWeights, ThatAreNotFiniteAreRefusedWhateverTheFormat) {
  const Recipe recipe = small_task({"FLP"});
  Trainer trainer(recipe, few_digits(), nullptr);
  SafetensorsFile weights = extract_weights(make_checkpoint(trainer), "a.safetensors");
  for (const std::byte high : {std::byte{0x7f}, std::byte{0xff}}) {  // the largest exponent: a NaN of either sign
    weights.tensors[0].bytes[2] = std::byte{0xc0};
    weights.tensors[0].bytes[3] = high;
    for (const std::vector<std::string>& words : {std::vector<std::string>{"FLP"}, {"FXP", "5", "9", "11"}}) {
      Network network(small_task(words), 10);
      EXPECT_THROW(load_initial_weights(weights, "a.safetensors", 1, network), NonFiniteError) << words[0];
    }
  }
}

TEST_F(Checkpoint, WithAMissingTensorOrChangedCodeIsRefused) {
  SafetensorsFile good = file;
  file.tensors.pop_back();
  EXPECT_FALSE(refusal(trainer.recipe()).empty());
  file = good;
  file.tensors[0].bytes[0] ^= std::byte{1};
  EXPECT_FALSE(refusal(trainer.recipe()).empty());
  file = good;
  file.metadata["dyadic.progress"] = "{";
  EXPECT_FALSE(refusal(trainer.recipe()).empty());
  file = good;
  file.metadata.erase("dyadic.ranges");
  EXPECT_FALSE(refusal(trainer.recipe()).empty());
}

}  // namespace
}  // namespace dyadic
