// Batches as docs/numerics.md describes them: which random words move which example.
#include "dyadic/train/batch_loader.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/train/small_runs.h"

namespace dyadic {
namespace {

constexpr std::int64_t kSide = 28;

/// out(y, x) = in(y + dy, x' + dx), mirrored before it is moved, zero outside.
std::vector<std::uint8_t> moved(std::span<const std::uint8_t> from, std::int64_t dy, std::int64_t dx, bool mirrored) {
  std::vector<std::uint8_t> to;
  for (std::int64_t y = 0; y < kSide; ++y) {
    for (std::int64_t x = 0; x < kSide; ++x) {
      const std::int64_t row = y + dy;
      const std::int64_t column = (mirrored ? kSide - 1 - x : x) + dx;
      const bool inside = row >= 0 && row < kSide && column >= 0 && column < kSide;
      to.push_back(inside ? from[static_cast<std::size_t>(row * kSide + column)] : 0);
    }
  }
  return to;
}

TEST(BatchLoader, MovesExampleIByTheWords3iToTheStepsStream) {
  constexpr int kPad = 3;
  const ImageSet& set = few_digits().train;
  const std::vector<std::int64_t> examples = {7, 3, 200, 3, 41};
  Network network(small_convolution_run("default = \"float32\""), 10);
  network.initialise(3, false);
  const std::vector<std::uint8_t> targets(examples.size(), 1);
  const auto loss_by_hand = [&](const Pass& pass) {
    const RandomStream random = {pass.seed, pass.step, stream_number(0, 2, RandomPurpose::augmentation)};
    std::vector<std::uint8_t> pixels;
    for (std::size_t i = 0; i < examples.size(); ++i) {
      const auto word = [&](std::size_t k) { return std::uint64_t{random_bits(random, 3 * i + k, 32)}; };
      const auto shift = [&](std::size_t k) {
        return static_cast<std::int64_t>(word(k) * (2 * kPad + 1) >> 32) - kPad;
      };
      const auto image = moved(set.example(examples[i]), shift(0), shift(1), word(2) >= std::uint64_t{1} << 31);
      pixels.insert(pixels.end(), image.begin(), image.end());
    }
    network.load_input(pixels, std::ssize(examples), pass);
    return network.forward(targets, pass).loss;
  };
  BatchLoader loader({.pad = kPad, .flip = true});
  double before = 0;
  for (const std::uint32_t step : {0U, 1U, 77U}) {
    const Pass pass = {.plan = &network.plan(), .seed = 5, .step = step};
    loader.load_training(set, examples, pass, network);
    const double loss = network.forward(targets, pass).loss;
    EXPECT_EQ(loss, loss_by_hand(pass)) << step;
    EXPECT_NE(loss, before) << "every step moves them anew";
    before = loss;
  }
}

TEST(BatchLoader, WithoutAugmentationTrainsOnTheExamplesThemselves) {
  const ImageSet& set = few_digits().train;
  Network network(small_convolution_run("default = \"float32\""), 10);
  network.initialise(3, false);
  const Pass pass = {.plan = &network.plan(), .seed = 5, .step = 9};
  const std::vector<std::uint8_t> targets(4, 1);
  const std::vector<std::int64_t> examples = {20, 21, 22, 23};
  BatchLoader({}).load_training(set, examples, pass, network);
  const double loss = network.forward(targets, pass).loss;
  BatchLoader::load_range(set, {20, 24}, pass, network);
  EXPECT_EQ(loss, network.forward(targets, pass).loss);
}

}  // namespace
}  // namespace dyadic
