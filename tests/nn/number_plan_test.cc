// The range controller, decision by decision (docs/numerics.md).
#include "dyadic/nn/number_plan.h"

#include <gtest/gtest.h>

#include "dyadic/base/error.h"
#include "tests/nn/small_recipe.h"

namespace dyadic {
namespace {

FormatPlan plan_of(const std::string& range) {
  return small_recipe(4,
                      "default = \"dfx10:sat:rna\"\nweight_master = \"dfx12:sat:rna\"\nbias_master = "
                      "\"dfx12:sat:rna\"\n[formats.range]\n" +
                          range)
      .formats;
}

const std::vector<std::string> kNodes = {"input", "h1"};

RoundingCounts counts(std::int64_t elements, std::int64_t largest, std::int64_t half) {
  return {.elements = elements, .largest = largest, .half_range = half};
}

int range_after(const RoundingCounts& seen) {
  NumberPlan plan(plan_of("initial = 5\nupdate_every = 1\nmax_overflow = 0.01"), kNodes);
  plan.count(plan.at(1, Role::activation), seen);
  plan.end_batch();
  return plan.at(1, Role::activation).current.range;
}

TEST(RangeController, FollowsTheOverflowPolicy) {
  EXPECT_EQ(range_after(counts(1000, 11, 500)), 6) << "more than max_overflow at the limit: one up";
  EXPECT_EQ(range_after(counts(1000, 10, 11)), 5) << "the rate itself is allowed";
  EXPECT_EQ(range_after(counts(1000, 10, 10)), 4) << "the next lower range would not overflow more: one down";
  EXPECT_EQ(range_after({.elements = 1000, .zeros = 1000}), 5) << "an all-zero window says nothing";
  EXPECT_EQ(range_after({}), 5) << "nothing was rounded";
}

TEST(RangeController, DecidesOncePerWindowOnTheSumOfItsBatches) {
  NumberPlan plan(plan_of("initial = 0\nupdate_every = 3\nmax_overflow = 0.01"), kNodes);
  RoundingPoint& point = plan.at(1, Role::d_weight);
  for (const std::int64_t largest : {31, 0, 0}) {
    EXPECT_EQ(point.current.range, 0);
    plan.count(point, counts(1000, largest, largest));
    plan.end_batch();
  }
  EXPECT_EQ(point.current.range, 1) << "31 of 3000 is more than 1 %";
  EXPECT_EQ(point.current.step_exponent, 1 - 10 + 1);
  plan.count(point, counts(1000, 0, 0));
  plan.end_batch();
  EXPECT_EQ(point.current.range, 1) << "counts begin anew";
}

// A second tensor of a role is looked at for NaN and nothing else.
TEST(RangeController, WhatIsNotCountedMovesNothing) {
  NumberPlan plan(plan_of("initial = 5\nupdate_every = 1\nmax_overflow = 0.01"), kNodes);
  plan.count_nonfinite = true;
  RoundingPoint& point = plan.at(1, Role::activation);
  RoundingCounts seen = counts(1000, 500, 500);
  seen.nonfinite = 3;
  plan.count(point, seen, false);
  EXPECT_EQ(plan.nonfinite, 3);
  EXPECT_EQ(point.epoch.nonfinite, 3);
  EXPECT_EQ(point.epoch.elements, 0);
  plan.end_batch();
  EXPECT_EQ(point.current.range, 5);
  plan.count(point, seen);
  plan.end_batch();
  EXPECT_EQ(point.current.range, 6);
}

TEST(RangeController, MastersAndTheirCopiesShareARange) {
  NumberPlan plan(plan_of("initial = 2\nupdate_every = 1\nmax_overflow = 0"), kNodes);
  plan.count(plan.at(1, Role::weight_master), counts(10, 1, 1));
  plan.end_batch();
  EXPECT_EQ(plan.at(1, Role::weight).current.range, 3);
  EXPECT_EQ(plan.at(1, Role::weight_master).current.range, 3);
  EXPECT_EQ(plan.at(1, Role::weight_update).current.range, 2);
  EXPECT_EQ(plan.at(1, Role::weight_master).current.step_exponent, 3 - 12 + 1);
}

TEST(RangeController, StopsAtItsLimits) {
  NumberPlan plan(plan_of("initial = 0\nupdate_every = 1\nmax_overflow = 0"), kNodes);
  for (int i = 0; i < 120; ++i) {
    plan.count(plan.at(1, Role::activation), counts(10, 10, 10));
    plan.count(plan.at(1, Role::bias_update), counts(10, 0, 0));
    plan.end_batch();
  }
  EXPECT_EQ(plan.at(1, Role::activation).current.range, 47);
  EXPECT_EQ(plan.at(1, Role::bias_update).current.range, -48);
}

TEST(RangeController, WarnsWhenMostValuesOverflow) {
  NumberPlan plan(plan_of("initial = 0\nupdate_every = 1\nmax_overflow = 0.5"), kNodes);
  plan.count(plan.at(1, Role::activation), counts(10, 6, 6));
  const std::vector<std::string> warnings = plan.end_batch();
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_NE(warnings[0].find("h1: activation"), std::string::npos);
}

TEST(RangeController, MeasuresTrueOverflowIfAsked) {
  NumberPlan plan(plan_of("initial = 0\nupdate_every = 1\nmax_overflow = 0\nmeasure = \"true\""), kNodes);
  plan.count(plan.at(1, Role::activation), {.elements = 10, .largest = 3, .half_range = 3, .overflowed = 0});
  plan.count(plan.at(1, Role::d_activation), {.elements = 10, .largest = 3, .half_range = 3, .overflowed = 1});
  plan.end_batch();
  EXPECT_EQ(plan.at(1, Role::activation).current.range, 0);
  EXPECT_EQ(plan.at(1, Role::d_activation).current.range, 1);
}

TEST(NumberPlan, InitialisesInClampedFloat) {
  NumberPlan plan(plan_of("initial = 5"), kNodes);
  plan.set_initialising(true);
  EXPECT_EQ(format_name(plan.at(1, Role::activation).current), "float32@5:inf:rne");
  EXPECT_EQ(format_name(plan.at(0, Role::input).current), "float32:inf:rne") << "the input has no range";
  plan.set_initialising(false);
  EXPECT_EQ(format_name(plan.at(1, Role::activation).current), "dfx10@5:sat:rna");
  EXPECT_EQ(format_name(plan.at(0, Role::input).current), "uq0.8:sat:rne");
}

TEST(NumberPlan, NonFiniteValuesStopUnlessCounted) {
  NumberPlan plan(plan_of("initial = 5"), kNodes);
  const RoundingCounts bad = {.elements = 10, .nonfinite = 2};
  EXPECT_THROW(plan.count(plan.at(1, Role::d_bias), bad), NonFiniteError);
  plan.count_nonfinite = true;
  plan.count(plan.at(1, Role::d_bias), bad);
  EXPECT_EQ(plan.nonfinite, 4);
}

}  // namespace
}  // namespace dyadic
