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
  EXPECT_TRUE(std::isnan(exp64(std::nan(""))));
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

struct Quantile {
  double p, x;
};

// To 50 digits by Newton's method on the complementary error function, rounded to float64. Both sides of the borders
// between the approximations (|p - 1/2| = 0.425; sqrt(-ln p) = 5, just below p = 2^-36) are among them.
constexpr Quantile kQuantiles[] = {
    {0.5 + 0x1p-33, 0x1.40d931ff62706p-32}, {0.25, -0x1.5956b87528a49p-1},       {0.75, 0x1.5956b87528a49p-1},
    {0.125, -0x1.267d4c07b0567p+0},         {0.0625, -0x1.88bc1fbe1dabep+0},     {0.078125, -0x1.6af4c0d40e6e1p+0},
    {0.91796875, 0x1.643bcd0219b2ep+0},     {0.923828125, 0x1.6e69cac60d6a5p+0}, {0x1p-8, -0x1.547d173f6ec89p+1},
    {1 - 0x1p-10, 0x1.8c73502ae34efp+1},    {0x1p-16, -0x1.0ada394a8c1cdp+2},    {0x1p-33, -0x1.95a1198fcf3d6p+2},
    {1 - 0x1p-33, 0x1.95a1198fcf3d6p+2},    {0x1p-36, -0x1.a9aa904c4b7b9p+2},    {0x1p-37, -0x1.b025b0b56a3a8p+2},
    {0x1p-60, -0x1.18bf0c0948e3fp+3},       {0x1p-1000, -0x1.28e35a39fcb50p+5},
};

TEST(InverseNormal, IsCloseToTheTrueQuantile) {
  EXPECT_EQ(inverse_normal(0.5), 0);
  for (const Quantile& row : kQuantiles) {
    EXPECT_LE(std::fabs(inverse_normal(row.p) - row.x), 1e-15 * std::fabs(row.x)) << row.p;
  }
}

// Near the borders, where the pieces on both sides are accurate but differ in their last bits: these were computed in
// IEEE float64 by another program.
TEST(InverseNormal, ChangesItsApproximationWhereTheAlgorithmSays) {
  constexpr Quantile kRows[] = {
      {0x1.3126e978d4fdfp-4, -0x1.716d35f62c9d5p+0},  {0x1.32ca57a786c22p-4, -0x1.70b374817af50p+0},
      {0x1.339c0ebedfa44p-4, -0x1.7056dc6686c9ap+0},  {0x1.d97f62b6ae7d5p-1, 0x1.7028a2658e000p+0},
      {0x1.d9b3d083eb852p-1, 0x1.70e1d2c53d2dcp+0},   {0x1.c965971ea9c5cp-37, -0x1.aaba25670981fp+2},
      {0x1.ec94ca210599ep-37, -0x1.aa07c04a264fbp+2},
  };
  for (const Quantile& row : kRows) EXPECT_EQ(inverse_normal(row.p), row.x) << row.p;
}

// Initial weights use p = (word + 1/2) * 2^-32, which is exact, and so is 1 - p.
TEST(InverseNormal, IsOddAboutOneHalf) {
  for (std::uint32_t word = 0; word < 0x7FFFFFFFU - 1000003U; word += 1000003U) {
    const double p = (word + 0.5) * 0x1p-32;
    ASSERT_EQ(inverse_normal(p), -inverse_normal(1 - p)) << word;
  }
}

TEST(InverseNormal, Increases) {
  double before = inverse_normal(0x1p-33);
  for (int i = 1; i < 4096; ++i) {
    const double x = inverse_normal(i * 0x1p-12);
    ASSERT_LT(before, x) << i;
    before = x;
  }
  // Across the borders of its pieces too, where neighbours are 2^-20 of p apart.
  for (const double border : {0.075, 0.925, std::exp(-25.0)}) {
    for (int i = -8; i < 8; ++i) {
      EXPECT_LT(inverse_normal(border * (1 + i * 0x1p-20)), inverse_normal(border * (1 + (i + 1) * 0x1p-20))) << i;
    }
  }
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
    // -0 + -0 is -0, but -0 + +0, the padding, is +0.
    std::vector<double> zeros(n, -0.0);
    EXPECT_EQ(std::signbit(tree_sum(zeros)), std::has_single_bit(n)) << n;
  }
  EXPECT_EQ(tree_sum({}), 0);
}

}  // namespace
}  // namespace dyadic
