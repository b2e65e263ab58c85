#include "dyadic/data/idx.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <string>
#include <utility>

#include "dyadic/base/error.h"
#include "tests/data/test_files.h"

namespace dyadic {
namespace {

using test::Bytes;
using test::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::size_t kImageHeader = 16;

Bytes three_images() {
  Bytes values(3 * 4);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::uint8_t>(10 * i + 1);
  return idx_bytes({3, 2, 2}, values);
}

IdxArray parse(const Bytes& bytes, const Shape& expected = {0, 2, 2}) {
  return read_idx(FileStream("f.idx", bytes), expected);
}

/// Reads bytes that are wrong, plain and packed; returns both messages.
std::pair<std::string, std::string> complaints(const Bytes& bytes, const Shape& expected = {0, 2, 2}) {
  return {message_of<FileFormatError>([&] { parse(bytes, expected); }),
          message_of<FileFormatError>([&] { parse(test::gzipped(bytes), expected); })};
}

void expect_one_line_naming_the_file(const std::string& message) {
  EXPECT_THAT(message, AllOf(::testing::StartsWith("f.idx: "), Not(HasSubstr("\n"))));
}

TEST(Idx, ReadsShapeAndValuesInOrderPlainAndPacked) {
  for (const Bytes& file : {three_images(), test::gzipped(three_images())}) {
    const IdxArray array = parse(file);
    EXPECT_EQ(array.shape, (Shape{3, 2, 2}));
    ASSERT_EQ(array.values.size(), 12U);
    for (std::size_t i = 0; i < 12; ++i) EXPECT_EQ(array.values[i], 10 * i + 1);
  }
}

TEST(Idx, WritesTheHeaderBigEndian) {
  EXPECT_EQ(idx_bytes({258}, {7}), (Bytes{0, 0, 8, 1, 0, 0, 1, 2, 7}));
  Bytes header = three_images();
  header.resize(8);
  EXPECT_EQ(header, (Bytes{0, 0, 8, 3, 0, 0, 0, 3}));
}

TEST(Idx, RefusesAnotherMagicNumber) {
  Bytes bytes = three_images();
  bytes[2] = 0x0D;  // floats
  for (const std::string& message : {complaints(bytes).first, complaints(bytes).second}) {
    expect_one_line_naming_the_file(message);
    EXPECT_THAT(message, AllOf(HasSubstr("at byte 0"), HasSubstr("0x00000D03"), HasSubstr("expected 0x00000803")));
  }
  EXPECT_THAT(complaints(three_images(), {0}).first, HasSubstr("expected 0x00000801"));
}

TEST(Idx, RefusesTheWrongImageSizeAndEmptySets) {
  EXPECT_THAT(complaints(three_images(), {0, 28, 28}).first,
              AllOf(HasSubstr("at byte 8"), HasSubstr("extent 2 of dimension 1, expected 28")));
  const Bytes empty = idx_bytes({0, 2, 2}, {});
  EXPECT_THAT(complaints(empty).first, AllOf(HasSubstr("at byte 4"), HasSubstr("extent 0 of dimension 0")));
  EXPECT_THAT(complaints(empty).second, HasSubstr("extent 0 of dimension 0"));
}

TEST(Idx, RefusesEveryTruncationPlain) {
  const Bytes whole = three_images();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    const std::string message = message_of<FileFormatError>([&] { parse(cut); });
    expect_one_line_naming_the_file(message);
    EXPECT_THAT(message, HasSubstr("truncated")) << size;
    if (size >= kImageHeader) {
      EXPECT_THAT(message, HasSubstr("holds only " + std::to_string(size - kImageHeader)));
    }
  }
}

TEST(Idx, RefusesEveryTruncationOfThePackedFile) {
  const Bytes whole = test::gzipped(three_images());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    expect_one_line_naming_the_file(message_of<FileFormatError>([&] { parse(cut); }));
  }
  const Bytes half(whole.begin(), whole.end() - 12);
  EXPECT_THAT(message_of<FileFormatError>([&] { parse(half); }), HasSubstr("truncated"));
}

