// Formats that change in mid-run, and images that are changed at random: what happens at the border, and that a run
// that is interrupted there or anywhere gives the same bits.
#include <gtest/gtest.h>

#include <string>

#include "dyadic/formats/codec.h"
#include "tests/train/small_runs.h"

namespace dyadic {
namespace {

constexpr std::uint32_t kBorder = 12;  // two epochs of six steps
constexpr std::uint32_t kEnd = 24;

Recipe staged_run(const std::string& formats, const std::string& second) {
  return small_convolution_run(formats, "stages = [{ epochs = 2 }, { epochs = 2, " + second + " }]");
}

const std::string kFloats = "default = \"float32\"";
const std::string kStochastic = "default = \"q4.12:sat:sr\"";
const std::string kDynamic =
    "default = \"dfx10:sat:rna\"\nweight_master = \"dfx12:sat:rna\"\nbias_master = \"dfx12:sat:rna\"\n"
    "range = { initial = 3, update_every = 2, max_overflow = 0.001, init_epochs = 0 }";
const std::string kWider = "default = \"dfx12:sat:rna\", weight_master = \"dfx16:sat:rna\", bias_update = \"dfx9\"";

TEST(Stages, TheFirstIsARunWithoutStagesUntilItsLastStep) {
  const Recipe staged = staged_run(kFloats, kStochastic);
  const Recipe plain = small_convolution_run(kFloats);
  EXPECT_EQ(checksum_after(staged, kBorder - 1), checksum_after(plain, kBorder - 1));
  EXPECT_NE(checksum_after(staged, kEnd), checksum_after(plain, kEnd));
}

TEST(Stages, AtTheBorderMastersAndMomentumAreRoundedOnce) {
  const Recipe recipe = staged_run(kFloats, kStochastic);
  Trainer before(small_convolution_run(kFloats), few_digits(), nullptr);
  Trainer after(recipe, few_digits(), nullptr);
  while (after.progress().step < kBorder) {
    advance(before);
    advance(after);
  }
  const auto expect_rounded = [](const Tensor& from, const Tensor& to, const RoundingPoint& point) {
    ASSERT_EQ(format_name(to.format()), "q4.12:sat:sr");
    const RandomStream random = {.seed = 3, .step = kBorder, .stream = point.stream()};
    for (std::int64_t i = 0; i < from.size(); ++i) {
      const double value = decode(from.format(), from.code(i));
      const std::uint32_t bits = random_bits(random, static_cast<std::uint64_t>(i), 32);
      ASSERT_EQ(to.code(i), encode(to.format(), value, bits).code) << i;
    }
  };
  for (std::size_t p = 0; p < after.network().parameters().size(); ++p) {
    const Parameter& from = *before.network().parameters()[p];
    const Parameter& to = *after.network().parameters()[p];
    SCOPED_TRACE(to.name);
    expect_rounded(from.master, to.master, *to.master_point);
    expect_rounded(from.update, to.update, *to.update_point);
  }
}

TEST(Stages, RangesGoOnAcrossTheBorder) {
  Trainer trainer(staged_run(kDynamic, kWider), few_digits(), nullptr);
  Trainer plain(small_convolution_run(kDynamic), few_digits(), nullptr);
  while (trainer.progress().step < kBorder) {
    advance(trainer);
    advance(plain);
  }
  EXPECT_EQ(trainer.network().plan().groups(), plain.network().plan().groups());
  const Parameter& weight = *trainer.network().parameters()[0];
  EXPECT_EQ(weight.master.format(), weight.master_point->current);
  EXPECT_EQ(weight.master.format().width, 16);
  EXPECT_EQ(weight.copy_point->current.width, 12);
  EXPECT_EQ(weight.master.format().range, weight.copy_point->current.range);
}

// A range that has moved with the last batch of the stage is the business of the next update, not of the border.
TEST(Stages, MastersThatKeepTheirFormatAreLeftAloneEvenIfTheirRangeHasJustMoved) {
  std::string falling = kDynamic;
  falling.replace(falling.find("initial = 3"), 11, "initial = 5");  // and once down every two batches
  Trainer trainer(staged_run(falling, "activation = \"dfx12:sat:rna\""), few_digits(), nullptr);
  Trainer plain(small_convolution_run(falling), few_digits(), nullptr);
  while (trainer.progress().step < kBorder) {
    advance(trainer);
    advance(plain);
  }
  const Parameter& weight = *trainer.network().parameters()[0];
  ASSERT_NE(weight.master.format().range, weight.master_point->current.range) << "or this test says nothing";
  EXPECT_EQ(state_checksum(trainer.network()), state_checksum(plain.network()));
}

TEST(Stages, InterruptionsDoNotMatterAtTheBorderOrAnywhere) {
  for (const Recipe& recipe : {staged_run(kFloats, kStochastic), staged_run(kDynamic, kWider)}) {
    const std::string expected = checksum_after(recipe, kEnd);
    for (const std::uint32_t hop : {1U, 5U, kBorder}) EXPECT_EQ(checksum_after(recipe, kEnd, hop), expected) << hop;
  }
}

const std::vector<Override> kAugmented = {"data.augment={pad = 2, flip = true}"};

TEST(Augmentation, ChangesWhatIsTrainedOnAndIsResumedExactly) {
  const Recipe plain = small_convolution_run(kStochastic);
  for (const std::string change : {"{pad = 2}", "{flip = true}", "{pad = 2, flip = true}"}) {
    const Recipe recipe = small_convolution_run(kStochastic, "epochs = 4", {"data.augment=" + change});
    const std::string expected = checksum_after(recipe, kEnd);
    EXPECT_NE(expected, checksum_after(plain, kEnd)) << change;
    for (const std::uint32_t hop : {1U, 7U}) EXPECT_EQ(checksum_after(recipe, kEnd, hop), expected) << change;
  }
}

TEST(Augmentation, LeavesEvaluationAlone) {
  Trainer plain(small_convolution_run(kFloats), few_digits(), nullptr);
  Trainer augmented(small_convolution_run(kFloats, "epochs = 4", kAugmented), few_digits(), nullptr);
  const ImageSet& test = few_digits().test;
  EXPECT_EQ(plain.evaluate(test, {0, test.count()}).loss, augmented.evaluate(test, {0, test.count()}).loss);
}

}  // namespace
}  // namespace dyadic
