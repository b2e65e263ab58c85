#include "dyadic/io/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "dyadic/base/error.h"
#include "dyadic/base/sha256.h"
#include "dyadic/io/file.h"
#include "tests/io/bytes.h"
#include "tests/io/temporary_directory.h"

namespace dyadic {
namespace {

std::string text_of(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

SafetensorsFile small_checkpoint() {
  SafetensorsFile file;
  file.metadata = {{"version", "1"}, {"a\"sha256", "\"sha256\":\""}, {"step", "12"}};
  file.tensors = {{"h1.weight", "F32", {2, 3}, bytes_of("012345678901234567890123")},
                  {"empty", "U8", {0, 7}, {}},
                  {"scalar", "I16", {}, bytes_of("xy")},
                  {"codes", "U8", {5}, bytes_of("abcde")}};
  return file;
}

/// A file with this header text and data, as any writer may make it.
std::vector<std::byte> foreign_file(const std::string& header, const std::string& data) {
  std::string text(8, '\0');
  const std::uint64_t length = header.size();
  std::memcpy(text.data(), &length, sizeof length);
  return bytes_of(text + header + data);
}

SafetensorsFile parse_foreign(const std::string& header, const std::string& data) {
  return parse_safetensors(foreign_file(header, data), "model.safetensors", Checksum::ignored);
}

TEST(Safetensors, RoundTripsAndIsAFunctionOfItsContent) {
  const SafetensorsFile file = small_checkpoint();
  const std::vector<std::byte> bytes = serialize_safetensors(file);
  EXPECT_EQ(parse_safetensors(bytes, "x"), file);
  EXPECT_EQ(serialize_safetensors(parse_safetensors(bytes, "x")), bytes);
  EXPECT_EQ(parse_safetensors(serialize_safetensors({}), "x"), SafetensorsFile{});
}

TEST(Safetensors, WritesTheLayoutOfTheSpecification) {
  SafetensorsFile file;
  file.metadata = {{"z", "1"}, {"a", "2"}};
  file.tensors = {{"w", "U8", {2}, bytes_of("pq")}, {"b", "U8", {1}, bytes_of("r")}};
  const std::string text = text_of(serialize_safetensors(file));
  std::uint64_t length = 0;
  std::memcpy(&length, text.data(), sizeof length);
  EXPECT_EQ(length % 8, 0U);
  std::string header = text.substr(8, length);
  header.erase(header.find_last_not_of(' ') + 1);
  const std::string begin = R"({"__metadata__":{"a":"2","sha256":")";
  const std::string end =
      R"(","z":"1"},"w":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})";
  ASSERT_EQ(header.size(), begin.size() + 64 + end.size());
  EXPECT_EQ(header.substr(0, begin.size()), begin);
  EXPECT_EQ(header.substr(begin.size() + 64), end);
  EXPECT_EQ(text.substr(8 + length), "pqr");
}

/// The rule in the header file, followed by hand.
TEST(Safetensors, ChecksumIsThatOfTheFileWithItsDigitsZeroed) {
  SafetensorsFile file;
  file.metadata = {{"step", "3"}};
  file.tensors = {{"w", "U8", {3}, bytes_of("abc")}};
  std::string text = text_of(serialize_safetensors(file));
  const std::size_t at = text.find("\"sha256\":\"") + 10;
  const std::string digits = text.substr(at, 64);
  text.replace(at, 64, 64, '0');
  EXPECT_EQ(digits, sha256_hex({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}));
}

TEST(Safetensors, DetectsEverySingleBitFlip) {
  std::vector<std::byte> bytes = serialize_safetensors(small_checkpoint());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      bytes[i] ^= std::byte{1} << bit;
      EXPECT_THROW(parse_safetensors(bytes, "x"), FileFormatError) << "byte " << i << " bit " << bit;
      bytes[i] ^= std::byte{1} << bit;
    }
  }
  EXPECT_NO_THROW(parse_safetensors(bytes, "x"));
}

TEST(Safetensors, DetectsEveryTruncationAndAnyTail) {
  std::vector<std::byte> bytes = serialize_safetensors(small_checkpoint());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(parse_safetensors(std::span(bytes).first(size), "x"), FileFormatError) << size;
  }
  bytes.push_back(std::byte{0});
  EXPECT_THROW(parse_safetensors(bytes, "x"), FileFormatError);
}

TEST(Safetensors, AFileWithoutChecksumIsRefusedUnlessForeign) {
  const std::string header = R"({"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})";
  EXPECT_EQ(parse_foreign(header, "x").tensors.size(), 1U);
  EXPECT_THROW(parse_safetensors(foreign_file(header, "x"), "x"), FileFormatError);
}

TEST(Safetensors, ReadsForeignFilesInDataOrderWithTheirMetadata) {
  const SafetensorsFile file = parse_foreign(
      R"({ "b":{"data_offsets":[2,4],"shape":[1],"dtype":"BF16"}, "e":{"dtype":"F64","shape":[0],"data_offsets":[2,2]},)"
      R"("a":{"dtype":"F8_E4M3","shape":[1,2],"data_offsets":[0,2]},"__metadata__":{"sha256":"not ours"}}   )",
      "1234");
  ASSERT_EQ(file.tensors.size(), 3U);
  EXPECT_EQ(file.tensors[0], (StoredTensor{"a", "F8_E4M3", {1, 2}, bytes_of("12")}));
  EXPECT_EQ(file.tensors[1].name, "e");
  EXPECT_EQ(file.find("b")->bytes, bytes_of("34"));
  EXPECT_EQ(file.find("c"), nullptr);
  EXPECT_EQ(file.metadata.at("sha256"), "not ours");
}

