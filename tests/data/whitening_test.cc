#include "dyadic/data/whitening.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "dyadic/base/error.h"
#include "dyadic/base/parallel.h"
#include "dyadic/base/sha256.h"
#include "dyadic/data/contrast.h"
#include "dyadic/data/scenes.h"

namespace dyadic {
namespace {

/// Scenes cut down to 8 x 8 pixels or fewer: neighbours correlate, as in photographs.
ImageSet small_images(std::int64_t count, ScenePart part = ScenePart::train, std::size_t side = 8) {
  const ImageSet full = generate_scenes(part, count, 1);
  ImageSet set;
  set.name = "small";
  set.shape = {static_cast<std::int64_t>(side), static_cast<std::int64_t>(side), 3};
  set.classes = 10;
  set.labels = full.labels;
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::size_t y = 12; y < 12 + side; ++y) {
      const auto row = full.example(i).subspan((y * 32 + 12) * 3, side * 3);
      set.pixels.insert(set.pixels.end(), row.begin(), row.end());
    }
  }
  return set;
}

constexpr std::size_t kSize = 192;
using Square = std::vector<double>;

/// Covariance of `count` examples of kSize values.
Square covariance(const std::vector<double>& values, std::size_t count) {
  std::vector<double> mean(kSize, 0.0);
  for (std::size_t i = 0; i < values.size(); ++i) mean[i % kSize] += values[i] / static_cast<double>(count);
  Square result(kSize * kSize, 0.0);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t a = 0; a < kSize; ++a) {
      const double left = (values[i * kSize + a] - mean[a]) / static_cast<double>(count);
      for (std::size_t b = 0; b < kSize; ++b) result[a * kSize + b] += left * (values[i * kSize + b] - mean[b]);
    }
  }
  return result;
}

std::vector<float> whitened(const Whitening& whitening, const ImageSet& set) {
  std::vector<float> out(static_cast<std::size_t>(set.count() * set.values()));
  whitening.apply(set, 0, set.count(), out);
  return out;
}

// y = (x - m)(C + bI)^(-1/2) has covariance C (C + bI)^(-1), so (C + bI) cov(y) = C.
TEST(Whitening, MakesTheCovarianceTheRegularisedIdentity) {
  constexpr std::size_t kCount = 1300;  // more than one block
  const ImageSet train = small_images(kCount);
  const std::vector<float> out = whitened(Whitening(train), train);
  std::vector<double> normalised(kCount * kSize);
  for (std::size_t i = 0; i < kCount; ++i) {
    normalise_to_norm(train.example(static_cast<std::int64_t>(i)), 55, std::span(normalised).subspan(i * kSize, kSize));
  }
  Square before = covariance(normalised, kCount);
  const Square after = covariance({out.begin(), out.end()}, kCount);
  double largest = 0;
  for (const double value : before) largest = std::max(largest, std::abs(value));
  for (std::size_t a = 0; a < kSize; ++a) {
    for (std::size_t b = 0; b < kSize; ++b) {
      double product = 0.1 * after[a * kSize + b];
      for (std::size_t k = 0; k < kSize; ++k) product += before[a * kSize + k] * after[k * kSize + b];
      // Outputs are rounded to float32.
      ASSERT_NEAR(product, before[a * kSize + b], 1e-5 * largest) << a << " " << b;
    }
  }
  double trace = 0;
  for (std::size_t a = 0; a < kSize; ++a) trace += after[a * kSize + a];
  EXPECT_GT(trace, 0.5 * kSize);
  EXPECT_LE(trace, kSize);
}

// The bits are part of what a result was measured on: change this hash only on purpose.
TEST(Whitening, GivesTheSameBitsForAnyThreadsAndCompiler) {
  const int before = thread_count();
  const ImageSet train = small_images(300);
  const ImageSet other = small_images(40, ScenePart::test);
  for (const int threads : {1, 2, 5}) {
    set_thread_count(threads);
    const Whitening whitening(train);
    Sha256 hash;
    for (const ImageSet* set : {&train, &other}) {
      const std::vector<float> out = whitened(whitening, *set);
      hash.update(out.data(), out.size() * sizeof(float));
    }
    EXPECT_EQ(hash.hex(), "570ed469b004072d472ba9c3882fd1863a8364b80d3bc4ec77a53c36fffa054d") << threads;
  }
  set_thread_count(before);
}

