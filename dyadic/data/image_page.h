// Pages of sample images for people to look at.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dyadic/data/dataset.h"

namespace dyadic {

/// Grey levels, row by row, 0 black.
struct GreyPage {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::vector<std::uint8_t> pixels;
};

/// The first across * down examples of a one-channel set, side by side in reading order, dark ink on white (255 -
/// value). Throws ShapeError for other channels or too few examples.
GreyPage sample_page(const ImageSet& set, std::int64_t across, std::int64_t down);

/// The page as a PNG file: 8-bit grey or, with `levels` of 2, 4 or 16, rounded to so many greys and packed (smaller).
/// No filter, zlib at its strongest. Throws UsageError for other levels.
std::vector<std::uint8_t> png_bytes(const GreyPage& page, int levels = 256);

}  // namespace dyadic
