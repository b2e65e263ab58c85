// Elementary functions and sums with one answer everywhere: only + - * / and exact scaling, no fma, no libm, so that
// every compiler and machine gives the same bits. Coefficients and error bounds: docs/numerics.md.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace dyadic {

/// e^x in float64 for x <= 0 (0 below -708), within 1 ulp of the true value for the arguments of a softmax.
double exp64(double x);

/// ln x in float64 for finite x > 0.
double log64(double x);

/// x with P(N(0, 1) < x) = p, for p in (0, 1): Wichura's rational approximations (Algorithm AS 241, PPND16, Applied
/// Statistics 37, 1988), relative error about 1e-16; in the tails sqrt(-ln p) by log64.
double inverse_normal(double p);

/// Fixed pairwise tree: pads with zeros to a power of two and adds neighbours, log2 n rounds (docs/numerics.md).
/// Overwrites `values`. 0 for an empty span.
double tree_sum(std::span<double> values);

}  // namespace dyadic
