#include "dyadic/kernels/dropout.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "dyadic/base/error.h"
#include "dyadic/base/parallel.h"

namespace dyadic {
namespace {

template <typename Code>
void mask_codes(const Tensor& input, const std::uint8_t* mask, Code zero, Tensor& output) {
  const Code* in = input.codes<Code>().data();
  Code* out = output.codes<Code>().data();
  const std::int64_t n = input.size();
  for (std::int64_t i = 0; i < n; ++i) out[i] = mask[i] != 0 ? in[i] : zero;
}

}  // namespace

void dropout_mask(const RandomStream& stream, double keep, std::int64_t n, std::uint8_t* mask) {
  const auto threshold = static_cast<std::uint64_t>(std::floor(keep * 0x1p32));
  parallel_for(n, 4096, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t i = begin; i < end; i += 4) {
      const PhiloxBlock words = random_block(stream, static_cast<std::uint64_t>(i) / 4);
      for (std::int64_t j = 0; j < std::min<std::int64_t>(4, end - i); ++j) {
        mask[i + j] = words[static_cast<std::size_t>(j)] < threshold ? 0xFF : 0;
      }
    }
  });
}

void apply_mask(const Tensor& input, const std::uint8_t* mask, Tensor& output) {
  const Format& format = input.format();
  if (format.code_multiplier != 1 || !format.has_zero)
    throw UsageError("dropout: format " + format_name(format) + " has no zero");
  output.reset(input.shape(), format);
  const auto zero = static_cast<std::uint32_t>(format.is_grid() ? format.code_offset : 0);
  switch (code_bytes(code_type(format))) {
    case 1: return mask_codes(input, mask, static_cast<std::uint8_t>(zero), output);
    case 2: return mask_codes(input, mask, static_cast<std::uint16_t>(zero), output);
    default: return mask_codes(input, mask, zero, output);
  }
}

}  // namespace dyadic
