#include "dyadic/io/npy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <limits>

#include "dyadic/base/error.h"
#include "dyadic/io/file.h"
#include "tests/io/bytes.h"
#include "tests/io/temporary_directory.h"

namespace dyadic {
namespace {

/// A file as numpy.save lays it out, spelled by hand.
std::string npy_text(const std::string& header, const std::string& data, int major = 1) {
  std::string text = "\x93NUMPY";
  text += static_cast<char>(major);
  text += '\0';
  const std::size_t length_bytes = major == 1 ? 2 : 4;
  for (std::size_t i = 0; i < length_bytes; ++i) text += static_cast<char>(header.size() >> (8 * i));
  return text + header + data;
}

template <typename T>
std::string raw(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

NpyArray parse(const std::string& text) { return parse_npy(bytes_of(text), "in.npy"); }

TEST(Npy, ReadsWhatNumpySaves) {
  // numpy.save("x.npy", numpy.array([[1.5, -0.0, numpy.inf]], dtype="<f4")), NumPy 1.24
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3), }";
  header.resize(117, ' ');
  header += '\n';
  const std::vector<float> values = {1.5F, -0.0F, std::numeric_limits<float>::infinity()};
  const NpyArray array = parse(npy_text(header, raw(values)));
  EXPECT_EQ(array.shape, (Shape{1, 3}));
  EXPECT_EQ(std::get<std::vector<float>>(array.values), values);
  EXPECT_TRUE(std::signbit(std::get<std::vector<float>>(array.values)[1]));
}

TEST(Npy, ReadsFloat64VersionTwoAndKeysInAnyOrder) {
  const std::vector<double> values = {0.1, 1e300};
  const NpyArray array = parse(npy_text("{\"shape\":(2,), 'fortran_order':False,'descr':\"<f8\"}\n", raw(values), 2));
  EXPECT_EQ(array.shape, Shape{2});
  EXPECT_EQ(std::get<std::vector<double>>(array.values), values);
}

TEST(Npy, ReadsSingleNumbersAndEmptyArrays) {
  const NpyArray single =
      parse(npy_text("{'descr': '<f4', 'fortran_order': False, 'shape': (), }\n", raw(std::vector<float>{2.5F})));
  EXPECT_EQ(single.shape, Shape{});
  EXPECT_EQ(std::get<std::vector<float>>(single.values), std::vector<float>{2.5F});
  const NpyArray empty = parse(npy_text("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 0, 2), }\n", ""));
  EXPECT_EQ(empty.shape, (Shape{3, 0, 2}));
  EXPECT_TRUE(std::get<std::vector<float>>(empty.values).empty());
}

struct BadRow {
  const char* header;
  const char* says;
};

TEST(Npy, RefusesOtherHeadersWithAReason) {
  for (const auto& [header, says] : {
           BadRow{"{'descr': '<i8', 'fortran_order': False, 'shape': (1,), }\n", "\"<i8\""},
           BadRow{"{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }\n", "\">f4\""},
           BadRow{"{'descr': '<f2', 'fortran_order': False, 'shape': (1,), }\n", "\"<f2\""},
           BadRow{"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n", "\"|O\""},
           BadRow{"{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (1,), }\n", "structured"},
           BadRow{"{'descr': '<f4', 'fortran_order': True, 'shape': (1,), }\n", "ascontiguousarray"},
           BadRow{"{'descr': '<f4', 'fortran_order': 0, 'shape': (1,), }\n", "True or False"},
           BadRow{"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n", "truncated"},
           BadRow{"{'descr': '<f4', 'fortran_order': False, 'shape': (0,), }\n", "something follows"},
           BadRow{"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }\n", "extent"},
           BadRow{"{'descr': '<f4', 'fortran_order': False, 'shape': (1.0,), }\n", "','"},
           BadRow{"{'descr': '<f4', 'fortran_order': False, 'shape': (1 2), }\n", "','"},
           BadRow{"{'descr': '<f4', 'fortran_order': False, 'shape': 1, }\n", "'('"},
           BadRow{"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }\n", "does not fit"},
           BadRow{"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }\n", "does not fit"},
           BadRow{"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904,), }\n", "does not fit"},
           BadRow{"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }\n", "truncated"},
           BadRow{"{'descr': '<f4', 'fortran_order': False}\n", "without"},
           BadRow{"{}\n", "without"},
           BadRow{"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}\n", "twice"},
           BadRow{"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': 1}\n", "unknown key"},
           BadRow{"{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x\n", "follows the dictionary"},
           BadRow{"{'descr': '<f4", "does not end"},
           BadRow{"{'descr': '<f4'", "','"},
           BadRow{"", "'{'"},
       }) {
    const std::string text =
        message_of<FileFormatError>([header = header] { parse(npy_text(header, raw(std::vector<float>{1}))); });
    EXPECT_NE(text.find(says), std::string::npos) << header << text;
    EXPECT_EQ(text.find("in.npy: "), 0U) << text;
  }
  std::string extents;
  for (int i = 0; i < 65; ++i) extents += "1,";
  const std::string too_many = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + extents + ")}\n";
  EXPECT_THROW(parse(npy_text(too_many, raw(std::vector<float>{1}))), FileFormatError);
}

TEST(Npy, RefusesEveryTruncation) {
  const std::vector<float> values = {1, 2, 3};
  const std::vector<std::byte> bytes = serialize_npy<float>({3}, values);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(parse_npy(std::span(bytes).first(size), "x"), FileFormatError) << size;
  }
  EXPECT_NO_THROW(parse_npy(bytes, "x"));
}

