#include "dyadic/kernels/philox.h"

#include <cstdint>
#include <cstring>

#include "dyadic/kernels/target.h"

DYADIC_BEGIN_AVX2
namespace dyadic::avx2 {
namespace {

#include "dyadic/kernels/avx2/vector-inl.h"
#include "dyadic/kernels/generic/philox-inl.h"

}  // namespace

void fill_random_blocks(const RandomStream& stream, std::uint64_t first_block, std::int64_t blocks,
                        std::uint32_t* words) {
  fill_blocks(stream, first_block, blocks, words);
}

}  // namespace dyadic::avx2
DYADIC_END_TARGET
