#include "dyadic/data/svhn.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <matio.h>

#include "dyadic/base/error.h"
#include "tests/data/svhn_files.h"
#include "tests/data/test_files.h"

namespace dyadic {
namespace {

using test::Bytes;
using test::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

/// Value of image `n` at row y, column x: told apart from all its neighbours.
std::uint8_t value_at(std::size_t n, std::size_t y, std::size_t x, std::size_t colour) {
  return static_cast<std::uint8_t>(n * 101 + y * 7 + x * 3 + colour * 50);
}

void write_mat(const std::string& path, std::size_t first, const std::vector<double>& labels, bool labels_first = false,
               std::size_t images = 0, std::size_t side = 32) {
  const auto pixel = [first](std::size_t n, std::size_t y, std::size_t x, std::size_t colour) {
    return value_at(first + n, y, x, colour);
  };
  test::write_svhn_mat(path, pixel, images == 0 ? labels.size() : images, labels, labels_first, side);
}

class Svhn : public ::testing::Test {
 protected:
  DataSet read(const SvhnValidation& validation = {}) {
    const DataSetRow& row = data_set_row("svhn");
    return read_svhn_files(row, find_svhn(row, folder_.path()), validation);
  }
  /// Which images a part holds, recognised by their first value.
  static std::vector<int> images(const ImageSet& set) {
    std::vector<int> found;
    for (std::int64_t i = 0; i < set.count(); ++i) {
      for (int n = 0; n < 100; ++n) {
        if (set.example(i)[0] == value_at(static_cast<std::size_t>(n), 0, 0, 0)) {
          found.push_back(n);
          break;
        }
      }
    }
    return found;
  }
  test::ScratchFolder folder_;
};

TEST_F(Svhn, TurnsColumnsIntoRowsAndTenIntoZero) {
  write_mat(folder_ / "train_32x32.mat", 0, {10, 3, 9});
  write_mat(folder_ / "test_32x32.mat", 50, {1}, true);
  const DataSet set = read({.from_train = 0, .from_extra = 0});
  EXPECT_EQ(set.train.labels, (Bytes{0, 3, 9}));
  EXPECT_EQ(set.test.labels, (Bytes{1}));
  EXPECT_EQ(set.train.shape, (Shape{32, 32, 3}));
  const auto image = set.train.example(2);
  for (std::size_t y = 0; y < 32; ++y) {
    for (std::size_t x = 0; x < 32; ++x) {
      for (std::size_t colour = 0; colour < 3; ++colour) {
        ASSERT_EQ(image[(y * 32 + x) * 3 + colour], value_at(2, y, x, colour));
      }
    }
  }
}

TEST_F(Svhn, PutsTheLastOfEachClassAtTheEndForValidation) {
  write_mat(folder_ / "train_32x32.mat", 0, {1, 2, 1, 1, 2});
  write_mat(folder_ / "extra_32x32.mat", 10, {2, 2, 1, 1});
  write_mat(folder_ / "test_32x32.mat", 50, {5, 4});
  const DataSet set = read({.from_train = 2, .from_extra = 1});
  // train: class 1 is 0 2 3, of which 2 and 3 go; class 2 is 1 4, both go. extra: 11 and 13 go.
  EXPECT_EQ(images(set.train), (std::vector<int>{0, 10, 12, 1, 2, 3, 4, 11, 13}));
  EXPECT_EQ(set.train.labels, (Bytes{1, 2, 1, 2, 1, 1, 2, 2, 1}));
  EXPECT_EQ(images(set.test), (std::vector<int>{50, 51}));
}

TEST_F(Svhn, DoesWithoutExtra) {
  write_mat(folder_ / "train_32x32.mat", 0, {1, 2, 1});
  write_mat(folder_ / "test_32x32.mat", 50, {5});
  EXPECT_EQ(images(read({.from_train = 1, .from_extra = 1}).train), (std::vector<int>{0, 1, 2}));
  std::filesystem::remove(folder_ / "test_32x32.mat");
  EXPECT_THAT(message_of<MissingInputError>([&] { read(); }),
              AllOf(HasSubstr("test_32x32.mat"), HasSubstr("`dyadic data get svhn`")));
}

TEST_F(Svhn, RefusesWhatIsNotTheSet) {
  write_mat(folder_ / "test_32x32.mat", 50, {5});
  const std::string path = folder_ / "train_32x32.mat";
  const auto refusal = [&] { return message_of<FileFormatError>([&] { read(); }); };
  write_mat(path, 0, {1, 11, 2});
  EXPECT_THAT(refusal(), AllOf(HasSubstr(path), HasSubstr("label 11 of example 1, expected 1..10")));
  write_mat(path, 0, {1, 0, 2});
  EXPECT_THAT(refusal(), HasSubstr("label 0 of example 1"));
  write_mat(path, 0, {1, 2}, false, 3);
  EXPECT_THAT(refusal(), HasSubstr("3 images in X but 2 labels in y"));
  write_mat(path, 0, {1, 2}, false, 2, 16);
  EXPECT_THAT(refusal(), HasSubstr("expected 32x32x3xN"));
  mat_t* file = Mat_CreateVer(path.c_str(), nullptr, MAT_FT_MAT5);
  Mat_Close(file);
  EXPECT_THAT(refusal(), HasSubstr("no array X"));
}

}  // namespace
}  // namespace dyadic
