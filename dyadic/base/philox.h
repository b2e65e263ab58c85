// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011), a function from
// (key, counter) to 128 random bits. Every random bit in dyadic is addressed: key = seed, counter = (block low, block
// high, step, stream). Bit j of a block is bit j mod 32 of output word j div 32; element i that uses r bits takes bits
// r*i .. r*i+r-1 of its stream. So a bit depends on the element's place in the logical tensor and on nothing else: not
// on threads, instruction set, batch splits or interruptions.
#pragma once

#include <array>
#include <cstdint>

namespace dyadic {

/// Purpose of a stream, the low byte of its number (docs/numerics.md).
enum class RandomPurpose : std::uint32_t {
  rounding = 0,
  dropout = 1,
  initial_weights = 2,
  shuffle = 3,
  augmentation = 4,
  state_transition = 5,
};

/// Names one stream of random bits at one optimiser step.
struct RandomStream {
  std::uint64_t seed = 0;
  std::uint32_t step = 0;
  std::uint32_t stream = 0;
};

/// stream = node ordinal << 16 | role << 8 | purpose.
constexpr std::uint32_t stream_number(std::uint32_t node, std::uint32_t role, RandomPurpose purpose) {
  return node << 16 | role << 8 | static_cast<std::uint32_t>(purpose);
}

using PhiloxBlock = std::array<std::uint32_t, 4>;

/// The raw bijection, ten rounds.
constexpr PhiloxBlock philox4x32(PhiloxBlock counter, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = std::uint64_t{0xD2511F53} * counter[0];
    const std::uint64_t product1 = std::uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<std::uint32_t>(product1 >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(product1),
               static_cast<std::uint32_t>(product0 >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(product0)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

/// The 128 bits of one block of a stream.
constexpr PhiloxBlock random_block(const RandomStream& stream, std::uint64_t block) {
  return philox4x32(
      {static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32), stream.step, stream.stream},
      {static_cast<std::uint32_t>(stream.seed), static_cast<std::uint32_t>(stream.seed >> 32)});
}

/// The `bits` (8, 16 or 32) random bits of element `index`.
constexpr std::uint32_t random_bits(const RandomStream& stream, std::uint64_t index, int bits) {
  const std::uint64_t first = index * static_cast<std::uint64_t>(bits);
  const std::uint32_t word = random_block(stream, first / 128)[(first / 32) % 4];
  return bits == 32 ? word : (word >> (first % 32)) & ((1U << bits) - 1);
}

/// Uniform in [0, 1): the upper 24 bits of element `index` of the stream of 32-bit words.
constexpr float random_uniform(const RandomStream& stream, std::uint64_t index) {
  return static_cast<float>(random_bits(stream, index, 32) >> 8) * 0x1p-24F;
}

}  // namespace dyadic
