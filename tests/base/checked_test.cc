#include "dyadic/base/checked.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace dyadic {
namespace {

constexpr std::int64_t kGreatest = std::numeric_limits<std::int64_t>::max();

TEST(CheckedMultiply, MultipliesWhatFits) {
  EXPECT_EQ(checked_multiply(0, kGreatest, "x"), 0);
  EXPECT_EQ(checked_multiply(kGreatest, 1, "x"), kGreatest);
  EXPECT_EQ(checked_multiply(3037000499, 3037000499, "x"), 9223372030926249001);
}

TEST(CheckedMultiply, NamesWhatDoesNotFit) {
  EXPECT_THROW(checked_multiply(3037000500, 3037000500, "x"), ShapeError);
  EXPECT_THROW(checked_multiply(-1, 1, "x"), ShapeError);
  EXPECT_THROW(checked_multiply(1, -1, "x"), ShapeError);
  try {
    checked_multiply(kGreatest, 2, "tensor 'h1'");
    ADD_FAILURE() << "no error";
  } catch (const ShapeError& error) {
    EXPECT_NE(std::string(error.what()).find("tensor 'h1'"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find(std::to_string(kGreatest)), std::string::npos);
  }
}

}  // namespace
}  // namespace dyadic
