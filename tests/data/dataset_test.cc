#include "dyadic/data/dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "dyadic/base/error.h"
#include "dyadic/base/sha256.h"
#include "dyadic/data/digits.h"
#include "dyadic/data/idx.h"
#include "tests/data/test_files.h"

namespace dyadic {
namespace {

using test::Bytes;
using test::message_of;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;

DataSet small_set(std::uint64_t seed) { return generate_digits_set(seed, 30, 20); }

TEST(DataSetTable, NamesEachSetOnceAndCompletely) {
  std::set<std::string> names;
  for (const DataSetRow& row : data_set_table()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_EQ(row.mirrors.empty(), row.make != nullptr) << row.name;
    EXPECT_EQ(row.mirrors.empty(), row.downloads.empty()) << row.name;
    EXPECT_NE(row.load, nullptr);
    EXPECT_NE(row.find, nullptr);
    for (const char* mirror : row.mirrors) {
      EXPECT_TRUE(std::string(mirror).starts_with("http")) << mirror;
      EXPECT_TRUE(std::string(mirror).ends_with("/")) << mirror;
    }
    for (const DataFile& file : row.files) {
      EXPECT_THAT(std::string(file.sha256).size(), AnyOf(0U, 64U)) << file.name;
      EXPECT_GT(file.bytes, 0) << file.name;
    }
    for (const DataDownload& file : row.downloads) {
      EXPECT_EQ(std::string(file.sha256).size(), 64U) << file.name;
      EXPECT_GT(file.bytes, 0) << file.name;
    }
  }
}

TEST(DataSetTable, SuggestsTheNearestName) {
  EXPECT_STREQ(data_set_row("mnist").name, "mnist");
  EXPECT_THAT(message_of<UsageError>([] { data_set_row("minst"); }),
              AllOf(HasSubstr("'minst'"), HasSubstr("did you mean 'mnist'")));
}

TEST(DataDirectory, PrefersTheOptionThenTheEnvironmentThenTheCurrentFolder) {
  const test::ScopedVariable set("DYADIC_DATA", "/from/environment");
  EXPECT_EQ(data_directory("given"), "given");
  EXPECT_EQ(data_directory(""), "/from/environment");
  const test::ScopedVariable empty("DYADIC_DATA", "");
  EXPECT_EQ(data_directory(""), "data");
  const test::ScopedVariable unset("DYADIC_DATA", nullptr);
  EXPECT_EQ(data_directory(""), "data");
}

class LoadDataSet : public ::testing::Test {
 protected:
  test::ScratchFolder folder_;
};

TEST_F(LoadDataSet, FindsFilesInTheDirectoryItselfAndBelowItsName) {
  const DataSet made = small_set(1);
  write_idx(made, folder_ / "itself");
  write_idx(made, folder_ / "root/mnist");
  for (const std::string& place : {folder_ / "itself", folder_ / "root"}) {
    const DataSet read = load_dataset("mnist", place);
    EXPECT_EQ(read.train.pixels, made.train.pixels);
    EXPECT_EQ(read.test.labels, made.test.labels);
    EXPECT_EQ(read.fingerprint, made.fingerprint);
    EXPECT_EQ(read.train.shape, (Shape{28, 28, 1}));
    EXPECT_EQ(read.train.classes, 10);
    EXPECT_EQ(read.train.name, "mnist train");
  }
  EXPECT_EQ(load_dataset("mnist", folder_ / "root").origin, folder_ / "root/mnist");
  const test::ScopedVariable variable("DYADIC_DATA", (folder_ / "root").c_str());
  EXPECT_EQ(load_dataset("mnist", "").fingerprint, made.fingerprint);
}

TEST_F(LoadDataSet, TakesFashionMnistOnlyFromAFolderOfItsName) {
  const DataSet made = small_set(4);
  write_idx(made, folder_ / "flat");
  EXPECT_THAT(
      message_of<MissingInputError>([&] { load_dataset("fashion-mnist", folder_ / "flat"); }),
      AllOf(HasSubstr("is not in " + (folder_ / "flat/fashion-mnist")), HasSubstr("`dyadic data get fashion-mnist`")));
  write_idx(made, folder_ / "root/fashion-mnist");
  EXPECT_EQ(load_dataset("fashion-mnist", folder_ / "root").fingerprint, made.fingerprint);
}

TEST_F(LoadDataSet, ReadsPackedFilesAndPrefersPlainOnes) {
  const DataSet made = small_set(1);
  write_idx(made, folder_ / "d");
  const std::string labels = folder_ / "d/train-labels-idx1-ubyte";
  test::write_bytes(labels + ".gz", test::gzipped(test::read_bytes(labels)));
  std::filesystem::remove(labels);
  EXPECT_EQ(load_dataset("mnist", folder_ / "d").fingerprint, made.fingerprint);
  Bytes other = made.train.labels;
  other[0] = static_cast<std::uint8_t>((other[0] + 1) % 10);
  test::write_bytes(labels, idx_bytes({30}, other));
  EXPECT_EQ(load_dataset("mnist", folder_ / "d").train.labels, other);
}

TEST_F(LoadDataSet, SaysWhatItLookedForAndHowToGetIt) {
  const auto names_both_places = AllOf(HasSubstr("mnist: train-images-idx3-ubyte"), HasSubstr(folder_ / "mnist"),
                                       HasSubstr("`dyadic data get mnist`"), HasSubstr("DYADIC_DATA"));
  EXPECT_THAT(message_of<MissingInputError>([&] { load_dataset("mnist", folder_.path()); }), names_both_places);
  EXPECT_THAT(message_of<MissingInputError>([&] { load_dataset("mnist", folder_ / "absent"); }),
              HasSubstr("absent: no such directory"));
  const test::ScopedVariable variable("DYADIC_DATA", (folder_ / "absent").c_str());
  EXPECT_THAT(message_of<MissingInputError>([&] { load_dataset("mnist", ""); }), HasSubstr("absent"));
  EXPECT_THROW(load_dataset("mnits", ""), UsageError);
}

TEST_F(LoadDataSet, NamesTheFirstFileThatIsMissing) {
  write_idx(small_set(1), folder_ / "d");
  std::filesystem::remove(folder_ / "d/t10k-labels-idx1-ubyte");
  EXPECT_THAT(message_of<MissingInputError>([&] { load_dataset("mnist", folder_ / "d"); }),
              HasSubstr("mnist: t10k-labels-idx1-ubyte (plain or .gz)"));
}

TEST_F(LoadDataSet, PassesOnWhatIsWrongInsideAFile) {
  write_idx(small_set(1), folder_ / "d");
  const std::string path = folder_ / "d/t10k-labels-idx1-ubyte";
  Bytes labels = test::read_bytes(path);
  labels[8 + 7] = 77;
  test::write_bytes(path, labels);
  EXPECT_THAT(message_of<FileFormatError>([&] { load_dataset("mnist", folder_ / "d"); }),
              AllOf(HasSubstr(path), HasSubstr("label 77 of example 7")));
}

TEST_F(LoadDataSet, FingerprintSeesEveryByteAndItsPlace) {
  const DataSet set = small_set(1);
  EXPECT_EQ(data_fingerprint(set.train, set.test), set.fingerprint);
  EXPECT_NE(data_fingerprint(set.test, set.train), set.fingerprint);
  DataSet changed = set;
  changed.test.labels.back() ^= 1;
  EXPECT_NE(data_fingerprint(changed.train, changed.test), set.fingerprint);
  changed = set;
  changed.train.pixels.front() ^= 1;
  EXPECT_NE(data_fingerprint(changed.train, changed.test), set.fingerprint);
}

TEST_F(LoadDataSet, TakesWrittenDigitsOnlyFromAFolderOfTheirName) {
  const DataSet other = small_set(9);
  write_idx(other, folder_ / "root/digits");
  EXPECT_EQ(load_dataset("digits", folder_ / "root").fingerprint, other.fingerprint);
  // A folder with another set's files under the same names is not the digits: they are generated.
  write_idx(other, folder_ / "flat");
  EXPECT_EQ(load_dataset("digits", folder_ / "flat").origin, "generated, seed 1");
  // Nor does a folder of the right name that is still empty make them so.
  std::filesystem::create_directories(folder_ / "flat/digits");
  EXPECT_THROW(load_dataset("digits", folder_ / "flat"), MissingInputError);
}

/// The data sets that users download; see the folder that DYADIC_DATA names.
class RealMnist : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* directory = std::getenv("DYADIC_DATA");
    if (directory == nullptr) GTEST_SKIP() << "DYADIC_DATA is not set: the real MNIST files are not tested";
    directory_ = directory;
  }
  std::string directory_;
};

