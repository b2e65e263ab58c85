// MatReader against files that matio, another implementation, writes, and against files made byte by byte here.
#include "dyadic/data/mat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <matio.h>
#include <zlib.h>

#include <cstring>

#include "dyadic/base/error.h"
#include "tests/data/packed.h"
#include "tests/data/test_files.h"

namespace dyadic {
namespace {

using test::Bytes;
using test::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

struct Found {
  std::string name;
  Shape shape;
  Bytes values;
  bool operator==(const Found&) const = default;
};

std::vector<Found> arrays_of(FileStream stream) {
  MatReader reader(std::move(stream));
  std::vector<Found> found;
  while (auto array = reader.next()) {
    Bytes values(static_cast<std::size_t>(element_count(array->shape)));
    reader.read(values);
    found.push_back({array->name, array->shape, values});
  }
  return found;
}

std::vector<Found> arrays_of(const Bytes& bytes) { return arrays_of(FileStream("f.mat", bytes)); }

std::string refusal(const Bytes& bytes) {
  return message_of<FileFormatError>([&] { arrays_of(bytes); });
}

// ---- files by matio

class MatioFile : public ::testing::TestWithParam<matio_compression> {
 protected:
  template <typename T>
  void write(const std::string& name, matio_classes array_class, matio_types type, std::vector<std::size_t> extents,
             std::vector<T> values, int options = 0) {
    mat_t* file = std::filesystem::exists(path_) ? Mat_Open(path_.c_str(), MAT_ACC_RDWR)
                                                 : Mat_CreateVer(path_.c_str(), nullptr, MAT_FT_MAT5);
    ASSERT_NE(file, nullptr);
    matvar_t* variable = Mat_VarCreate(name.c_str(), array_class, type, static_cast<int>(extents.size()),
                                       extents.data(), values.data(), options);
    ASSERT_NE(variable, nullptr);
    EXPECT_EQ(Mat_VarWrite(file, variable, GetParam()), 0);
    Mat_VarFree(variable);
    Mat_Close(file);
  }
  test::ScratchFolder folder_;
  std::string path_ = folder_ / "f.mat";
};

TEST_P(MatioFile, GivesItsArraysInOrder) {
  Bytes images(32 * 32 * 3 * 5);
  for (std::size_t i = 0; i < images.size(); ++i) images[i] = static_cast<std::uint8_t>(i * 31 >> 3);
  write<std::uint8_t>("X", MAT_C_UINT8, MAT_T_UINT8, {32, 32, 3, 5}, images);
  write<double>("y", MAT_C_DOUBLE, MAT_T_DOUBLE, {5, 1}, {1, 10, 3, 255, 0});
  write<std::uint8_t>("tiny", MAT_C_UINT8, MAT_T_UINT8, {3, 1}, {7, 8, 9});
  write<float>("single", MAT_C_SINGLE, MAT_T_SINGLE, {1, 2}, {4, 5});
  write<std::int16_t>("short", MAT_C_INT16, MAT_T_INT16, {1, 2}, {6, 200});
  write<std::int32_t>("a_name_of_more_than_four", MAT_C_INT32, MAT_T_INT32, {2, 1}, {6, 200});
  const std::vector<Found> expected = {{"X", {32, 32, 3, 5}, images}, {"y", {5, 1}, {1, 10, 3, 255, 0}},
                                       {"tiny", {3, 1}, {7, 8, 9}},   {"single", {1, 2}, {4, 5}},
                                       {"short", {1, 2}, {6, 200}},   {"a_name_of_more_than_four", {2, 1}, {6, 200}}};
  EXPECT_EQ(arrays_of(FileStream(path_)), expected);
}

TEST_P(MatioFile, PassesOverWhatIsNoRealNumericArray) {
  write<char>("text", MAT_C_CHAR, MAT_T_UTF8, {1, 5}, {'h', 'e', 'l', 'l', 'o'});
  write<std::uint8_t>("after", MAT_C_UINT8, MAT_T_UINT8, {1, 1}, {42});
  EXPECT_EQ(arrays_of(FileStream(path_)), (std::vector<Found>{{"after", {1, 1}, {42}}}));
}

TEST_P(MatioFile, RefusesValuesThatAreNoBytes) {
  for (const double value : {-1.0, 256.0, 0.5, 1e300}) {
    std::filesystem::remove(path_);
    write<double>("y", MAT_C_DOUBLE, MAT_T_DOUBLE, {3, 1}, {1, value, 2});
    EXPECT_THAT(message_of<FileFormatError>([&] { arrays_of(FileStream(path_)); }),
                AllOf(HasSubstr(path_), HasSubstr("array \"y\""), HasSubstr("whole number in 0..255")))
        << value;
  }
}

TEST_P(MatioFile, RefusesEveryTruncation) {
  write<std::uint8_t>("y", MAT_C_UINT8, MAT_T_UINT8, {5, 3}, Bytes(15, 3));
  const Bytes whole = test::read_bytes(path_);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    if (size == 128) continue;  // a file of no arrays
    const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_THAT(refusal(cut), HasSubstr("f.mat")) << size;
  }
}

INSTANTIATE_TEST_SUITE_P(PlainAndCompressed, MatioFile, ::testing::Values(MAT_COMPRESSION_NONE, MAT_COMPRESSION_ZLIB),
                         [](const auto& param_info) {
                           return param_info.param == MAT_COMPRESSION_ZLIB ? "zlib" : "plain";
                         });

// ---- files by hand

class Writer {
 public:
  explicit Writer(bool big_endian = false) : big_(big_endian) {
    bytes_.assign(124, ' ');
    number(0x0100, 2);
    bytes_.push_back(big_ ? 'M' : 'I');
    bytes_.push_back(big_ ? 'I' : 'M');
  }
  void number(std::uint64_t value, int size) {
    for (int i = 0; i < size; ++i) {
      bytes_.push_back(static_cast<std::uint8_t>(value >> 8 * (big_ ? size - 1 - i : i)));
    }
  }
  void tag(std::uint32_t type, std::size_t size) {
    number(type, 4);
    number(size, 4);
  }
  void pad() { bytes_.resize((bytes_.size() + 7) / 8 * 8, 0); }
  /// An array of 16-bit values, 1 x N.
  void array(const std::string& name, const std::vector<std::uint16_t>& values) {
    const std::size_t name_bytes = (name.size() + 7) / 8 * 8;
    const std::size_t value_bytes = (2 * values.size() + 7) / 8 * 8;
    tag(14, 16 + 16 + 8 + name_bytes + 8 + value_bytes);
    tag(6, 8);
    number(11, 4);  // uint16
    number(0, 4);
    tag(5, 8);
    number(1, 4);
    number(values.size(), 4);
    tag(1, name.size());
    for (const char letter : name) bytes_.push_back(static_cast<std::uint8_t>(letter));
    pad();
    tag(4, 2 * values.size());
    for (const std::uint16_t value : values) number(value, 2);
    pad();
  }
  Bytes& bytes() { return bytes_; }

