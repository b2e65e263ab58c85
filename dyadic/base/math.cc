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

/// Numerator and denominator, highest power first.
struct Rational {
  std::array<double, 8> over, under;
};

double evaluate(const Rational& r, double x) {
  double over = 0;
  double under = 0;
  for (std::size_t i = 0; i < r.over.size(); ++i) {
    over = over * x + r.over[i];
    under = under * x + r.under[i];
  }
  return over / under;
}

// |p - 1/2| <= 0.425, in 0.180625 - (p - 1/2)^2.
constexpr Rational kNormalMiddle = {
    {2.5090809287301226727e+3, 3.3430575583588128105e+4, 6.7265770927008700853e+4, 4.5921953931549871457e+4,
     1.3731693765509461125e+4, 1.9715909503065514427e+3, 1.3314166789178437745e+2, 3.3871328727963666080e+0},
    {5.2264952788528545610e+3, 2.8729085735721942674e+4, 3.9307895800092710610e+4, 2.1213794301586595867e+4,
     5.3941960214247511077e+3, 6.8718700749205790830e+2, 4.2313330701600911252e+1, 1.0}};
// Tails with r = sqrt(-ln p) <= 5, in r - 1.6.
constexpr Rational kNormalTail = {
    {7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1, 1.27045825245236838258e+0,
     3.64784832476320460504e+0, 5.76949722146069140550e+0, 4.63033784615654529590e+0, 1.42343711074968357734e+0},
    {1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1,
     6.89767334985100004550e-1, 1.67638483018380384940e+0, 2.05319162663775882187e+0, 1.0}};
// Tails beyond, in r - 5.
constexpr Rational kNormalFarTail = {
    {2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3, 2.65321895265761230930e-2,
     2.96560571828504891230e-1, 1.78482653991729133580e+0, 5.46378491116411436990e+0, 6.65790464350110377720e+0},
    {2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5, 7.86869131145613259100e-4,
     1.48753612908506148525e-2, 1.36929880922735805310e-1, 5.99832206555887937690e-1, 1.0}};

}  // namespace

double exp64(double x) {
  if (std::isnan(x)) return x;  // ldexp takes an integer
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

double inverse_normal(double p) {
  const double q = p - 0.5;
  if (std::fabs(q) <= 0.425) return q * evaluate(kNormalMiddle, 0.180625 - q * q);
  const double r = std::sqrt(-log64(q < 0 ? p : 1 - p));
  const double x = r <= 5 ? evaluate(kNormalTail, r - 1.6) : evaluate(kNormalFarTail, r - 5);
  return q < 0 ? -x : x;
}

double tree_sum(std::span<double> values) {
  std::size_t n = values.size();
  if (n == 0) return 0;
  while (n > 1) {
    const std::size_t pairs = n / 2;
    for (std::size_t i = 0; i < pairs; ++i) values[i] = values[2 * i] + values[2 * i + 1];
    if (n % 2 != 0) values[pairs] = values[n - 1] + 0.0;  // its partner is padding: -0 becomes +0
    n = pairs + n % 2;
  }
  return values[0];
}

}  // namespace dyadic
