#include "dyadic/data/cifar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dyadic/base/error.h"
#include "dyadic/base/sha256.h"
#include "tests/data/packed.h"
#include "tests/data/test_files.h"

namespace dyadic {
namespace {

using test::Bytes;
using test::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr std::int64_t kRecords = 3;
constexpr std::size_t kRecordBytes = 3073;
const std::vector<std::string> kNames = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                         "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"};

/// Every byte depends on file, record and place.
Bytes batch(std::size_t file) {
  Bytes bytes;
  for (std::size_t record = 0; record < kRecords; ++record) {
    bytes.push_back(static_cast<std::uint8_t>((file + record) % 10));
    for (std::size_t at = 0; at < kRecordBytes - 1; ++at) {
      bytes.push_back(static_cast<std::uint8_t>(file * 50 + record * 7 + at * 3 + at / 256));
    }
  }
  return bytes;
}

class Cifar : public ::testing::Test {
 protected:
  void write_all(const std::string& folder) {
    std::filesystem::create_directories(folder);
    for (std::size_t file = 0; file < 6; ++file) test::write_bytes(folder + "/" + kNames[file], batch(file));
  }
  DataSet read(const std::string& directory) {
    const DataSetRow& row = data_set_row("cifar10");
    return read_cifar_files(row, find_cifar10(row, directory), kRecords);
  }
  std::string refusal(const std::string& directory) {
    return message_of<FileFormatError>([&] { read(directory); });
  }
  test::ScratchFolder folder_;
};

TEST_F(Cifar, PutsThePlanesOfAPixelTogether) {
  write_all(folder_ / "cifar10");
  const DataSet set = read(folder_.path());
  EXPECT_EQ(set.origin, folder_ / "cifar10");
  ASSERT_EQ(set.train.count(), 15);
  ASSERT_EQ(set.test.count(), 3);
  EXPECT_EQ(set.train.shape, (Shape{32, 32, 3}));
  EXPECT_EQ(set.train.labels[3 * 4 + 2], 6);
  for (const auto& [part, example, file] : {std::tuple(&set.train, 7, 2), std::tuple(&set.test, 1, 5)}) {
    const Bytes bytes = batch(static_cast<std::size_t>(file));
    const auto image = part->example(example);
    for (std::size_t at = 0; at < 1024; ++at) {
      for (std::size_t colour = 0; colour < 3; ++colour) {
        ASSERT_EQ(image[3 * at + colour], bytes[kRecordBytes + 1 + colour * 1024 + at]) << at;
      }
    }
  }
}

TEST_F(Cifar, ReadsPackedBatchesAndArchivesToTheSameSet) {
  write_all(folder_ / "plain");
  const std::string expected = read(folder_ / "plain").fingerprint;
  std::filesystem::create_directories(folder_ / "packed/cifar10");
  test::Tar tar;
  tar.add("cifar-10-batches-bin/", {}, '5').add("cifar-10-batches-bin/readme.html", Bytes(77, 'r'));
  for (const std::size_t file : {4U, 0U, 5U, 1U, 2U, 3U}) {
    const Bytes packed = file % 2 == 0 ? test::gzipped(batch(file)) : test::xz_packed(batch(file));
    test::write_bytes(folder_ / "packed/cifar10/" + kNames[file] + (file % 2 == 0 ? ".gz" : ".xz"), packed);
    tar.add("cifar-10-batches-bin/" + kNames[file], batch(file));
  }
  EXPECT_EQ(read(folder_ / "packed").fingerprint, expected);
  std::filesystem::create_directories(folder_ / "archive");
  test::write_bytes(folder_ / "archive/cifar-10-binary.tar.gz", test::gzipped(tar.finished()));
  EXPECT_EQ(read(folder_ / "archive").fingerprint, expected);
  write_all(folder_ / "unpacked/cifar-10-batches-bin");
  EXPECT_EQ(read(folder_ / "unpacked").fingerprint, expected);
}

TEST_F(Cifar, WritesWhatItReads) {
  write_all(folder_ / "a");
  write_cifar(read(folder_ / "a"), folder_ / "b/c");
  for (std::size_t file = 0; file < 6; ++file)
    EXPECT_EQ(test::read_bytes(folder_ / "b/c/" + kNames[file]), batch(file));
  DataSet grey = read(folder_ / "a");
  grey.test.shape = {32, 96, 1};
  EXPECT_THROW(write_cifar(grey, folder_ / "d"), ShapeError);
}

TEST_F(Cifar, NamesFileAndRecordOfWhatIsWrong) {
  write_all(folder_.path());
  const std::string path = folder_ / kNames[2];
  Bytes bytes = batch(2);
  bytes.resize(2 * kRecordBytes + 100);
  test::write_bytes(path, bytes);
  EXPECT_THAT(refusal(folder_.path()), AllOf(HasSubstr(path), HasSubstr("record 2: 100 of 3073 bytes")));
  bytes.resize(2 * kRecordBytes);
  test::write_bytes(path, bytes);
  EXPECT_THAT(refusal(folder_.path()), HasSubstr("2 records, expected 3"));
  bytes = batch(2);
  bytes.push_back(0);
  test::write_bytes(path, bytes);
  EXPECT_THAT(refusal(folder_.path()), HasSubstr("more than the expected 3 records"));
  bytes = batch(2);
  bytes[kRecordBytes] = 10;
  test::write_bytes(path, bytes);
  EXPECT_THAT(refusal(folder_.path()), AllOf(HasSubstr(path), HasSubstr("record 1: label 10, expected 0..9")));
}

TEST_F(Cifar, RefusesOneBatchUnderTwoNames) {
  write_all(folder_.path());
  test::write_bytes(folder_ / kNames[3], batch(1));
  EXPECT_THAT(refusal(folder_.path()), AllOf(HasSubstr("data_batch_2.bin: the same records as data_batch_4.bin")));
}

TEST_F(Cifar, RefusesAnArchiveWithoutABatchOrWithOneTwice) {
  const std::string path = folder_ / "cifar-10-binary.tar.gz";
  test::Tar tar;
  for (std::size_t file = 0; file < 5; ++file) tar.add(kNames[file], batch(file));
  test::write_bytes(path, test::gzipped(tar.finished()));
  EXPECT_THAT(refusal(folder_.path()), AllOf(HasSubstr(path), HasSubstr("holds no test_batch.bin")));
  tar.add("again/" + kNames[1], batch(1));
  test::write_bytes(path, test::gzipped(tar.finished()));
  EXPECT_THAT(refusal(folder_.path()), HasSubstr("again/data_batch_2.bin: the archive holds this file twice"));
}

TEST_F(Cifar, SaysThatPicklesAreNotRead) {
  for (const std::string name : {"data_batch_1", "cifar-10-python.tar.gz"}) {
    test::write_bytes(folder_ / name, {1});
    EXPECT_THAT(message_of<MissingInputError>([&] { read(folder_.path()); }),
                AllOf(HasSubstr("pickle"), HasSubstr("`dyadic data get cifar10`")))
        << name;
    std::filesystem::remove(folder_ / name);
  }
  test::write_bytes(folder_ / kNames[0], batch(0));
  EXPECT_THAT(message_of<MissingInputError>([&] { read(folder_.path()); }), HasSubstr("data_batch_2.bin"));
}

TEST(RealCifar, HasTheKnownCountsAndMeans) {
  const char* directory = std::getenv("DYADIC_DATA");
  if (directory == nullptr) GTEST_SKIP() << "DYADIC_DATA is not set: the real CIFAR-10 is not tested";
  if (!std::filesystem::is_directory(std::filesystem::path(directory) / "cifar10")) {
    GTEST_SKIP() << "DYADIC_DATA has no folder cifar10: the real CIFAR-10 is not tested";
  }
  const DataSet set = load_dataset("cifar10", directory);
  EXPECT_EQ(label_histogram(set.train), std::vector<std::int64_t>(10, 5000));
  EXPECT_EQ(label_histogram(set.test), std::vector<std::int64_t>(10, 1000));
  EXPECT_EQ(Bytes(set.train.labels.begin(), set.train.labels.begin() + 10), (Bytes{6, 9, 9, 4, 1, 1, 2, 7, 8, 3}));
  std::array<double, 3> sums{};
  for (std::size_t i = 0; i < set.train.pixels.size(); ++i) sums[i % 3] += set.train.pixels[i];
  const double count = 255.0 * 50000 * 1024;
  EXPECT_NEAR(sums[0] / count, 0.4914, 0.0001);
  EXPECT_NEAR(sums[1] / count, 0.4822, 0.0001);
  EXPECT_NEAR(sums[2] / count, 0.4465, 0.0001);
}

}  // namespace
}  // namespace dyadic
