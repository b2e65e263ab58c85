#include "dyadic/kernels/dropout.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "dyadic/base/error.h"
#include "dyadic/base/parallel.h"
#include "dyadic/kernels/philox.h"

namespace dyadic {
namespace {

/// Bit arithmetic, because a branch on random bits is mispredicted every other time.
template <typename Code>
void mask_codes(const Tensor& input, const std::uint8_t* mask, Code zero, Tensor& output) {
  const Code* __restrict in = input.codes<Code>().data();
  Code* __restrict out = output.codes<Code>().data();
  const std::int64_t n = input.size();
  for (std::int64_t i = 0; i < n; ++i) {
    const auto keep = static_cast<Code>(static_cast<std::int8_t>(mask[i]));  // sign-extended: all ones or zero
    out[i] = static_cast<Code>((in[i] & keep) | (zero & static_cast<Code>(~keep)));
  }
}

}  // namespace

void dropout_mask(const RandomStream& stream, double keep, std::int64_t n, std::uint8_t* mask) {
  const auto threshold = static_cast<std::uint64_t>(std::floor(keep * 0x1p32));
  constexpr std::int64_t kChunk = 2048;  // words in the first-level cache
  parallel_for(n, kChunk, [&](std::int64_t begin, std::int64_t end, int) {
    std::array<std::uint32_t, kChunk> words;
    for (std::int64_t first = begin; first < end; first += kChunk) {
      const std::int64_t count = std::min(kChunk, end - first);
      random_blocks(stream, static_cast<std::uint64_t>(first) / 4, (count + 3) / 4, words.data());
      for (std::int64_t i = 0; i < count; ++i)
        mask[first + i] = static_cast<std::uint8_t>(words[static_cast<std::size_t>(i)] < threshold ? 0xFF : 0);
    }
  });
}

void apply_mask(const Tensor& input, const std::uint8_t* mask, Tensor& output) {
  const Format& format = input.format();
  if (!format.represents_zero()) throw UsageError("dropout: format " + format_name(format) + " has no zero");
  output.reset(input.shape(), format);
  const auto zero = static_cast<std::uint32_t>(format.is_grid() ? format.code_offset : 0);
  switch (code_bytes(code_type(format))) {
    case 1: return mask_codes(input, mask, static_cast<std::uint8_t>(zero), output);
    case 2: return mask_codes(input, mask, static_cast<std::uint16_t>(zero), output);
    default: return mask_codes(input, mask, zero, output);
  }
}

}  // namespace dyadic
