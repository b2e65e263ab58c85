#include "dyadic/base/nearest_name.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dyadic {
namespace {

TEST(EditDistance, CountsInsertionsDeletionsReplacementsAndSwaps) {
  EXPECT_EQ(edit_distance("", ""), 0);
  EXPECT_EQ(edit_distance("abc", "abc"), 0);
  EXPECT_EQ(edit_distance("abc", ""), 3);
  EXPECT_EQ(edit_distance("", "ab"), 2);
  EXPECT_EQ(edit_distance("float16", "float61"), 1) << "one swap of neighbours";
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3);
  EXPECT_EQ(edit_distance("dense", "dens"), 1);
  EXPECT_EQ(edit_distance("BATCH", "batch"), 0) << "case does not count";
  EXPECT_EQ(edit_distance("q2.14", "q2,14"), 1);
}

TEST(EditDistance, IsSymmetric) {
  for (const char* a : {"binary", "ternary", "z2", "", "momentum"}) {
    for (const char* b : {"bniary", "tenrary", "z", "moment", "x"}) EXPECT_EQ(edit_distance(a, b), edit_distance(b, a));
  }
}

TEST(NearestName, IsTheClosestAndOnTiesTheEarliest) {
  const std::vector<std::string> names = {"learning_rate", "momentum", "batch", "epochs"};
  EXPECT_EQ(nearest_name("learning_rat", names), "learning_rate");
  EXPECT_EQ(nearest_name("bacth", names), "batch");
  EXPECT_EQ(nearest_name("Epoch", names), "epochs");
  EXPECT_EQ(nearest_name("ab", std::vector<std::string>{"ax", "ay"}), "ax");
}

TEST(NearestName, OfNothingIsEmpty) { EXPECT_EQ(nearest_name("x", {}), ""); }

}  // namespace
}  // namespace dyadic
