#include "dyadic/kernels/philox.h"

#include <cstdint>
#include <cstring>

#include "dyadic/kernels/target.h"

DYADIC_BEGIN_AVX512
namespace dyadic::avx512 {
namespace {

#include "dyadic/kernels/avx512/vector-inl.h"
#include "dyadic/kernels/generic/philox-inl.h"

constexpr int kInFlight = kLanes / 4;  // groups at a time: hides the multiplier's latency, fits into the registers

}  // namespace

void fill_random_blocks(const RandomStream& stream, std::uint64_t first_block, std::int64_t blocks,
                        std::uint32_t* words) {
  const PhiloxKeys keys = philox_keys(stream);
  std::int64_t i = 0;
  WideInt block = wide_add(wide_splat(first_block), interleaved_count());
  for (; i + kInFlight * kWide <= blocks; i += kInFlight * kWide) {
    philox_blocks<kInFlight>(block, stream, keys, words + 4 * i);
    block = wide_add(block, wide_splat(kInFlight * kWide));
  }
  for (; i < blocks; i += kWide) {
    alignas(64) std::uint32_t last[4 * kWide];
    philox_blocks<1>(block, stream, keys, last);
    std::memcpy(words + 4 * i, last, static_cast<std::size_t>(i + kWide <= blocks ? kWide : blocks - i) * 16);
    block = wide_add(block, wide_splat(kWide));
  }
}

}  // namespace dyadic::avx512
DYADIC_END_TARGET
