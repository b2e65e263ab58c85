// Pages of sample images for people to look at.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dyadic/data/dataset.h"

namespace dyadic {

/// Grey levels or colours, row by row, 0 black.
struct Page {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::vector<std::uint8_t> pixels;
  std::int64_t channels = 1;  // or 3: red, green, blue
};

/// The first across * down examples, side by side in reading order: images of three channels as they are, those of one
/// as dark ink on white (255 - value). Throws ShapeError for other channels, for floats or for too few examples.
Page sample_page(const ImageSet& set, std::int64_t across, std::int64_t down);

/// The page as a PNG file of 8 bits to a channel. With `levels` of 2, 4 or 16 it is rounded to so many levels and so
/// smaller, and grey pages are packed. No filter, zlib at its strongest. Throws UsageError for other levels.
std::vector<std::uint8_t> png_bytes(const Page& page, int levels = 256);

}  // namespace dyadic
