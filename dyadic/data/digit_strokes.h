// How the ten digits are written: skeletons of pen strokes, several ways of writing each digit. The generated data set
// (digits.h) bends, tilts and inks them.
#pragma once

#include <span>
#include <vector>

namespace dyadic {

/// x to the right and y downwards; a digit fills about 0.2..0.8 by 0..1.
struct StrokePoint {
  double x = 0;
  double y = 0;
};

/// A smooth open curve through its points; a corner is where one stroke ends and the next begins. Points at the same
/// place in several strokes of a skeleton are one joint and move together.
using Stroke = std::vector<StrokePoint>;

/// One way to write a digit. `share` is its part of all samples of that digit, in percent.
struct Skeleton {
  int digit = 0;
  int share = 0;
  std::vector<Stroke> strokes;
};

/// All of them, by digit; the shares of each digit add to 100.
std::span<const Skeleton> digit_skeletons();

}  // namespace dyadic
