#include "dyadic/kernels/philox.h"

#include <algorithm>

#include "dyadic/kernels/isa.h"

namespace dyadic {
namespace {

void random_blocks_ref(const RandomStream& stream, std::uint64_t first_block, std::int64_t blocks,
                       std::uint32_t* words) {
  for (std::int64_t i = 0; i < blocks; ++i) {
    const PhiloxBlock block = random_block(stream, first_block + static_cast<std::uint64_t>(i));
    std::copy(block.begin(), block.end(), words + 4 * i);
  }
}

}  // namespace

void random_blocks(const RandomStream& stream, std::uint64_t first_block, std::int64_t blocks, std::uint32_t* words) {
  const Isa isa = active_isa();
  const auto kernel = isa >= Isa::avx512 ? avx512::fill_random_blocks
                      : isa == Isa::avx2 ? avx2::fill_random_blocks
                                         : random_blocks_ref;
  kernel(stream, first_block, blocks, words);
}

}  // namespace dyadic