TEST_F(RealMnist, HasThePublishedBytesAndCounts) {
  const DataSetRow& row = data_set_row("mnist");
  const DataSet set = load_dataset("mnist", directory_);
  EXPECT_EQ(set.train.count(), 60000);
  EXPECT_EQ(set.test.count(), 10000);
  EXPECT_EQ(sha256_hex(idx_bytes({60000, 28, 28}, set.train.pixels)), row.files[0].sha256);
  EXPECT_EQ(sha256_hex(idx_bytes({60000}, set.train.labels)), row.files[1].sha256);
  EXPECT_EQ(sha256_hex(idx_bytes({10000, 28, 28}, set.test.pixels)), row.files[2].sha256);
  EXPECT_EQ(sha256_hex(idx_bytes({10000}, set.test.labels)), row.files[3].sha256);
  EXPECT_EQ(label_histogram(set.train),
            (std::vector<std::int64_t>{5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949}));
  EXPECT_EQ(label_histogram(set.test),
            (std::vector<std::int64_t>{980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009}));
  EXPECT_EQ(Bytes(set.train.labels.begin(), set.train.labels.begin() + 10), (Bytes{5, 0, 4, 1, 9, 2, 1, 3, 1, 4}));
  // Mean and deviation of the training pixels in units of 255, as everybody quotes them.
  double sum = 0;
  double squares = 0;
  for (const std::uint8_t pixel : set.train.pixels) {
    sum += pixel;
    squares += pixel * pixel;
  }
  const double count = 255.0 * static_cast<double>(set.train.pixels.size());
  const double mean = sum / count;
  EXPECT_NEAR(mean, 0.1307, 0.00005);
  EXPECT_NEAR(std::sqrt(squares / (255.0 * count) - mean * mean), 0.3081, 0.00005);
}

TEST(DataSetTable, TakesSvhnWithAndWithoutItsExtraFile) {
  const DataSetRow& svhn = data_set_row("svhn");
  EXPECT_TRUE(has_published_counts(svhn, 604388, 26032));
  EXPECT_TRUE(has_published_counts(svhn, 73257, 26032));
  EXPECT_FALSE(has_published_counts(svhn, 73257, 26031));
  EXPECT_FALSE(has_published_counts(svhn, 73256, 26032));
  EXPECT_FALSE(has_published_counts(data_set_row("mnist"), 0, 10000));
}

}  // namespace
}  // namespace dyadic
