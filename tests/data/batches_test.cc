#include "dyadic/data/batches.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <tuple>

#include "dyadic/base/error.h"
#include "dyadic/base/philox.h"
#include "tests/data/test_files.h"

namespace dyadic {
namespace {

TEST(EpochOrder, IsTheFilesOrderWhenNotShuffled) {
  const auto order = epoch_order(1000, 7, 3, false);
  for (std::uint32_t i = 0; i < 1000; ++i) EXPECT_EQ(order[i], i);
  EXPECT_TRUE(epoch_order(0, 7, 3, false).empty());
  EXPECT_TRUE(epoch_order(0, 7, 3, true).empty());
}

// The definition word for word (docs/numerics.md): bit j of a stream is bit j mod 32 of word j div 32, an element
// with 64 bits uses bits 64 i .. 64 i + 63, and examples are sorted by (bits, index).
TEST(EpochOrder, SortsByTheStreamsSixtyFourBitsPerExample) {
  constexpr std::uint32_t kCount = 257;
  const RandomStream stream{0x123456789ABCDEF0, 5, 3};  // purpose 3: shuffle
  std::vector<std::tuple<std::uint64_t, std::uint32_t>> keyed;
  for (std::uint32_t i = 0; i < kCount; ++i) {
    std::uint64_t bits = 0;
    for (std::uint64_t bit = 0; bit < 64; ++bit) {
      const std::uint64_t at = 64 * std::uint64_t{i} + bit;
      const std::uint64_t word = random_block(stream, at / 128)[at / 32 % 4];
      bits |= (word >> at % 32 & 1) << bit;
    }
    keyed.emplace_back(bits, i);
  }
  std::sort(keyed.begin(), keyed.end());
  const auto order = epoch_order(kCount, stream.seed, stream.step, true);
  ASSERT_EQ(order.size(), kCount);
  for (std::uint32_t i = 0; i < kCount; ++i) EXPECT_EQ(order[i], std::get<1>(keyed[i]));
}

TEST(EpochOrder, HoldsEveryExampleOnceAndDependsOnSeedAndEpoch) {
  std::set<std::vector<std::uint32_t>> orders;
  for (const std::uint64_t seed : {0ULL, 1ULL, 1ULL << 32}) {
    for (const std::uint32_t epoch : {0U, 1U, 2U}) {
      auto order = epoch_order(1001, seed, epoch, true);
      orders.insert(order);
      std::sort(order.begin(), order.end());
      for (std::uint32_t i = 0; i < order.size(); ++i) ASSERT_EQ(order[i], i);
    }
  }
  EXPECT_EQ(orders.size(), 9U);
}

TEST(SplitRanges, TakesTheFirstForTrainingAndTheNextForValidation) {
  ImageSet set;
  set.name = "ten";
  set.labels.resize(10);
  const SplitRanges ranges = split_ranges({7, 3}, set);
  EXPECT_EQ(ranges.train.begin, 0);
  EXPECT_EQ(ranges.train.end, 7);
  EXPECT_EQ(ranges.valid.begin, 7);
  EXPECT_EQ(ranges.valid.end, 10);
  EXPECT_EQ(split_ranges({10, 0}, set).valid.count(), 0);
}

TEST(SplitRanges, RefusesMoreThanThereIs) {
  ImageSet set;
  set.name = "ten";
  set.labels.resize(10);
  EXPECT_EQ(test::message_of<UsageError>([&] {
              split_ranges({8, 3}, set);
            }),
            "data.split: train = 8 and valid = 3 need more than the 10 examples of ten; they would do for "
            "--set data.split.train=9 --set data.split.valid=1");
  constexpr std::int64_t kHuge = std::int64_t{1} << 62;
  EXPECT_THROW(split_ranges({11, 0}, set), UsageError);
  EXPECT_THROW(split_ranges({0, 3}, set), UsageError);
  EXPECT_THROW(split_ranges({5, -1}, set), UsageError);
  EXPECT_THROW(split_ranges({5, kHuge}, set), UsageError);
  EXPECT_THROW(split_ranges({kHuge, kHuge}, set), UsageError);
}

}  // namespace
}  // namespace dyadic
