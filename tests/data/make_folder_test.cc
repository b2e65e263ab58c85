#include "dyadic/data/make_folder.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>

#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "dyadic/base/error.h"
#include "dyadic/io/file.h"
#include "dyadic/io/file_descriptor.h"
#include "tests/data/test_files.h"

namespace dyadic {
namespace {

namespace fs = std::filesystem;
using test::message_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Two files of these texts.
auto files(const std::string& one, const std::string& two) {
  return [=](const std::string& folder) {
    write_file_atomically(folder + "/one", one);
    write_file_atomically(folder + "/two", two);
  };
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  return names;
}

TEST(MakeFolder, AppearsWhole) {
  const test::ScratchFolder folder;
  const std::string made = folder / "deep/set";
  EXPECT_FALSE(make_folder(made, [&](const std::string& unfinished) {
    files("1", "2")(unfinished);
    EXPECT_FALSE(fs::exists(made));
  }));
  EXPECT_THAT(names_in(made), ElementsAre("one", "two"));
  EXPECT_EQ(read_text_file(made + "/two"), "2");
  EXPECT_THAT(names_in(folder / "deep"), ElementsAre("set"));
}

TEST(MakeFolder, LeavesNothingWhenWritingFails) {
  const test::ScratchFolder folder;
  EXPECT_THROW(make_folder(folder / "set",
                           [&](const std::string& unfinished) {
                             write_file_atomically(unfinished + "/one", "1");
                             throw IoError("the disk is full");
                           }),
               IoError);
  EXPECT_THAT(names_in(folder.path()), ElementsAre());
}

TEST(MakeFolder, FillsAnEmptyFolderAndKeepsTheSameFiles) {
  const test::ScratchFolder folder;
  fs::create_directory(folder / "set");
  EXPECT_FALSE(make_folder(folder / "set", files("1", "2")));
  const auto before = fs::last_write_time(folder / "set/one");
  EXPECT_TRUE(make_folder(folder / "set", files("1", "2")));
  EXPECT_EQ(fs::last_write_time(folder / "set/one"), before);
  EXPECT_THAT(names_in(folder.path()), ElementsAre("set"));
}

TEST(MakeFolder, RefusesToOverwriteAnythingElse) {
  const test::ScratchFolder folder;
  make_folder(folder / "set", files("1", "2"));
  const auto refused = [&](const std::string& one, const std::string& two) {
    EXPECT_THAT(message_of<UsageError>([&] { make_folder(folder / "set", files(one, two)); }), HasSubstr("remove it"));
  };
  refused("1", "3");
  refused("1", "22");
  write_file_atomically(folder / "set/mine", "of the user");
  refused("1", "2");
  fs::remove(folder / "set/two");
  refused("1", "2");
  EXPECT_THAT(names_in(folder / "set"), ElementsAre("mine", "one"));
  write_file_atomically(folder / "file", "not a folder");
  EXPECT_THROW(make_folder(folder / "file", files("1", "2")), UsageError);
  EXPECT_THAT(names_in(folder.path()), ElementsAre("file", "set"));
}

TEST(MakeFolder, RemovesWhatKilledProcessesLeftAndNothingThatIsHeld) {
  const test::ScratchFolder folder;
  for (const char* name : {".set.unfinished-1", ".set.unfinished-2", ".other.unfinished-1"}) {
    fs::create_directory(folder / name);
    write_file_atomically(folder / (std::string(name) + "/one"), "1");
  }
  const FileDescriptor held(folder / ".set.unfinished-2", O_RDONLY | O_DIRECTORY);
  ASSERT_EQ(::flock(held.number(), LOCK_EX), 0);
  make_folder(folder / "set", files("1", "2"));
  EXPECT_THAT(names_in(folder.path()), ElementsAre(".other.unfinished-1", ".set.unfinished-2", "set"));
}

}  // namespace
}  // namespace dyadic