TEST(Safetensors, ReadsSubByteDtypesThatFillTheirBytes) {
  EXPECT_EQ(parse_foreign(R"({"a":{"dtype":"F4","shape":[3,2],"data_offsets":[0,3]}})", "123").tensors.size(), 1U);
  EXPECT_THROW(parse_foreign(R"({"a":{"dtype":"F4","shape":[5],"data_offsets":[0,3]}})", "123"), FileFormatError);
}

struct BadHeader {
  const char* header;
  const char* says;
};

TEST(Safetensors, RefusesMalformedHeadersWithAReason) {
  // Data: 4 bytes.
  for (
      const auto& [header, says] : {
          BadHeader{
              R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[1],"data_offsets":[3,4]}})",
              "hole"},
          BadHeader{
              R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}})",
              "overlap"},
          BadHeader{
              R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})",
              "overlap"},
          BadHeader{R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[1,4]}})", "hole"},
          BadHeader{R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}})", "something follows"},
          BadHeader{R"({"a":{"dtype":"U8","shape":[5],"data_offsets":[0,5]}})", "truncated"},
          BadHeader{R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,4]}})", "takes 3"},
          BadHeader{R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[4,0]}})", "not [begin, end]"},
          BadHeader{R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4,8]}})", "not [begin, end]"},
          BadHeader{R"({"a":{"dtype":"Q7","shape":[4],"data_offsets":[0,4]}})", "unknown dtype \"Q7\""},
          BadHeader{R"({"a":{"dtype":"f32","shape":[1],"data_offsets":[0,4]}})", "unknown dtype"},
          BadHeader{R"({"a":{"dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,4]}})",
                    "does not fit"},
          BadHeader{R"({"a":{"dtype":"F32","shape":[9223372036854775807],"data_offsets":[0,4]}})", "does not fit"},
          BadHeader{R"({"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}})", "does not fit"},
          BadHeader{R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[9223372036854775804,9223372036854775807]}})",
                    "hold 3"},
          BadHeader{R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", "-1"},
          BadHeader{R"({"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}})", "1.0"},
          BadHeader{R"({"a":{"dtype":"F32","shape":"1","data_offsets":[0,4]}})", "shape is not"},
          BadHeader{R"({"a":{"dtype":"F32","data_offsets":[0,4]}})", "no shape"},
          BadHeader{R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":"y"}})", "keys other"},
          BadHeader{R"({"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}})", "\"dtype\" twice"},
          BadHeader{
              R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
              "\"a\" twice"},
          BadHeader{R"({"__metadata__":{"k":"1","k":"2"},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
                    "\"k\" twice"},
          BadHeader{R"({"__metadata__":{"k":1},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", "number"},
          BadHeader{R"({"__metadata__":{"k":[1]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
                    "\"k\" is not a string"},
          BadHeader{R"({"__metadata__":{"k":{"l":"m"}},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", "deep"},
          BadHeader{R"({"__metadata__":"k","a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", "not an object"},
          BadHeader{R"({"a":"F32"})", "not an object"},
          BadHeader{R"([{"a":"F32"}])", "'}'"},
          BadHeader{" {}", "'{'"},
          BadHeader{"{}\n", "'}'"},
          BadHeader{"", "'}'"},
          BadHeader{"{}", "something follows"},
          BadHeader{R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]})", "syntax"},
          BadHeader{"{\"\xFF\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", "syntax"},
      }) {
    const std::string text = message_of<FileFormatError>([header = header] { parse_foreign(header, "1234"); });
    EXPECT_NE(text.find(says), std::string::npos) << header << "\n" << text;
    EXPECT_EQ(text.find("model.safetensors: "), 0U) << text;
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
  }
}

TEST(Safetensors, RefusesHeaderLengthsThatDoNotFit) {
  for (const std::uint64_t length :
       {std::uint64_t{3}, std::uint64_t{100'000'001}, std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
    std::string text(8, '\0');
    std::memcpy(text.data(), &length, sizeof length);
    EXPECT_THROW(parse_safetensors(bytes_of(text + "{}"), "x", Checksum::ignored), FileFormatError) << length;
  }
}

TEST(Safetensors, RefusesToWriteWhatItCouldNotRead) {
  const auto expect_refused = [](const auto& change) {
    SafetensorsFile file = small_checkpoint();
    change(file);
    EXPECT_THROW(serialize_safetensors(file), UsageError);
  };
  expect_refused([](SafetensorsFile& file) { file.tensors[1].name = "h1.weight"; });
  expect_refused([](SafetensorsFile& file) { file.tensors[1].name = "__metadata__"; });
  expect_refused([](SafetensorsFile& file) { file.tensors[1].name = "\xFF"; });
  expect_refused([](SafetensorsFile& file) { file.tensors[0].dtype = "F33"; });
  expect_refused([](SafetensorsFile& file) { file.tensors[0].bytes.pop_back(); });
  expect_refused([](SafetensorsFile& file) { file.tensors[0].shape = {-2, -3}; });
  expect_refused([](SafetensorsFile& file) { file.metadata["sha256"] = "x"; });
  expect_refused([](SafetensorsFile& file) { file.metadata["k"] = "\xFF"; });
}

TEST(Safetensors, WritesAtomicallyAndReadsBack) {
  const TemporaryDirectory directory;
  write_safetensors_atomically(directory / "m.safetensors", small_checkpoint());
  EXPECT_EQ(read_safetensors(directory / "m.safetensors"), small_checkpoint());
  EXPECT_THROW(read_safetensors(directory / "none"), MissingInputError);
}

}  // namespace
}  // namespace dyadic
