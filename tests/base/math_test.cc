#include "dyadic/base/math.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <vector>

namespace dyadic {
namespace {

double ulps_apart(double a, double b) {
  return std::fabs(a - b) / (std::nextafter(std::fabs(b), INFINITY) - std::fabs(b));
}

TEST(Exp64, IsWithinOneUlpOfTheTrueValue) {
  for (double x = 0; x > -700; x -= 0.0371)
    EXPECT_LE(ulps_apart(exp64(x), static_cast<double>(std::exp(static_cast<long double>(x)))), 1.0) << x;
}

TEST(Exp64, HasTheBitsThatTheDocumentsState) {
  EXPECT_EQ(exp64(0), 1.0);
  EXPECT_EQ(exp64(-0.0), 1.0);
  EXPECT_EQ(exp64(-709), 0.0);
  // Golden bits: they change only if the arithmetic changes, and then every trained network does.
  EXPECT_EQ(std::bit_cast<std::uint64_t>(exp64(-1)), 0x3fd78b56362cef38U);
}

TEST(Log64, IsCloseToTheTrueValue) {
  for (const double x : {1.0, 1.0000001, 2.0, 9.99, 10.0, 0.5, 0.70710678, 1e-300, 1e300, 3.14159}) {
    const auto exact = static_cast<double>(std::log(static_cast<long double>(x)));
    EXPECT_LE(std::fabs(log64(x) - exact), 4e-16 * std::fmax(1, std::fabs(exact))) << x;
  }
  EXPECT_EQ(log64(1), 0);
}

double recursive_tree(std::vector<double> values) {
  std::size_t size = 1;
  while (size < values.size()) size *= 2;
  values.resize(size);
  while (values.size() > 1) {
    std::vector<double> next;
    for (std::size_t i = 0; i < values.size(); i += 2) next.push_back(values[i] + values[i + 1]);
    values = next;
  }
  return values[0];
}

TEST(TreeSum, PadsWithZerosAndAddsNeighbours) {
  for (std::size_t n = 1; n < 70; ++n) {
    std::vector<double> values(n);
    for (std::size_t i = 0; i < n; ++i)
      values[i] = std::ldexp(1.0 + static_cast<double>(i * i % 13), static_cast<int>(i * 7 % 60));
    const double expected = recursive_tree(values);
    EXPECT_EQ(tree_sum(values), expected) << n;
  }
  EXPECT_EQ(tree_sum({}), 0);
}

}  // namespace
}  // namespace dyadic
