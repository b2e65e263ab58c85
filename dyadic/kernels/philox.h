// Random words in bulk: the stream of base/philox.h, many blocks at a time.
#pragma once

#include <cstdint>

#include "dyadic/base/philox.h"

namespace dyadic {

/// words[4 * i + j] = word j of block first_block + i of `stream`. Same bits on every tier.
void random_blocks(const RandomStream& stream, std::uint64_t first_block, std::int64_t blocks, std::uint32_t* words);

namespace avx2 {
void fill_random_blocks(const RandomStream& stream, std::uint64_t first_block, std::int64_t blocks,
                        std::uint32_t* words);
}
namespace avx512 {
void fill_random_blocks(const RandomStream& stream, std::uint64_t first_block, std::int64_t blocks,
                        std::uint32_t* words);
}

}  // namespace dyadic
