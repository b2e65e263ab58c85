// `data make svhn-lcn` from .mat files to the values that training reads.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <filesystem>
#include <stdexcept>

#include "dyadic/base/error.h"
#include "dyadic/base/parallel.h"
#include "dyadic/base/philox.h"
#include "dyadic/data/catalog.h"
#include "tests/data/contrast_reference.h"
#include "tests/data/svhn_files.h"

namespace dyadic {
namespace {

using test::Bytes;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

constexpr std::size_t kExtra = 1000;  // number of the first image of `extra`, of `test` below
constexpr std::size_t kTest = 2000;

/// Noise of full, of little and of no contrast, and one value that differs: most of its channels lie below 1e-4.
std::uint8_t pixel(std::size_t image, std::size_t y, std::size_t x, std::size_t colour) {
  const std::size_t at = (y * 32 + x) * 3 + colour;
  const auto noise = static_cast<std::uint8_t>(random_bits({image, 0, 0}, at, 8));
  switch (image % 4) {
    case 0: return noise;
    case 1: return static_cast<std::uint8_t>(100 + noise % 4);
    case 2: return 77;
    default: return at == 1500 ? 201 : 200;
  }
}

class SvhnLcn : public ::testing::Test {
 protected:
  void write(const std::vector<double>& train, const std::vector<double>& extra) {
    const auto write_file = [&](const char* name, std::size_t first, const std::vector<double>& labels) {
      test::write_svhn_mat(
          folder_ / name, [first](std::size_t n, auto... place) { return pixel(first + n, place...); }, labels.size(),
          labels);
    };
    fs::create_directories(folder_ / "svhn");
    write_file("svhn/train_32x32.mat", 0, train);
    write_file("svhn/extra_32x32.mat", kExtra, extra);
    write_file("svhn/test_32x32.mat", kTest, {7, 10, 1, 3, 9});
  }
  void make(const std::function<void(const std::string&)>& note = {}) {
    make_data("svhn-lcn", folder_.path(), kDefaultSeed, {}, note);
  }
  void expect_no_set() {
    EXPECT_THROW(load_dataset("svhn-lcn", folder_.path()), MissingInputError);
    for (const DataListing& row : list_data(folder_.path())) {
      EXPECT_TRUE(row.name != "svhn-lcn" || row.location.empty());
    }
  }
  test::ScratchFolder folder_;
  std::string file_ = folder_ / "svhn-lcn/svhn-lcn.safetensors";
};

// One rounding to float32 is at most 2^-24 of a value. Before it there is float64: a variance of 3072 squares under a
// root, the mean of 1024 roots on either side, windows of 49 taps, a sum of n terms good to n * 2^-53 of itself: less
// than 4000 * 2^-53 in all, of numbers below 6, because the middle tap weighs 1/21.4 and the root of 21.4 is 4.7.
TEST_F(SvhnLcn, HoldsTheValuesOfItsDefinitionInTheOrderOfSvhn) {
  // Of a class of train 400 examples are for validation, 200 of extra: all but one.
  std::vector<double> train(401, 1);
  train.insert(train.begin() + 5, 10);
  write(train, std::vector<double>(201, 2));
  make();
  const DataSet set = load_dataset("svhn-lcn", folder_.path());
  EXPECT_EQ(set.name, "svhn-lcn");
  EXPECT_EQ(set.train.shape, (Shape{32, 32, 3}));
  ASSERT_EQ(set.train.count(), 603);
  ASSERT_EQ(set.test.count(), 5);
  Bytes labels(603, 1);
  labels[1] = 2;
  labels[6] = 0;  // the sixth of train, after the two that are not for validation
  std::fill(labels.begin() + 403, labels.end(), std::uint8_t{2});
  EXPECT_EQ(set.train.labels, labels);
  EXPECT_EQ(set.test.labels, (Bytes{7, 0, 1, 3, 9}));

  const auto expect_image = [&set](const ImageSet& part, std::int64_t example, std::size_t image) {
    Bytes bytes;
    for (std::size_t i = 0; i < 3072; ++i) bytes.push_back(pixel(image, i / 96, i / 3 % 32, i % 3));
    const auto expected = test::locally_normalised(set.train.shape, test::globally_normalised(bytes, 10));
    const auto values = part.example_values(example);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      ASSERT_NEAR(values[i], expected[i], 0x1p-24 * std::abs(expected[i]) + 3e-12) << image << " " << i;
    }
  };
  expect_image(set.train, 0, 0);
  expect_image(set.train, 1, kExtra);
  for (const std::size_t image : {1, 2, 3, 200, 400, 401}) {
    expect_image(set.train, static_cast<std::int64_t>(image + 1), image);
  }
  for (const std::size_t image : {1, 2, 200}) {
    expect_image(set.train, static_cast<std::int64_t>(image + 402), kExtra + image);
  }
  for (const std::size_t image : {0, 1, 2, 3, 4})
    expect_image(set.test, static_cast<std::int64_t>(image), kTest + image);
}

TEST_F(SvhnLcn, ThatIsInterruptedIsNeverUsed) {
  write({1, 2, 3}, {4, 5});
  const auto stop = [](const std::string& text) {
    if (text.find("test images") != std::string::npos) throw std::runtime_error("stopped");
  };
  EXPECT_THROW(make(stop), std::runtime_error);
  EXPECT_FALSE(fs::exists(folder_ / "svhn-lcn"));
  expect_no_set();
}

TEST_F(SvhnLcn, ThatIsKilledIsNeverUsedAndMadeAgainToTheSameBytes) {
  write({1, 2, 3}, {4, 5});
  make();
  const Bytes whole = test::read_bytes(file_);
  fs::remove_all(folder_ / "svhn-lcn");
  const pid_t child = ::fork();
  if (child == 0) {
    set_thread_count(1);  // no worker outlives a fork
    make([](const std::string& text) {
      if (text.find("test images") != std::string::npos) ::raise(SIGKILL);
    });
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status)) << "all training images were written by then";
  EXPECT_FALSE(fs::is_empty(folder_ / "svhn-lcn"));
  expect_no_set();
  const int before = thread_count();
  set_thread_count(3);
  make();
  set_thread_count(before);
  EXPECT_EQ(test::read_bytes(file_), whole);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "svhn-lcn"), {}), 1);
}

}  // namespace
}  // namespace dyadic