constexpr std::int64_t kCutImages = 100;

// Two orders of the same float64 sums. An image without the mean has a norm of at most 2 * 55, so each C errs by at
// most 100 * 2^-53 * 110^2, half of b^(-3/2) = 16 times that comes through in P and 110 times that in a value: 5e-7 for
// two of them, and nearly nothing from the eigenvectors. Both are rounded to float32, each by 2^-24 of itself. What is
// left out or taken twice is seen in the second digit.
TEST(Whitening, IsTheSameHoweverItsImagesAndColumnsAreCut) {
  const ImageSet train = small_images(kCutImages, ScenePart::train, 6);
  const std::int64_t columns = train.values();
  const auto cut = [&](std::int64_t images, std::int64_t width) {
    return whitened(Whitening(train, {.images_at_once = images, .columns_at_once = width}), train);
  };
  const std::vector<float> whole = cut(kCutImages, columns);
  // Columns: halves, 15 stripes of 7 and one of 3, one and the rest; images: quarters, 14 blocks of 7 and one of 2.
  for (const auto& [images, width] :
       {std::pair{kCutImages, columns / 2}, {25, columns}, {kCutImages, 7}, {7, columns}, {7, 7}, {99, 107}}) {
    const std::vector<float> parts = cut(images, width);
    for (std::size_t i = 0; i < whole.size(); ++i) {
      ASSERT_NEAR(parts[i], whole[i], 1e-6 + 0x1p-23 * std::abs(whole[i])) << images << " " << width << " " << i;
    }
  }
}

// The hash above is of one stripe and one block; here threads share out eleven stripes. Roundings to float32 would hide
// most of what differs in float64, so the matrix is looked at itself.
TEST(Whitening, GivesTheSameBitsForAnyThreadsInManyStripesAndBlocks) {
  const int before = thread_count();
  const ImageSet train = small_images(kCutImages, ScenePart::train, 6);
  const WhiteningOptions options = {.images_at_once = 32, .columns_at_once = 10};
  std::vector<double> matrix;
  std::vector<float> alone;
  for (const int threads : {1, 2, 3, 8}) {
    set_thread_count(threads);
    const Whitening whitening(train, options);
    const std::vector<float> out = whitened(whitening, train);
    if (threads == 1) {
      matrix.assign(whitening.matrix().begin(), whitening.matrix().end());
      alone = out;
    }
    EXPECT_TRUE(std::ranges::equal(whitening.matrix(), matrix)) << threads;
    EXPECT_EQ(out, alone) << threads;
  }
  set_thread_count(before);
}

TEST(Whitening, DependsOnTheTrainingSetAlone) {
  const ImageSet train = small_images(300);
  const ImageSet other = small_images(40, ScenePart::test);
  const Whitening whitening(train);
  const std::vector<float> all = whitened(whitening, other);
  std::vector<float> one(kSize);
  whitening.apply(other, 17, 1, one);
  for (std::size_t i = 0; i < kSize; ++i) EXPECT_EQ(one[i], all[17 * kSize + i]);
}

TEST(Whitening, RefusesOtherShapes) {
  const ImageSet train = small_images(20);
  const Whitening whitening(train);
  std::vector<float> out(kSize);
  EXPECT_THROW(whitening.apply(train, 0, 2, out), ShapeError);
  EXPECT_THROW(whitening.apply(generate_scenes(ScenePart::test, 1, 1), 0, 1, out), ShapeError);
  EXPECT_THROW(Whitening(ImageSet{}), ShapeError);
}

}  // namespace
}  // namespace dyadic
