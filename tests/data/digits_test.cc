#include "dyadic/data/digits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <numeric>

#include "dyadic/base/error.h"
#include "dyadic/base/parallel.h"
#include "dyadic/base/sha256.h"
#include "dyadic/data/digit_strokes.h"
#include "dyadic/data/idx.h"
#include "dyadic/data/image_page.h"
#include "tests/data/png.h"
#include "tests/data/test_files.h"

namespace dyadic {
namespace {

/// Restores the number of threads.
struct ScopedThreads {
  explicit ScopedThreads(int threads) { set_thread_count(threads); }
  ~ScopedThreads() { set_thread_count(before); }
  int before = thread_count();
};

TEST(DigitSkeletons, CoverEachDigitWithSharesThatAddToAll) {
  std::map<int, int> shares;
  std::map<int, int> ways;
  for (const Skeleton& skeleton : digit_skeletons()) {
    shares[skeleton.digit] += skeleton.share;
    ++ways[skeleton.digit];
    EXPECT_FALSE(skeleton.strokes.empty());
    for (const Stroke& stroke : skeleton.strokes) EXPECT_GE(stroke.size(), 2U);
  }
  for (int digit = 0; digit < 10; ++digit) {
    EXPECT_EQ(shares[digit], 100) << digit;
    EXPECT_GE(ways[digit], 3) << digit;
  }
  EXPECT_EQ(shares.size(), 10U);
}

// One changed bit anywhere in the generator is another data set, and all figures measured on the old one lose their
// meaning: change this hash, the ones in dataset_table.cc and docs/images/digits.png only on purpose.
TEST(Digits, AreTheSameOnEveryMachine) {
  const DataSet set = generate_digits_set(kDigitSeed);
  EXPECT_EQ(set.fingerprint, "0aa2163adbe8dc1453fcd9332140681788df38c781d7fdc199ee5e6b549b3187");
  EXPECT_EQ(set.origin, "generated, seed 1");
  EXPECT_EQ(set.train.shape, (Shape{28, 28, 1}));
  const DataSetRow& row = data_set_row("digits");
  EXPECT_EQ(set.train.count(), row.train_count);
  EXPECT_EQ(set.test.count(), row.test_count);
  EXPECT_EQ(sha256_hex(idx_bytes({60000, 28, 28}, set.train.pixels)), row.files[0].sha256);
  EXPECT_EQ(sha256_hex(idx_bytes({60000}, set.train.labels)), row.files[1].sha256);
  EXPECT_EQ(sha256_hex(idx_bytes({10000, 28, 28}, set.test.pixels)), row.files[2].sha256);
  EXPECT_EQ(sha256_hex(idx_bytes({10000}, set.test.labels)), row.files[3].sha256);
  // Classes are drawn evenly: 6000 expected, deviation 73.5; five deviations.
  for (const std::int64_t count : label_histogram(set.train)) EXPECT_NEAR(static_cast<double>(count), 6000, 5 * 73.5);
}

TEST(Digits, DoNotDependOnTheNumberOfThreads) {
  const ScopedThreads one(1);
  const ImageSet serial = generate_digits(DigitPart::train, 500, 3);
  for (const int threads : {2, 3, 7}) {
    set_thread_count(threads);
    const ImageSet parallel = generate_digits(DigitPart::train, 500, 3);
    EXPECT_EQ(serial.pixels, parallel.pixels) << threads;
    EXPECT_EQ(serial.labels, parallel.labels) << threads;
  }
}

TEST(Digits, DependOnSeedPartAndPlaceOnly) {
  const ImageSet few = generate_digits(DigitPart::train, 100, 1);
  const ImageSet more = generate_digits(DigitPart::train, 300, 1);
  EXPECT_TRUE(std::equal(few.pixels.begin(), few.pixels.end(), more.pixels.begin()));
  EXPECT_NE(few.pixels, generate_digits(DigitPart::test, 100, 1).pixels);
  EXPECT_NE(few.pixels, generate_digits(DigitPart::train, 100, 2).pixels);
  EXPECT_NE(few.pixels, generate_digits(DigitPart::train, 100, 1 + (std::uint64_t{1} << 32)).pixels);
}

TEST(Digits, AreMostlyPaperWithInkAwayFromTheBorder) {
  const ImageSet set = generate_digits(DigitPart::train, 2000, 1);
  std::array<double, 28> ink_by_row{};
  std::int64_t blank = 0;
  for (std::int64_t i = 0; i < set.count(); ++i) {
    const auto image = set.example(i);
    for (std::size_t at = 0; at < image.size(); ++at) {
      ink_by_row[at / 28] += image[at];
      blank += image[at] == 0 ? 1 : 0;
    }
    EXPECT_GT(std::accumulate(image.begin(), image.end(), 0), 255 * 8) << "image " << i << " is all but empty";
  }
  const double paper = static_cast<double>(blank) / (2000.0 * 784.0);
  EXPECT_GT(paper, 0.70);
  EXPECT_LT(paper, 0.90);
  EXPECT_GT(ink_by_row[14], 4 * ink_by_row[0]);
  EXPECT_GT(ink_by_row[14], 4 * ink_by_row[27]);
}

// The classes can be told apart, but not by their mean images: a nearest-mean classifier is right on more than half and
// wrong on more than a tenth.
TEST(Digits, CarryTheirLabelsAndAreNotTrivial) {
  const ImageSet train = generate_digits(DigitPart::train, 4000, 1);
  const ImageSet held_out = generate_digits(DigitPart::test, 1000, 1);
  std::array<std::array<double, 784>, 10> means{};
  const auto counts = label_histogram(train);
  for (std::int64_t i = 0; i < train.count(); ++i) {
    const std::size_t label = train.labels[static_cast<std::size_t>(i)];
    const auto image = train.example(i);
    for (std::size_t at = 0; at < 784; ++at) means[label][at] += image[at] / static_cast<double>(counts[label]);
  }
  int right = 0;
  for (std::int64_t i = 0; i < held_out.count(); ++i) {
    const auto image = held_out.example(i);
    std::array<double, 10> distance{};
    for (std::size_t label = 0; label < 10; ++label) {
      for (std::size_t at = 0; at < 784; ++at) {
        const double difference = image[at] - means[label][at];
        distance[label] += difference * difference;
      }
    }
    const auto nearest = std::min_element(distance.begin(), distance.end()) - distance.begin();
    right += nearest == held_out.labels[static_cast<std::size_t>(i)] ? 1 : 0;
  }
  EXPECT_GT(right, 500);
  EXPECT_LT(right, 900);
}

TEST(Digits, RefuseAnImpossibleCount) {
  EXPECT_THROW(generate_digits(DigitPart::train, 0, 1), UsageError);
  EXPECT_THROW(generate_digits(DigitPart::train, -5, 1), UsageError);
  EXPECT_THROW(generate_digits(DigitPart::train, std::int64_t{1} << 40, 1), UsageError);
}

// Compared unpacked: other versions of zlib may pack the same page differently.
TEST(Digits, LookLikeThePageInTheDocs) {
  const test::Bytes shown = test::read_bytes(DYADIC_SOURCE_DIR "/docs/images/digits.png");
  ASSERT_GT(shown.size(), 100U);
  ASSERT_LT(shown.size(), 60000U);
  const Page page = sample_page(generate_digits(DigitPart::train, 400, kDigitSeed), 20, 20);
  EXPECT_EQ(test::png_scan_lines(shown), test::png_scan_lines(png_bytes(page, 16)));
}

}  // namespace
}  // namespace dyadic
