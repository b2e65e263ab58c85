#include "dyadic/data/augment.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "dyadic/base/error.h"

namespace dyadic {
namespace {

// 2 rows x 3 columns x 2 channels: value = 10 * pixel + channel + 1.
const Shape kShape = {2, 3, 2};
std::vector<std::uint8_t> image() { return {1, 2, 11, 12, 21, 22, 31, 32, 41, 42, 51, 52}; }

std::vector<std::uint8_t> moved(const AugmentMove& move) {
  std::vector<std::uint8_t> out(12, 99);
  augment_example(std::span<const std::uint8_t>(image()), kShape, move, out);
  return out;
}

TEST(Augment, LeavesAnExampleThatDoesNotMove) { EXPECT_EQ(moved({}), image()); }

TEST(Augment, CropsFromThePaddedExampleWithZerosOutside) {
  EXPECT_EQ(moved({.down = 1}), (std::vector<std::uint8_t>{31, 32, 41, 42, 51, 52, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(moved({.down = -1, .right = 1}), (std::vector<std::uint8_t>{0, 0, 0, 0, 0, 0, 11, 12, 21, 22, 0, 0}));
  EXPECT_EQ(moved({.right = -2}), (std::vector<std::uint8_t>{0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 31, 32}));
  EXPECT_EQ(moved({.down = 5, .right = -7}), std::vector<std::uint8_t>(12, 0));
}

TEST(Augment, MirrorsTheCroppedExampleAndKeepsChannelsInOrder) {
  EXPECT_EQ(moved({.mirrored = true}), (std::vector<std::uint8_t>{21, 22, 11, 12, 1, 2, 51, 52, 41, 42, 31, 32}));
  EXPECT_EQ(moved({.right = 1, .mirrored = true}),
            (std::vector<std::uint8_t>{0, 0, 21, 22, 11, 12, 0, 0, 51, 52, 41, 42}));
}

TEST(Augment, MovesFloatsAsBytes) {
  const std::vector<std::uint8_t> bytes = image();
  const std::vector<float> values(bytes.begin(), bytes.end());
  std::vector<float> out(12, 9.0F);
  const AugmentMove move = {.down = -1, .right = 1, .mirrored = true};
  augment_example(std::span<const float>(values), kShape, move, out);
  const auto expected = moved(move);
  EXPECT_EQ(out, std::vector<float>(expected.begin(), expected.end()));
}

TEST(Augment, TakesItsWordsFromTheStreamOfTheInput) {
  const RandomStream stream = augment_stream(7, 11);
  EXPECT_EQ(stream.seed, 7U);
  EXPECT_EQ(stream.step, 11U);
  EXPECT_EQ(stream.stream, 2U << 8 | 4U);
  for (std::uint64_t i = 0; i < 200; ++i) {
    const AugmentMove move = augment_move({.pad = 4, .flip = true}, stream, i);
    const auto place = [&](std::uint64_t word) {
      return static_cast<int>(static_cast<double>(random_bits(stream, word, 32)) * 9.0 / 4294967296.0) - 4;
    };
    EXPECT_EQ(move.down, place(3 * i));
    EXPECT_EQ(move.right, place(3 * i + 1));
    EXPECT_EQ(move.mirrored, random_bits(stream, 3 * i + 2, 32) >= 1U << 31);
  }
}

TEST(Augment, ReachesEveryOffsetAboutEquallyOften) {
  const RandomStream stream = augment_stream(1, 0);
  std::map<int, int> counts;
  int mirrored = 0;
  for (std::uint64_t i = 0; i < 9000; ++i) {
    const AugmentMove move = augment_move({.pad = 4, .flip = true}, stream, i);
    ++counts[move.down];
    mirrored += move.mirrored ? 1 : 0;
  }
  ASSERT_EQ(counts.size(), 9U);
  EXPECT_EQ(counts.begin()->first, -4);
  for (const auto& [down, count] : counts) EXPECT_NEAR(count, 1000, 5 * 30) << down;  // five deviations
  EXPECT_NEAR(mirrored, 4500, 5 * 48);
}

TEST(Augment, DoesNothingUnasked) {
  EXPECT_TRUE(Augmentation{}.is_none());
  for (std::uint64_t i = 0; i < 50; ++i) EXPECT_EQ(augment_move({}, augment_stream(3, 3), i), AugmentMove{});
  EXPECT_FALSE((Augmentation{.flip = true}).is_none());
}

TEST(Augment, RefusesWhatItCannotMove) {
  std::vector<std::uint8_t> out(12);
  const std::vector<std::uint8_t> in = image();
  EXPECT_THROW(augment_example(std::span<const std::uint8_t>(in), {2, 3}, {}, out), ShapeError);
  EXPECT_THROW(augment_example(std::span<const std::uint8_t>(in), {2, 3, 1}, {}, out), ShapeError);
  out.resize(11);
  EXPECT_THROW(augment_example(std::span<const std::uint8_t>(in), kShape, {}, out), ShapeError);
  EXPECT_THROW(augment_move({.pad = -1}, augment_stream(1, 1), 0), UsageError);
  EXPECT_THROW(augment_move({.pad = kMostPad + 1}, augment_stream(1, 1), 0), UsageError);
}

}  // namespace
}  // namespace dyadic
