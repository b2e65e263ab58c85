// One handwritten digit as pen strokes, for the generated data sets.
#pragma once

#include <vector>

#include "dyadic/data/random_draw.h"
#include "dyadic/data/stroke_raster.h"

namespace dyadic {

/// Where and how large a digit is written, in pixels.
struct Hand {
  double height = 0;        // between the top and the bottom of an undistorted digit
  StrokePoint centre;       // of the digit
  double shift_spread = 0;  // deviation of the centre
};

struct WrittenDigit {
  std::vector<InkSegment> segments;
  double half_width = 0;  // of the pen
};

/// One of the skeletons of `digit`, every joint moved a little, bent by a smooth random field, turned, slanted,
/// stretched and inked with a pen of random width that may skip once.
WrittenDigit write_digit(int digit, const Hand& hand, Draw& draw);

}  // namespace dyadic
