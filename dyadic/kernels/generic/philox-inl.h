// Philox4x32-10 on kWide blocks at a time, one word of each block in a 64-bit lane: the products need no shuffles, and
// what a word leaves in the upper half of its lane is never read.

struct PhiloxKeys {
  std::uint32_t first[10];
  std::uint32_t second[10];
};

/// kWide blocks whose numbers are in `block`, which counts as interleaved_count() does; so that two stores write them
/// in order.
DYADIC_INLINE void philox_blocks(WideInt block, const RandomStream& stream, const PhiloxKeys& keys,
                                 std::uint32_t* words) {
  const WideInt multiplier0 = wide_splat(0xD2511F53);
  const WideInt multiplier1 = wide_splat(0xCD9E8D57);
  WideInt word0 = block;
  WideInt word1 = wide_right(block, _mm_cvtsi32_si128(32));
  WideInt word2 = wide_splat(stream.step);
  WideInt word3 = wide_splat(stream.stream);
  for (int round = 0; round < 10; ++round) {
    const WideInt product0 = wide_product(word0, multiplier0);
    const WideInt product1 = wide_product(word2, multiplier1);
    word0 = differing(differing(wide_right(product1, _mm_cvtsi32_si128(32)), word1), wide_splat(keys.first[round]));
    word2 = differing(differing(wide_right(product0, _mm_cvtsi32_si128(32)), word3), wide_splat(keys.second[round]));
    word1 = product1;
    word3 = product0;
  }
  const WideInt words01 = join_halves(word0, word1);
  const WideInt words23 = join_halves(word2, word3);
  store(words, even_lanes(words01, words23));
  store(words + 2 * kWide, odd_lanes(words01, words23));
}

DYADIC_INLINE void philox_fill(const RandomStream& stream, std::uint64_t first_block, std::int64_t blocks,
                               std::uint32_t* words) {
  PhiloxKeys keys;
  for (std::uint32_t round = 0; round < 10; ++round) {
    keys.first[round] = static_cast<std::uint32_t>(stream.seed) + round * 0x9E3779B9;
    keys.second[round] = static_cast<std::uint32_t>(stream.seed >> 32) + round * 0xBB67AE85;
  }
  std::int64_t i = 0;
  WideInt block = wide_add(wide_splat(first_block), interleaved_count());
  const WideInt stride = wide_splat(kWide);
  for (; i + 2 * kWide <= blocks; i += 2 * kWide) {  // two at a time hide the multiplier's latency
    const WideInt next = wide_add(block, stride);
    philox_blocks(block, stream, keys, words + 4 * i);
    philox_blocks(next, stream, keys, words + 4 * (i + kWide));
    block = wide_add(next, stride);
  }
  for (; i < blocks; i += kWide) {
    alignas(64) std::uint32_t last[4 * kWide];
    philox_blocks(block, stream, keys, last);
    std::memcpy(words + 4 * i, last, static_cast<std::size_t>(i + kWide <= blocks ? kWide : blocks - i) * 16);
    block = wide_add(block, stride);
  }
}