 private:
  bool big_;
  Bytes bytes_ = {};
};

TEST(Mat, ReadsBothByteOrders) {
  for (const bool big : {false, true}) {
    Writer file(big);
    file.array("values", {1, 255, 3});
    file.array("v", {9});
    EXPECT_EQ(arrays_of(file.bytes()), (std::vector<Found>{{"values", {1, 3}, {1, 255, 3}}, {"v", {1, 1}, {9}}}))
        << big;
  }
}

TEST(Mat, SkipsTheRestOfAnArrayThatIsNotRead) {
  Writer file;
  file.array("a", {1, 2, 3, 4, 5, 6, 7});
  file.array("b", {8});
  MatReader reader{FileStream("f.mat", file.bytes())};
  ASSERT_EQ(reader.next()->name, "a");
  Bytes two(2);
  reader.read(two);
  EXPECT_EQ(two, (Bytes{1, 2}));
  EXPECT_EQ(reader.next()->name, "b");
  EXPECT_THROW(reader.read(two), UsageError);
  EXPECT_FALSE(reader.next());
}

TEST(Mat, SaysThatVersion73IsNotRead) {
  Writer file;
  const std::string text = "MATLAB 7.3 MAT-file";
  std::copy(text.begin(), text.end(), file.bytes().begin());
  EXPECT_THAT(refusal(file.bytes()), AllOf(HasSubstr("7.3 (HDF5)"), HasSubstr("-v7")));
  Bytes hdf = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1A, '\n'};
  hdf.resize(600, 0);
  EXPECT_THAT(refusal(hdf), HasSubstr("7.3 (HDF5)"));
  EXPECT_THAT(refusal(Bytes(200, 'x')), HasSubstr("not a MATLAB file"));
}

