#include "dyadic/formats/block.h"

#include <algorithm>
#include <cmath>

namespace dyadic {

std::int64_t block_count(const Format& format, std::int64_t elements) {
  if (!format.has_blocks()) return 0;
  return elements / format.block_size + (elements % format.block_size != 0 ? 1 : 0);
}

int block_exponent(const Format& format, double largest) {
  if (largest == 0) return kLeastBlockExponent;
  if (std::isinf(largest)) return kLargestBlockExponent;
  int exponent = 0;
  const double fraction = std::frexp(largest, &exponent);  // in [0.5, 1)
  const bool beyond_largest_code = fraction > 1 - std::ldexp(1.0, 1 - format.width);
  return std::clamp(exponent - 1 + (beyond_largest_code ? 1 : 0), kLeastBlockExponent, kLargestBlockExponent);
}

Format block_grid(const Format& format, int exponent) {
  Format grid = format;
  grid.block_size = 0;
  grid.step_exponent = block_step_exponent(format, exponent);
  return grid;
}

}  // namespace dyadic
