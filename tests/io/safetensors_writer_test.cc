// Files written piece by piece and looked at in place, against the ones that are built and read whole.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "dyadic/base/error.h"
#include "dyadic/io/file.h"
#include "dyadic/io/safetensors.h"

namespace dyadic {
namespace {

std::vector<std::byte> bytes_of(std::size_t count, int start) {
  std::vector<std::byte> bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::byte>(start + static_cast<int>(i) * 3);
  return bytes;
}

SafetensorsFile sample() {
  return {.metadata = {{"who", "me"}},
          .tensors = {{"a", "F32", {2, 3}, bytes_of(24, 1)}, {"b", "U8", {5}, bytes_of(5, 100)}}};
}

class SafetensorsPieces : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  static std::vector<TensorView> heads() { return {{"a", "F32", {2, 3}}, {"b", "U8", {5}}}; }
  std::string folder_ =
      (std::filesystem::temp_directory_path() / ("dyadic-pieces-" + std::to_string(getpid()))).string();
  std::string path_ = folder_ + "/f.safetensors";
};

TEST_F(SafetensorsPieces, GiveTheSameFile) {
  const SafetensorsFile file = sample();
  SafetensorsWriter writer(path_, file.metadata, heads());
  const std::span<const std::byte> a(file.tensors[0].bytes);
  writer.append(a.first(7));
  writer.append(a.subspan(7));
  writer.append(file.tensors[1].bytes);
  EXPECT_FALSE(std::filesystem::exists(path_));
  writer.commit();
  EXPECT_EQ(read_file(path_), serialize_safetensors(file));
  EXPECT_EQ(read_safetensors(path_), file);
}

TEST_F(SafetensorsPieces, AreCounted) {
  SafetensorsWriter writer(path_, {}, heads());
  writer.append(bytes_of(28, 0));
  EXPECT_THROW(writer.commit(), UsageError);
  EXPECT_THROW(writer.append(bytes_of(2, 0)), UsageError);
  writer.append(bytes_of(1, 0));
  writer.commit();
  EXPECT_TRUE(std::filesystem::exists(path_));
  EXPECT_THROW(SafetensorsWriter(path_, {{"sha256", "x"}}, heads()), UsageError);
  EXPECT_THROW(SafetensorsWriter(path_, {}, {{"a", "F99", {1}}}), UsageError);
  EXPECT_THROW(SafetensorsWriter(path_, {}, {{"a", "U8", {1}}, {"a", "U8", {1}}}), UsageError);
}

TEST_F(SafetensorsPieces, AreSeenInPlace) {
  const SafetensorsFile file = sample();
  const std::vector<std::byte> bytes = serialize_safetensors(file);
  const SafetensorsView view = view_safetensors(bytes, "f");
  EXPECT_EQ(view.metadata, file.metadata);
  EXPECT_EQ(view.sha256.size(), 64U);
  ASSERT_NE(view.find("b"), nullptr);
  EXPECT_EQ(view.find("c"), nullptr);
  EXPECT_EQ(view.find("b")->bytes.data(), bytes.data() + bytes.size() - 5);
  EXPECT_EQ(view.find("a")->shape, (Shape{2, 3}));
  EXPECT_TRUE(view_safetensors(bytes, "f", Checksum::ignored).sha256.empty());
  std::vector<std::byte> damaged = bytes;
  damaged.back() ^= std::byte{1};
  EXPECT_THROW(view_safetensors(damaged, "f"), FileFormatError);
}

}  // namespace
}  // namespace dyadic
