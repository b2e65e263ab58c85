#include "dyadic/base/math.h"

#include <array>
#include <cmath>

namespace dyadic {
namespace {

// 1/k! rounded to nearest: factorials up to 13! are exact in float64, so the division rounds once.
constexpr std::array<double, 14> kInverseFactorials = [] {
  std::array<double, 14> c{};
  double factorial = 1;
  for (int k = 0; k < 14; ++k) {
    if (k > 0) factorial *= k;
    c[static_cast<std::size_t>(k)] = 1.0 / factorial;
  }
  return c;
}();

constexpr double kLog2E = 1.4426950408889634;
// ln 2 = high + low; n * high is exact for |n| < 2^10 because the low bits of `high` are zero.
constexpr double kLn2High = 0x1.62e42fee00000p-1;
constexpr double kLn2Low = 0x1.a39ef35793c76p-33;

}  // namespace

double exp64(double x) {
  if (x < -708.0) return 0.0;
  const double n = std::nearbyint(x * kLog2E);
  const double r = (x - n * kLn2High) - n * kLn2Low;
  double p = kInverseFactorials[13];
  for (int k = 12; k >= 0; --k) p = p * r + kInverseFactorials[static_cast<std::size_t>(k)];
  return std::ldexp(p, static_cast<int>(n));
}

double log64(double x) {
  int exponent = 0;
  double fraction = std::frexp(x, &exponent);  // [0.5, 1)
  if (fraction < 0.70710678118654752) {
    fraction *= 2;
    --exponent;
  }
  // ln f = 2 atanh s, s = (f - 1) / (f + 1), |s| < 0.172: the term of s^23 is below 2^-60.
  const double s = (fraction - 1) / (fraction + 1);
  const double square = s * s;
  double sum = 0;
  for (int k = 23; k >= 1; k -= 2) sum = sum * square + 1.0 / k;
  return exponent * kLn2High + (2 * (s * sum) + exponent * kLn2Low);
}

double tree_sum(std::span<double> values) {
  std::size_t n = values.size();
  if (n == 0) return 0;
  while (n > 1) {
    const std::size_t pairs = n / 2;
    for (std::size_t i = 0; i < pairs; ++i) values[i] = values[2 * i] + values[2 * i + 1];
    if (n % 2 != 0) values[pairs] = values[n - 1];  // its partner is padding: x + 0 = x
    n = pairs + n % 2;
  }
  return values[0];
}

}  // namespace dyadic
