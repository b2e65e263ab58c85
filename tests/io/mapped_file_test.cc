#include "dyadic/io/mapped_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <string>

#include "dyadic/base/error.h"
#include "dyadic/io/file.h"

namespace dyadic {
namespace {

class Mapped : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string folder_ =
      (std::filesystem::temp_directory_path() / ("dyadic-mapped-" + std::to_string(getpid()))).string();
};

TEST_F(Mapped, ShowsTheBytesOfTheFile) {
  const std::string text(10000, 'm');
  write_file_atomically(folder_ + "/f", text);
  const MappedFile file(folder_ + "/f");
  ASSERT_EQ(file.bytes().size(), text.size());
  EXPECT_EQ(std::memcmp(file.bytes().data(), text.data(), text.size()), 0);
  EXPECT_EQ(file.path(), folder_ + "/f");
}

TEST_F(Mapped, KeepsTheOldBytesWhenTheFileIsReplaced) {
  write_file_atomically(folder_ + "/f", std::string("old"));
  const MappedFile file(folder_ + "/f");
  write_file_atomically(folder_ + "/f", std::string("newer"));
  EXPECT_EQ(std::memcmp(file.bytes().data(), "old", 3), 0);
}

TEST_F(Mapped, TakesAnEmptyFileAndRefusesWhatIsNone) {
  write_file_atomically(folder_ + "/empty", std::string());
  EXPECT_TRUE(MappedFile(folder_ + "/empty").bytes().empty());
  EXPECT_THROW(MappedFile(folder_ + "/absent"), MissingInputError);
  EXPECT_THROW(MappedFile{folder_}, FileFormatError);
}

TEST_F(Mapped, AtomicFileShowsNothingBeforeItsCommit) {
  const std::string path = folder_ + "/f";
  {
    AtomicFile file(path);
    file.append(std::as_bytes(std::span("abc", 3)));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
  AtomicFile file(path);
  file.append(std::as_bytes(std::span("abcdef", 6)));
  file.overwrite(2, std::as_bytes(std::span("XY", 2)));
  file.append(std::as_bytes(std::span("gh", 2)));
  EXPECT_FALSE(std::filesystem::exists(path));
  file.commit();
  EXPECT_EQ(read_text_file(path), "abXYefgh");
  EXPECT_THROW(AtomicFile(folder_ + "/absent/f"), IoError);
}

}  // namespace
}  // namespace dyadic
