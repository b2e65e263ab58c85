#include "dyadic/kernels/philox.h"

#include <cstdint>
#include <cstring>

#include "dyadic/kernels/target.h"

DYADIC_BEGIN_AVX512
namespace dyadic::avx512 {
namespace {

#include "dyadic/kernels/avx512/vector-inl.h"
#include "dyadic/kernels/generic/philox-inl.h"

}  // namespace

void fill_random_blocks(const RandomStream& stream, std::uint64_t first_block, std::int64_t blocks,
                        std::uint32_t* words) {
  fill_blocks(stream, first_block, blocks, words);
}

}  // namespace dyadic::avx512
DYADIC_END_TARGET
