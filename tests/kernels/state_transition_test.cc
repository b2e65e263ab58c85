// Discrete state transition: the definition computed by hand, borders, and probabilities counted over the words.
#include "dyadic/kernels/state_transition.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "dyadic/formats/codec.h"
#include "dyadic/tensor/tensor.h"

namespace dyadic {
namespace {

constexpr RandomStream kWords = {.seed = 5, .step = 17, .stream = 3};

struct Moved {
  std::int64_t state = 0;
  std::int64_t nan = 0;
};

/// Moves element `index` of a tensor whose other elements nobody asks for.
Moved moved(const std::string& format, std::int64_t state, float wanted, std::int64_t index = 0, double factor = 3) {
  Tensor codes({index + 1}, parse_format(format));
  codes.set_code(index, state);
  Moved result;
  result.nan = move_states({.format = codes.format(), .factor = factor, .words = kWords}, index, 1, &wanted,
                           static_cast<std::byte*>(codes.data()) + index * code_bytes(code_type(codes.format())));
  result.state = codes.code(index);
  return result;
}

TEST(StateTransition, WholeStepsAreTakenForCertain) {
  EXPECT_EQ(moved("z3", 4, 0.5F).state, 6);  // L = 1/4
  EXPECT_EQ(moved("z3", 4, -0.75F).state, 1);
  EXPECT_EQ(moved("z3*2", 4, 0.5F).state, 5);  // L = 1/2
  EXPECT_EQ(moved("ternary", 0, 1.0F).state, 1);
  EXPECT_EQ(moved("binary", 0, 2.0F).state, 1);
}

TEST(StateTransition, StopsAtTheBorder) {
  for (std::int64_t index = 0; index < 50; ++index) {
    EXPECT_EQ(moved("ternary", 2, 100.0F, index).state, 2);
    EXPECT_EQ(moved("ternary", 0, -std::numeric_limits<float>::infinity(), index).state, 0);
    EXPECT_EQ(moved("ternary", 0, 1e30F, index).state, 2);
    EXPECT_EQ(moved("z8", 3, -7.3F, index).state, 0);
    EXPECT_EQ(moved("z2*0.75", 1, 9.0F, index).state, 4);  // whose L is no power of two
  }
}

TEST(StateTransition, NothingWantedMovesNothing) {
  for (std::int64_t index = 0; index < 50; ++index) {
    EXPECT_EQ(moved("ternary", 1, 0.0F, index).state, 1);
    EXPECT_EQ(moved("ternary", 1, -0.0F, index).state, 1);
  }
}

TEST(StateTransition, NaNIsCountedAndMovesNothing) {
  const Moved result = moved("ternary", 1, std::numeric_limits<float>::quiet_NaN());
  EXPECT_EQ(result.state, 1);
  EXPECT_EQ(result.nan, 1);
}

// Element i moves on iff its word is below floor(p 2^32): the limit is found from the words of many elements.
TEST(StateTransition, ThePartOfAStepMovesWhereTheWordIsBelowItsProbability) {
  for (const float part : {0.01F, 0.1F, 0.25F, 0.9F}) {
    const double p = static_cast<float>(std::tanh(3.0 * static_cast<double>(3.0F * part) / 3.0));
    std::int64_t count = 0;
    constexpr std::int64_t kElements = 4000;
    for (std::int64_t i = 0; i < kElements; ++i) {
      const std::uint32_t word = random_bits(kWords, static_cast<std::uint64_t>(i), 32);
      const double distance = static_cast<double>(word) * 0x1p-32 - p;
      const std::int64_t up = moved("ternary", 1, part, i).state - 1;
      count += up;
      if (std::fabs(distance) > 1e-6) {
        ASSERT_EQ(up, distance < 0 ? 1 : 0) << part << " " << i;
        ASSERT_EQ(1 - moved("ternary", 1, -part, i).state, up);        // as often downwards
        ASSERT_EQ(moved("z3", 2, 0.25F + part / 4, i).state, 3 + up);  // and after a whole step
      }
    }
    // Not a test of chance: these words, this count. Within five deviations of a binomial, so not all of one side.
    EXPECT_NEAR(static_cast<double>(count), p * kElements, 5 * std::sqrt(kElements * p * (1 - p)));
  }
}

TEST(Tanh32, IsTanhRoundedToFloat32) {
  for (int i = 0; i < 20000; ++i) {
    const float x = static_cast<float>(i) * 0.001F;
    const auto expected = static_cast<float>(std::tanh(static_cast<double>(x)));
    // The float64 quotient loses what 1 - e^-2x cancels, a few units of 2^-53 / x.
    ASSERT_LE(std::fabs(tanh32(x) - expected), std::nextafter(expected, 2.0F) - expected) << x;
  }
  EXPECT_EQ(tanh32(0.0F), 0.0F);
  EXPECT_EQ(tanh32(100.0F), 1.0F);
  EXPECT_EQ(tanh32(std::numeric_limits<float>::infinity()), 1.0F);
}

}  // namespace
}  // namespace dyadic
