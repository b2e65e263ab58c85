// Philox4x32-10 on kWide blocks at a time, one word of each block in a 64-bit lane: the products need no shuffles, and
// what a word leaves in the upper half of its lane is never read.

struct PhiloxKeys {
  std::uint32_t first[10];
  std::uint32_t second[10];
};

/// kGroups * kWide blocks whose numbers begin in `block`, which counts as interleaved_count() does, so that stores
/// write them in order.
template <int kGroups>
DYADIC_INLINE void philox_blocks(WideInt block, const RandomStream& stream, const PhiloxKeys& keys,
                                 std::uint32_t* words) {
  const WideInt multiplier0 = splat(0xD2511F53);
  const WideInt multiplier1 = splat(0xCD9E8D57);
  WideInt word0[kGroups];
  WideInt word1[kGroups];
  WideInt word2[kGroups];
  WideInt word3[kGroups];
  for (int g = 0; g < kGroups; ++g) {
    word0[g] = wide_add(block, wide_splat(std::uint64_t{kWide} * static_cast<std::uint64_t>(g)));
    word1[g] = high_half(word0[g]);
    word2[g] = splat(stream.step);
    word3[g] = splat(stream.stream);
  }
#pragma GCC unroll 10
  for (int round = 0; round < 10; ++round) {
#pragma GCC unroll 4
    for (int g = 0; g < kGroups; ++g) {
      const WideInt product0 = wide_product(word0[g], multiplier0);
      const WideInt product1 = wide_product(word2[g], multiplier1);
      word0[g] = differing(high_half(product1), word1[g], splat(keys.first[round]));
      word2[g] = differing(high_half(product0), word3[g], splat(keys.second[round]));
      word1[g] = product1;
      word3[g] = product0;
    }
  }
#pragma GCC unroll 4
  for (int g = 0; g < kGroups; ++g) {
    const WideInt words01 = join_halves(word0[g], word1[g]);
    const WideInt words23 = join_halves(word2[g], word3[g]);
    store(words + 4 * kWide * g, even_lanes(words01, words23));
    store(words + 4 * kWide * g + 2 * kWide, odd_lanes(words01, words23));
  }
}

DYADIC_INLINE PhiloxKeys philox_keys(const RandomStream& stream) {
  PhiloxKeys keys;
  for (std::uint32_t round = 0; round < 10; ++round) {
    keys.first[round] = static_cast<std::uint32_t>(stream.seed) + round * 0x9E3779B9;
    keys.second[round] = static_cast<std::uint32_t>(stream.seed >> 32) + round * 0xBB67AE85;
  }
  return keys;
}

/// The tier's fill_random_blocks.
inline void fill_blocks(const RandomStream& stream, std::uint64_t first_block, std::int64_t blocks,
                        std::uint32_t* words) {
  constexpr int kInFlight = kLanes / 4;  // groups at a time: hides the multiplier's latency, fits into the registers
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
