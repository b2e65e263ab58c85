// Philox4x32-10 against Random123, the authors' implementation, and the addresses of single random bits.
#include "dyadic/base/philox.h"

#include <Random123/philox.h>
#include <gtest/gtest.h>

#include <cstdint>

#undef philox4x32  // a macro of Random123's C interface

namespace dyadic {
namespace {

PhiloxBlock oracle(const PhiloxBlock& counter, std::array<std::uint32_t, 2> key) {
  const r123::Philox4x32 generator;
  const r123::Philox4x32::ctr_type c = {{counter[0], counter[1], counter[2], counter[3]}};
  const r123::Philox4x32::key_type k = {{key[0], key[1]}};
  const r123::Philox4x32::ctr_type out = generator(c, k);
  return {out[0], out[1], out[2], out[3]};
}

// Known answers of the Random123 distribution (kat_vectors).
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}), (PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr std::uint32_t kOnes = 0xffffffff;
  EXPECT_EQ(philox4x32({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}),
            (PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, AgreesWithRandom123) {
  PhiloxBlock state = {1, 2, 3, 4};
  for (int i = 0; i < 20000; ++i) {
    const PhiloxBlock next = philox4x32(state, {state[3], state[1] ^ 0x5bd1e995});
    ASSERT_EQ(next, oracle(state, {state[3], state[1] ^ 0x5bd1e995})) << i;
    state = next;
  }
}

TEST(RandomBlock, KeyIsTheSeedAndCounterIsBlockStepStream) {
  const RandomStream stream{.seed = 0x1122334455667788, .step = 7, .stream = 0xabcdef01};
  const std::uint64_t block = 0x99aabbccddeeff00;
  EXPECT_EQ(random_block(stream, block), oracle({0xddeeff00, 0x99aabbcc, 7, 0xabcdef01}, {0x55667788, 0x11223344}));
}

TEST(RandomBits, ElementTakesItsBitsOfTheStream) {
  const RandomStream stream{.seed = 42, .step = 3, .stream = stream_number(2, 1, RandomPurpose::rounding)};
  // Bit j of the stream, by the definition.
  const auto stream_bit = [&](std::uint64_t j) { return random_block(stream, j / 128)[j % 128 / 32] >> (j % 32) & 1; };
  for (const int bits : {8, 16, 32}) {
    for (const std::uint64_t first : {std::uint64_t{0}, std::uint64_t{1000}, std::uint64_t{1} << 40}) {
      for (std::uint64_t i = first; i < first + 40; ++i) {
        std::uint32_t expected = 0;
        for (int b = 0; b < bits; ++b) {
          expected |= stream_bit(i * static_cast<std::uint64_t>(bits) + static_cast<std::uint64_t>(b)) << b;
        }
        ASSERT_EQ(random_bits(stream, i, bits), expected) << bits << " bits of element " << i;
      }
    }
  }
}

TEST(RandomBits, DifferByElementStepStreamAndSeed) {
  const RandomStream stream{.seed = 1, .step = 1, .stream = 1};
  const std::uint32_t word = random_bits(stream, 0, 32);
  EXPECT_NE(word, random_bits(stream, 1, 32));
  EXPECT_NE(word, random_bits({.seed = 2, .step = 1, .stream = 1}, 0, 32));
  EXPECT_NE(word, random_bits({.seed = std::uint64_t{1} << 32 | 1, .step = 1, .stream = 1}, 0, 32));
  EXPECT_NE(word, random_bits({.seed = 1, .step = 2, .stream = 1}, 0, 32));
  EXPECT_NE(word, random_bits({.seed = 1, .step = 1, .stream = 2}, 0, 32));
}

TEST(RandomUniform, IsTheUpper24BitsOfItsWord) {
  const RandomStream stream{.seed = 9};
  for (std::uint64_t i = 0; i < 1000; ++i) {
    const float u = random_uniform(stream, i);
    EXPECT_EQ(u, static_cast<float>(random_bits(stream, i, 32) >> 8) / 16777216.0F);
    EXPECT_GE(u, 0.0F);
    EXPECT_LT(u, 1.0F);
  }
}

TEST(StreamNumber, PlacesNodeRoleAndPurpose) {
  EXPECT_EQ(stream_number(0, 0, RandomPurpose::rounding), 0U);
  EXPECT_EQ(stream_number(3, 11, RandomPurpose::state_transition), 0x00030b05U);
}

}  // namespace
}  // namespace dyadic