TEST(Idx, RefusesAPackedFileWhoseContentIsTruncated) {
  Bytes cut = three_images();
  cut.resize(cut.size() - 5);
  EXPECT_THAT(message_of<FileFormatError>([&] { parse(test::gzipped(cut)); }),
              AllOf(HasSubstr("at byte 23 of the unpacked data"), HasSubstr("expected 28 bytes")));
}

TEST(Idx, NeverTakesAFlippedBitOfThePackedFileForContent) {
  const Bytes whole = test::gzipped(three_images());
  const IdxArray right = parse(whole);
  int refused = 0;
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    Bytes flipped = whole;
    flipped[bit / 8] = static_cast<std::uint8_t>(flipped[bit / 8] ^ 1U << bit % 8);
    try {
      const IdxArray array = parse(flipped);
      // Time, system and padding bits mean nothing; all others are covered by the checksum.
      EXPECT_EQ(array.shape, right.shape) << bit;
      EXPECT_EQ(array.values, right.values) << bit;
    } catch (const FileFormatError& error) {
      EXPECT_THAT(error.what(), ::testing::StartsWith("f.idx: ")) << bit;
      ++refused;
    }
  }
  // 6 bytes of header, at most 7 bits of padding and the text flag may be anything.
  EXPECT_GE(refused, static_cast<int>(whole.size() * 8 - 6 * 8 - 7 - 1));
}

TEST(Idx, RefusesSurplusBytes) {
  Bytes longer = three_images();
  longer.push_back(0);
  EXPECT_THAT(complaints(longer).first, AllOf(HasSubstr("at byte 28"), HasSubstr("surplus")));
  EXPECT_THAT(complaints(longer).second, AllOf(HasSubstr("at byte 28 of the unpacked data"), HasSubstr("surplus")));
}

TEST(Idx, RefusesAnythingAfterTheGzipMember) {
  for (const Bytes& extra : {Bytes{0}, Bytes{'x', 'y'}, test::gzipped({1})}) {
    Bytes packed = test::gzipped(three_images());
    packed.insert(packed.end(), extra.begin(), extra.end());
    EXPECT_THAT(message_of<FileFormatError>([&] { parse(packed); }), HasSubstr("trailing bytes after the gzip member"));
  }
}

/// Most memory this process ever held, in bytes.
std::int64_t peak_memory() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss * 1024L;
}

TEST(Idx, TakesNoMemoryForAHeaderThatLies) {
  const std::int64_t before = peak_memory();
  // 1.8 GB within the limit on values, far more than the file can hold.
  Bytes lie = idx_bytes({60000, 200, 150}, {1, 2, 3});
  const auto expected = Shape{0, 200, 150};
  EXPECT_THAT(complaints(lie, expected).first,
              AllOf(HasSubstr("declares 1800000000 values"), HasSubstr("holds only 3")));
  EXPECT_THAT(complaints(lie, expected).second, AllOf(HasSubstr("declares 1800000000 values"), HasSubstr("less than")));
  // More values than any file may have, and more than 64 bits count.
  EXPECT_THAT(complaints(idx_bytes({0xFFFFFFFF, 1, 1}, {}), {0, 1, 1}).first, HasSubstr("at most 2147483648 are read"));
  EXPECT_THAT(complaints(idx_bytes({0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF}, {}), {0, 0, 0}).first, HasSubstr("at most"));
  EXPECT_LT(peak_memory() - before, std::int64_t{64} << 20);
}

