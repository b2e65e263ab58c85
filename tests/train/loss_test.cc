// In which order the reported losses are added (docs/numerics.md, softmax and loss).
#include <gtest/gtest.h>

#include <bit>
#include <span>
#include <vector>

#include "tests/train/small_runs.h"

namespace dyadic {
namespace {

/// 28x28x1 - c 28x28x40 - its maxima 1x1x40 - relu - out 10, nothing of it ever updated: 2^20 / (28 * 28 * 40) = 33, so
/// 33 examples are evaluated at a time. Three steps of twelve to an epoch. Weights are so small that log(sum) is not:
/// losses of few bits would add up to the same in any order.
Recipe still_run() {
  return parse_recipe(R"(seed = 5
[data]
name = "digits"
split = { train = 36, valid = 20 }
[network]
input = [28, 28, 1]
layers = [
  { name = "c", type = "conv2d", channels = 40, kernel = 1, init = "normal", init_deviation = 0.25 },
  { type = "max_pool", size = 28 },
  { type = "relu" },
  { type = "flatten" },
  { name = "out", type = "dense", units = 10, init = "normal", init_deviation = 0.25 },
]
[formats]
default = "float32"
[train]
epochs = 4
batch = 12
learning_rate = 0.0
momentum = 0.0
)",
                      "still.toml", {});
}

double loss_of(Trainer& trainer, const ImageSet& set, std::int64_t example) {
  const Pass pass = {.plan = &trainer.network().plan()};
  BatchLoader::load_range(set, {example, example + 1}, pass, trainer.network());
  return trainer.network().forward(std::span(set.labels).subspan(static_cast<std::size_t>(example), 1), pass).loss;
}

/// Neighbours added until one is left; zeros up to a power of two.
double tree(std::vector<double> losses) {
  while (!std::has_single_bit(losses.size())) losses.push_back(0);
  for (; losses.size() > 1; losses.resize(losses.size() / 2)) {
    for (std::size_t i = 0; i < losses.size() / 2; ++i) losses[i] = losses[2 * i] + losses[2 * i + 1];
  }
  return losses[0];
}

TEST(Loss, OfAnEpochIsTheSumOfItsBatchesInOrder) {
  const Recipe recipe = still_run();
  Trainer trainer(recipe, few_digits(), nullptr);
  bool order_matters = false;
  for (const std::uint32_t epoch : {0U, 1U, 2U, 3U}) {
    const std::vector<std::uint32_t> order = epoch_order(36, recipe.seed, epoch, true);
    double sum = 0;
    std::vector<double> all;
    for (std::size_t batch = 0; batch < 3; ++batch) {
      std::vector<double> losses;
      for (std::size_t i = 0; i < 12; ++i)
        losses.push_back(loss_of(trainer, few_digits().train, order[12 * batch + i]));
      all.insert(all.end(), losses.begin(), losses.end());
      sum += tree(losses);
      trainer.step();
      EXPECT_EQ(trainer.progress().loss_sum, sum) << batch;
    }
    order_matters |= sum != tree(all);
    EXPECT_EQ(trainer.end_epoch()->loss, sum / 36);
  }
  EXPECT_TRUE(order_matters) << "or this test could not see the order";
}

TEST(Loss, OfAnEvaluationIsTheSumOfItsPartsInOrder) {
  Trainer trainer(still_run(), few_digits(), nullptr);
  const ImageSet& set = few_digits().train;
  std::vector<double> parts[3];  // 33, 33 and 4
  std::vector<double> all;
  for (std::int64_t i = 0; i < 70; ++i) {
    all.push_back(loss_of(trainer, set, 100 + i));
    parts[i / 33].push_back(all.back());
  }
  const double sum = tree(parts[0]) + tree(parts[1]) + tree(parts[2]);
  EXPECT_NE(sum, tree(all)) << "or this test could not see the order";
  EXPECT_EQ(trainer.evaluate(set, {100, 170}).loss, sum / 70);
}

}  // namespace
}  // namespace dyadic
