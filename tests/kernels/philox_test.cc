#include "dyadic/kernels/philox.h"

#include <gtest/gtest.h>

#include <vector>

#include "dyadic/kernels/isa.h"

namespace dyadic {
namespace {

// The block function itself has its known answers in tests/base/philox_test.cc.
TEST(RandomBlocks, EveryTierGivesTheBlocksOfTheStream) {
  const Isa before = active_isa();
  const RandomStream stream = {.seed = 0xFEDCBA9876543210, .step = 0x80000001, .stream = 0xDEADBEEF};
  for (const Isa isa : supported_isas()) {
    set_isa(isa);
    // The last two begin where the low and high words of the block number wrap.
    for (const std::uint64_t first :
         {std::uint64_t{0}, std::uint64_t{7}, std::uint64_t{0xFFFFFFFB}, ~std::uint64_t{20}}) {
      for (std::int64_t blocks = 0; blocks <= 70; ++blocks) {
        std::vector<std::uint32_t> words(static_cast<std::size_t>(4 * blocks) + 4, 42);
        random_blocks(stream, first, blocks, words.data());
        for (std::int64_t i = 0; i < blocks; ++i) {
          const PhiloxBlock want = random_block(stream, first + static_cast<std::uint64_t>(i));
          for (std::size_t j = 0; j < 4; ++j) {
            ASSERT_EQ(words[static_cast<std::size_t>(4 * i) + j], want[j]) << isa_name(isa) << " block " << i;
          }
        }
        for (std::size_t j = words.size() - 4; j < words.size(); ++j) ASSERT_EQ(words[j], 42U) << "wrote too far";
      }
    }
  }
  set_isa(before);
}

}  // namespace
}  // namespace dyadic
