#include "dyadic/nn/input_codes.h"

#include <algorithm>
#include <vector>

namespace dyadic {

RoundingCounts round_pixels(std::span<const std::uint8_t> pixels, bool signed_pixels, Tensor& input,
                            const RoundingRandom& random) {
  const Format& format = input.format();
  const bool is_fixed = format.family == Family::fixed;
  if (is_fixed && !signed_pixels && format.min_code == 0 && format.max_code == 255 && format.step_exponent == -8) {
    std::copy(pixels.begin(), pixels.end(), input.codes<std::uint8_t>().begin());  // uq0.8: the byte is the code
    return {};
  }
  if (is_fixed && signed_pixels && format.min_code == -128 && format.max_code == 127 && format.step_exponent == -7) {
    std::ranges::transform(pixels, input.codes<std::int8_t>().begin(),  // q1.7: the byte less 128 is
                           [](std::uint8_t pixel) { return static_cast<std::int8_t>(pixel - 128); });
    return {};
  }
  const float step = signed_pixels ? 0x1p-7F : 0x1p-8F;
  const float least = signed_pixels ? -1.0F : 0.0F;
  std::vector<float> values(pixels.size());
  for (std::size_t i = 0; i < pixels.size(); ++i) values[i] = static_cast<float>(pixels[i]) * step + least;
  return quantize(values.data(), input.size(), format, input.data(), random);
}

}  // namespace dyadic
