#include "dyadic/data/scenes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "dyadic/base/error.h"
#include "dyadic/base/parallel.h"
#include "dyadic/data/catalog.h"
#include "dyadic/data/image_page.h"
#include "tests/data/png.h"
#include "tests/data/test_files.h"

namespace dyadic {
namespace {

// One changed bit anywhere in the generator is another data set: change this hash, those in dataset_table.cc and
// docs/images/scenes.png only on purpose.
TEST(Scenes, AreTheSameOnEveryMachine) {
  const DataSet set = generate_scenes_set(kDefaultSeed, 2000, 500);
  EXPECT_EQ(set.fingerprint, "8115af0b31ae456bb1bc39cdc43e88b292b49db7a78be033ddb9f0b3bf79dd6b");
  EXPECT_EQ(set.train.shape, (Shape{32, 32, 3}));
  // Classes are drawn evenly: 200 expected, deviation 13.4; five deviations.
  for (const std::int64_t count : label_histogram(set.train)) EXPECT_NEAR(static_cast<double>(count), 200, 67);
}

TEST(Scenes, DependOnSeedPartAndPlaceOnly) {
  const int before = thread_count();
  set_thread_count(1);
  const ImageSet few = generate_scenes(ScenePart::train, 100, 1);
  set_thread_count(3);
  const ImageSet more = generate_scenes(ScenePart::train, 200, 1);
  set_thread_count(before);
  EXPECT_TRUE(std::equal(few.pixels.begin(), few.pixels.end(), more.pixels.begin()));
  EXPECT_NE(few.pixels, generate_scenes(ScenePart::test, 100, 1).pixels);
  EXPECT_NE(few.pixels, generate_scenes(ScenePart::train, 100, 2).pixels);
  EXPECT_THROW(generate_scenes(ScenePart::train, 0, 1), UsageError);
}

// Colours and light carry no hint: the mean of an image tells nothing about its class.
TEST(Scenes, HideTheDigitInColourAndLight) {
  const ImageSet set = generate_scenes(ScenePart::train, 4000, 1);
  std::vector<double> sums(10, 0.0);
  double all = 0;
  double squares = 0;
  for (std::int64_t i = 0; i < set.count(); ++i) {
    const auto image = set.example(i);
    const double mean = std::accumulate(image.begin(), image.end(), 0.0) / static_cast<double>(image.size());
    sums[set.labels[static_cast<std::size_t>(i)]] += mean;
    all += mean;
    squares += mean * mean;
  }
  all /= 4000;
  const double deviation = std::sqrt(squares / 4000 - all * all);
  EXPECT_GT(deviation, 20);
  const auto counts = label_histogram(set);
  for (std::size_t label = 0; label < 10; ++label) {
    EXPECT_NEAR(sums[label] / static_cast<double>(counts[label]), all, deviation / 4) << label;
  }
}

// Compared unpacked: other versions of zlib may pack the same page differently.
TEST(Scenes, LookLikeThePageInTheDocs) {
  const test::Bytes shown = test::read_bytes(DYADIC_SOURCE_DIR "/docs/images/scenes.png");
  ASSERT_GT(shown.size(), 100U);
  const Page page = sample_page(generate_scenes(ScenePart::train, 96, kDefaultSeed), 16, 6);
  EXPECT_EQ(test::png_scan_lines(shown), test::png_scan_lines(png_bytes(page, 16)));
}

TEST(Scenes, AreWrittenInTheFormOfCifarAndReadBack) {
  const test::ScratchFolder folder;
  // The default seed: the table has the hashes of its files.
  EXPECT_EQ(make_data("scenes", "", kDefaultSeed, folder.path()), folder / "scenes");
  EXPECT_TRUE(check_data("scenes", folder.path()).ok);
  const DataSet read = load_dataset("scenes", folder.path());
  EXPECT_EQ(read.origin, folder / "scenes");
  EXPECT_EQ(read.train.count(), kSceneTrainCount);
  const ImageSet made = generate_scenes(ScenePart::test, 20, kDefaultSeed);
  EXPECT_TRUE(std::equal(made.pixels.begin(), made.pixels.end(), read.test.pixels.begin()));
  EXPECT_TRUE(std::equal(made.labels.begin(), made.labels.end(), read.test.labels.begin()));
}

}  // namespace
}  // namespace dyadic
