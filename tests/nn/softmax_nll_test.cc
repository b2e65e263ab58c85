#include "dyadic/nn/softmax_nll.h"

#include <gtest/gtest.h>

#include <vector>

#include "dyadic/nn/network.h"
#include "tests/nn/small_recipe.h"

namespace dyadic {
namespace {

/// Examples of two classes, z = {0, -losses[i]}, whose target is the second. From 709 on the exponential is zero, and
/// the loss of an example, log(1 + 0) - (-losses[i] - 0), is losses[i] without a rounding.
double loss_of_batch(const std::vector<float>& losses) {
  const Recipe recipe = small_recipe(4, "default = \"float32\"");
  NumberPlan plan(recipe.formats, node_names(recipe));
  SoftmaxNll softmax(plan, 3, NodeValue::preactivation, LossScale::batch, false, true);
  Tensor z({static_cast<std::int64_t>(losses.size()), 2}, plan.at(3, Role::preactivation).current);
  for (std::size_t i = 0; i < losses.size(); ++i) z.codes<float>()[2 * i + 1] = -losses[i];
  const std::vector<std::uint8_t> targets(losses.size(), 1);
  const BatchScore score = softmax.forward(z, targets, {.plan = &plan});
  EXPECT_EQ(score.errors, static_cast<std::int64_t>(losses.size()));
  return score.loss;
}

// Beside 2^63 numbers are 2048 apart, and 1024 above it is a tie that goes down to even.
TEST(SoftmaxNll, AddsTheLossesOfABatchAsATree) {
  const float large = 0x1p63F;
  EXPECT_EQ(loss_of_batch({1024}), 1024);
  // (2^63 + 1024) + (1024 + 1024): one by one nothing would come through, and from behind 4096.
  EXPECT_EQ(loss_of_batch({large, 1024, 1024, 1024}), 0x1p63 + 2048);
  EXPECT_EQ(loss_of_batch({1024, 1024, 1024, large}), 0x1p63 + 2048);
  // The fifth meets zeros: (2^63 + 2048) + 1500, 1.7 steps of 2048 and so two; one by one it would be one.
  EXPECT_EQ(loss_of_batch({large, 1024, 1024, 1024, 1500}), 0x1p63 + 4096);
}

}  // namespace
}  // namespace dyadic