TEST(Idx, UnpacksNoMoreOfABombThanItsHeaderDeclares) {
  Bytes bomb = three_images();
  bomb.resize(std::size_t{16} << 20, 0);  // 16 MiB of zeros behind three images
  const Bytes packed = test::gzipped(bomb);
  ASSERT_LT(packed.size(), std::size_t{1} << 16);
  EXPECT_THAT(message_of<FileFormatError>([&] { parse(packed); }), HasSubstr("surplus"));
  FileStream stream("f.idx", packed);
  Bytes declared(three_images().size());
  stream.read(declared);
  EXPECT_THROW(stream.expect_end(), FileFormatError);
  EXPECT_EQ(stream.offset(), static_cast<std::int64_t>(declared.size()));
}

TEST(Idx, SaysMissingWhenThereIsNoFileAndRefusesWhatIsNotAFile) {
  const test::ScratchFolder folder;
  EXPECT_THAT(message_of<MissingInputError>([&] { read_idx(folder / "absent", {0}); }), HasSubstr("absent"));
  EXPECT_THAT(message_of<FileFormatError>([&] { read_idx(folder.path(), {0}); }), HasSubstr("not a regular file"));
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(message_of<FileFormatError>([&] { read_idx(folder / "pipe", {0}); }), HasSubstr("not a regular file"));
}

class IdxPair : public ::testing::Test {
 protected:
  ImageSet read(const Bytes& images, const Bytes& labels) {
    test::write_bytes(folder_ / "images", images);
    test::write_bytes(folder_ / "labels", labels);
    return read_idx_images(folder_ / "images", folder_ / "labels", {2, 2, 1}, 10);
  }
  test::ScratchFolder folder_;
};

TEST_F(IdxPair, BecomesAnImageSet) {
  const ImageSet set = read(three_images(), idx_bytes({3}, {9, 0, 5}));
  EXPECT_EQ(set.count(), 3);
  EXPECT_EQ(set.values(), 4);
  EXPECT_EQ(set.shape, (Shape{2, 2, 1}));
  EXPECT_EQ(set.labels, (Bytes{9, 0, 5}));
  EXPECT_EQ(set.example(1)[0], 41);
  EXPECT_EQ(label_histogram(set), (std::vector<std::int64_t>{1, 0, 0, 0, 0, 1, 0, 0, 0, 1}));
}

TEST_F(IdxPair, MustHaveAsManyLabelsAsImages) {
  EXPECT_THAT(message_of<FileFormatError>([&] {
                read(three_images(), idx_bytes({2}, {1, 2}));
              }),
              AllOf(HasSubstr("images: 3 images"), HasSubstr("labels holds 2 labels")));
}

TEST_F(IdxPair, MustHaveLabelsBelowTheNumberOfClasses) {
  EXPECT_THAT(message_of<FileFormatError>([&] {
                read(three_images(), idx_bytes({3}, {9, 10, 5}));
              }),
              AllOf(HasSubstr("labels: at byte 9: label 10 of example 1"), HasSubstr("expected 0..9")));
}

TEST_F(IdxPair, AreWrittenAndReadBackUnchanged) {
  DataSet set;
  set.train = read(three_images(), idx_bytes({3}, {9, 0, 5}));
  set.test = read(idx_bytes({1, 2, 2}, {4, 3, 2, 1}), idx_bytes({1}, {7}));
  const std::string folder = folder_ / "made/here";
  write_idx(set, folder);
  const ImageSet train =
      read_idx_images(folder + "/train-images-idx3-ubyte", folder + "/train-labels-idx1-ubyte", {2, 2, 1}, 10);
  const ImageSet held_out =
      read_idx_images(folder + "/t10k-images-idx3-ubyte", folder + "/t10k-labels-idx1-ubyte", {2, 2, 1}, 10);
  EXPECT_EQ(train.pixels, set.train.pixels);
  EXPECT_EQ(train.labels, set.train.labels);
  EXPECT_EQ(held_out.pixels, set.test.pixels);
  EXPECT_EQ(held_out.labels, set.test.labels);
}

}  // namespace
}  // namespace dyadic