/// The file with one array of three values and one word of it replaced.
Bytes with_word(std::size_t at, std::uint32_t value) {
  Writer file;
  file.array("v", {1, 2, 3});
  Bytes bytes = file.bytes();
  std::memcpy(&bytes[128 + at], &value, 4);
  return bytes;
}

TEST(Mat, RefusesHeadsThatDoNotHoldTogether) {
  EXPECT_EQ(arrays_of(with_word(0, 14)).size(), 1U);
  EXPECT_THAT(refusal(with_word(0, 6)), HasSubstr("expected an array"));
  EXPECT_THAT(refusal(with_word(4, 60)), HasSubstr("more values than the array around them has bytes"));
  EXPECT_THAT(refusal(with_word(4, 20)), HasSubstr("larger than the one around it"));
  EXPECT_THROW(arrays_of(with_word(4, 4000)), FileFormatError);
  EXPECT_THAT(refusal(with_word(8, 5)), HasSubstr("array flags of type 5"));
  EXPECT_THAT(refusal(with_word(28, 400)), HasSubstr("extents of 400 bytes"));
  EXPECT_THAT(refusal(with_word(32, 0x80000000)), HasSubstr("extent"));
  EXPECT_THAT(refusal(with_word(36, 4)), HasSubstr("6 bytes of values, its extents need 8"));
  EXPECT_THAT(refusal(with_word(36, 0x7FFFFFFF)), HasSubstr("its extents need"));
  EXPECT_THAT(refusal(with_word(44, 65)), HasSubstr("a name of 65 bytes"));
  EXPECT_THAT(refusal(with_word(56, 14)), HasSubstr("which is no number"));
}

TEST(Mat, RefusesCompressedDataThatAreDamagedCutOrFollowed) {
  Writer inner;
  inner.array("v", {1, 2, 3});
  const Bytes plain(inner.bytes().begin() + 128, inner.bytes().end());
  const auto packed_file = [](const Bytes& data, int cut, const Bytes& extra) {
    Bytes packed(compressBound(data.size()));
    uLongf size = packed.size();
    compress(packed.data(), &size, data.data(), data.size());
    packed.resize(size - static_cast<std::size_t>(cut));
    packed.insert(packed.end(), extra.begin(), extra.end());
    Writer file;
    file.tag(15, packed.size());
    file.bytes().insert(file.bytes().end(), packed.begin(), packed.end());
    return file.bytes();
  };
  EXPECT_EQ(arrays_of(packed_file(plain, 0, {})), (std::vector<Found>{{"v", {1, 3}, {1, 2, 3}}}));
  for (const int cut : {1, 4, 10}) EXPECT_THROW(arrays_of(packed_file(plain, cut, {})), FileFormatError) << cut;
  EXPECT_THAT(refusal(packed_file(plain, 0, {0})), HasSubstr("bytes after the compressed data"));
  Bytes longer = plain;
  longer.resize(longer.size() + 5000, 0);
  EXPECT_THAT(refusal(packed_file(longer, 0, {})), HasSubstr("surplus compressed data"));
  Bytes damaged = packed_file(plain, 0, {});
  int refused = 0;
  for (std::size_t at = 128 + 8; at < damaged.size(); ++at) {
    damaged[at] ^= 0x10;
    try {
      EXPECT_EQ(arrays_of(damaged), (std::vector<Found>{{"v", {1, 3}, {1, 2, 3}}})) << at;  // padding means nothing
    } catch (const FileFormatError&) {
      ++refused;
    }
    damaged[at] ^= 0x10;
  }
  EXPECT_GE(refused, static_cast<int>(damaged.size()) - 128 - 8 - 1);
}

}  // namespace
}  // namespace dyadic