TEST(Npy, RefusesOtherVersionsAndHeaderLengths) {
  const std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (), }\n";
  const std::string data = raw(std::vector<float>{1});
  EXPECT_NO_THROW(parse(npy_text(header, data, 2)));
  EXPECT_THROW(parse(npy_text(header, data, 3)), FileFormatError);
  EXPECT_THROW(parse(npy_text(header, data, 0)), FileFormatError);
  std::string long_header = npy_text(header, data, 2);
  std::memset(long_header.data() + 8, 0xFF, 4);
  EXPECT_THROW(parse(long_header), FileFormatError);
  EXPECT_THROW(parse("NUMPY"), FileFormatError);
}

template <typename T>
void expect_written(const char* descr, const Shape& shape, const char* shape_in_python, const std::vector<T>& values) {
  const std::vector<std::byte> bytes = serialize_npy<T>(shape, values);
  const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::string data = raw(values);
  std::string header =
      std::string("{'descr': '") + descr + "', 'fortran_order': False, 'shape': " + shape_in_python + ", }";
  header.resize(117, ' ');
  EXPECT_EQ(text, npy_text(header + "\n", data)) << descr;
  EXPECT_EQ((text.size() - data.size()) % 64, 0U);
}

TEST(Npy, WritesWhatNumpyWouldSave) {
  expect_written<float>("<f4", {2}, "(2,)", {1.5F, -2});
  expect_written<double>("<f8", {}, "()", {0.1});
  expect_written<std::int8_t>("|i1", {1, 2}, "(1, 2)", {-128, 127});
  expect_written<std::int16_t>("<i2", {2}, "(2,)", {-32768, 32767});
  expect_written<std::int32_t>("<i4", {1}, "(1,)", {INT32_MIN});
  expect_written<std::int64_t>("<i8", {1}, "(1,)", {INT64_MIN});
  expect_written<std::uint8_t>("|u1", {0, 3}, "(0, 3)", {});
  expect_written<std::uint16_t>("<u2", {1}, "(1,)", {65535});
  expect_written<std::uint32_t>("<u4", {1}, "(1,)", {UINT32_MAX});
  expect_written<std::uint64_t>("<u8", {1}, "(1,)", {UINT64_MAX});
}

TEST(Npy, RoundTripsThroughAFile) {
  const TemporaryDirectory directory;
  const std::vector<double> values = {1, 2, 3, 4, 5, 6};
  write_npy<double>(directory / "a.npy", {3, 2}, values);
  const NpyArray array = read_npy(directory / "a.npy");
  EXPECT_EQ(array.shape, (Shape{3, 2}));
  EXPECT_EQ(std::get<std::vector<double>>(array.values), values);
  EXPECT_THROW(write_npy<double>(directory / "a.npy", {3, 3}, values), ShapeError);
}

TEST(Npy, ReadsTheGoldenCastsThatNumpyWrote) {
  const char* folder = std::getenv("DYADIC_VECTORS");
  if (folder == nullptr) GTEST_SKIP() << "DYADIC_VECTORS is not set: no files of another writer to read";
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".npy") continue;
    ++count;
    const NpyArray array = read_npy(entry.path());
    const std::vector<std::byte> again = std::visit(
        [&]<typename T>(const std::vector<T>& values) { return serialize_npy<T>(array.shape, values); }, array.values);
    EXPECT_EQ(again, read_file(entry.path())) << entry.path();
  }
  EXPECT_GT(count, 0);
}

}  // namespace
}  // namespace dyadic
