#include "dyadic/io/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "dyadic/base/error.h"
#include "system_call_faults.h"
#include "temporary_directory.h"

namespace dyadic {
namespace {

using testing::Test;

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(ReadFile, ReturnsEveryByte) {
  const TemporaryDirectory directory;
  std::string content(200'000, '\0');
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 7);
  std::ofstream(directory / "a", std::ios::binary) << content;
  EXPECT_EQ(read_text_file(directory / "a"), content);
  std::ofstream(directory / "empty").flush();
  EXPECT_TRUE(read_file(directory / "empty").empty());
}

TEST(ReadFile, ReadsFilesWithoutASize) { EXPECT_TRUE(contains(read_text_file("/proc/self/status"), "Pid:")); }

TEST(ReadFile, NamesTheMissingFile) {
  const TemporaryDirectory directory;
  const std::string text = message_of<MissingInputError>([&] { read_file(directory / "none"); });
  EXPECT_TRUE(contains(text, directory / "none")) << text;
  EXPECT_TRUE(contains(text, "No such file")) << text;
  EXPECT_THROW(read_file(directory.path()), IoError) << "a directory";
}

TEST(ReadFile, RefusesMoreThanTheCapAlsoWhereTheSizeIsUnknown) {
  const TemporaryDirectory directory;
  write_file_atomically(directory / "a", "0123456789");
  EXPECT_EQ(read_file(directory / "a", 10).size(), 10U);
  EXPECT_THROW(read_file(directory / "a", 9), FileFormatError);
  EXPECT_THROW(read_file("/dev/zero", 100'000), FileFormatError);
}

TEST(AtomicWrite, CreatesAndReplaces) {
  const TemporaryDirectory directory;
  write_file_atomically(directory / "a", "first");
  EXPECT_EQ(read_text_file(directory / "a"), "first");
  write_file_atomically(directory / "a", "");
  EXPECT_EQ(read_text_file(directory / "a"), "");
  EXPECT_EQ(directory.names(), std::vector<std::string>{"a"});
}

TEST(AtomicWrite, SurvivesShortAndInterruptedWrites) {
  const TemporaryDirectory directory;
  const std::string content = "metrics and weights, byte by byte";
  const SystemCallFault fault(true);
  write_file_atomically(directory / "a", content);
  EXPECT_EQ(read_text_file(directory / "a"), content);
}

struct FaultRow {
  SystemCall call;
  int error;
};

/// Each call that the write makes fails once, in turn, until the write makes no further call of the kind.
TEST(AtomicWrite, KeepsTheOldFileAndLeavesNoTemporaryWhicheverCallFails) {
  int faults = 0;
  for (const auto& [call, error] :
       {FaultRow{SystemCall::open, EACCES}, FaultRow{SystemCall::open, EROFS}, FaultRow{SystemCall::open, ENOSPC},
        FaultRow{SystemCall::write, ENOSPC}, FaultRow{SystemCall::write, EIO}, FaultRow{SystemCall::write, EDQUOT},
        FaultRow{SystemCall::fsync, EIO}, FaultRow{SystemCall::close, EIO}, FaultRow{SystemCall::rename, EACCES}}) {
    for (int nth = 1; nth < 10; ++nth) {
      const TemporaryDirectory directory;
      write_file_atomically(directory / "checkpoint", "old");
      bool happened = false;
      std::string text;
      {
        const SystemCallFault fault(call, nth, error);
        try {
          write_file_atomically(directory / "checkpoint", "new content");
        } catch (const IoError& thrown) {
          text = thrown.what();
        }
        happened = fault.happened();
      }
      if (!happened) break;
      ++faults;
      SCOPED_TRACE("call " + std::to_string(static_cast<int>(call)) + " number " + std::to_string(nth) + ": " + text);
      EXPECT_TRUE(contains(text, directory / "checkpoint"));
      EXPECT_TRUE(contains(text, std::strerror(error)));
      EXPECT_EQ(directory.names(), std::vector<std::string>{"checkpoint"});
      // After the rename only the directory remains to be synced and closed: the new file is there, and whole.
      const bool is_after_rename = nth == 2 && (call == SystemCall::fsync || call == SystemCall::close);
      EXPECT_EQ(read_text_file(directory / "checkpoint"), is_after_rename ? "new content" : "old");
    }
  }
  EXPECT_EQ(faults, 3 * 2 + 3 * 1 + 2 + 2 + 1) << "every call was reached";
}

TEST(AtomicWrite, ReportsAFullDevice) {
  const std::string text = message_of<IoError>([] { write_file_atomically("/dev/full", "x"); });
  EXPECT_TRUE(contains(text, "/dev/full")) << text;
  EXPECT_TRUE(contains(text, std::strerror(ENOSPC))) << text;
}

TEST(AtomicWrite, ReportsAFullFileSystemAndKeepsTheOldFile) {
  const TemporaryDirectory directory;
  if (::mount("none", directory.path().c_str(), "tmpfs", 0, "size=64k") != 0) {
    GTEST_SKIP() << "mounting a tmpfs is not permitted here; the limit on file sizes and /dev/full stand in for it";
  }
  write_file_atomically(directory / "a", std::string(20'000, 'o'));
  const std::string text =
      message_of<IoError>([&] { write_file_atomically(directory / "a", std::string(60'000, 'n')); });
  const std::string kept = read_text_file(directory / "a");
  const std::vector<std::string> names = directory.names();
  ASSERT_EQ(::umount(directory.path().c_str()), 0);
  EXPECT_TRUE(contains(text, std::strerror(ENOSPC))) << text;
  EXPECT_EQ(kept, std::string(20'000, 'o'));
  EXPECT_EQ(names, std::vector<std::string>{"a"});
}

TEST(AtomicWrite, ReportsTheLimitOnFileSizes) {
  const TemporaryDirectory directory;
  write_file_atomically(directory / "a", "old");
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit limit{1000, before.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  const std::string text = message_of<IoError>([&] { write_file_atomically(directory / "a", std::string(5000, 'n')); });
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_TRUE(contains(text, std::strerror(EFBIG))) << text;
  EXPECT_EQ(read_text_file(directory / "a"), "old");
  EXPECT_EQ(directory.names(), std::vector<std::string>{"a"});
}

TEST(AtomicWrite, ReportsAMissingDirectoryAsAnOutputError) {
  const TemporaryDirectory directory;
  EXPECT_THROW(write_file_atomically(directory / "none/a", "x"), IoError);
  EXPECT_THROW(write_file_atomically(directory.path(), "x"), IoError) << "the path is a directory";
}

TEST(AtomicWrite, FollowsALinkInsteadOfReplacingIt) {
  const TemporaryDirectory directory;
  write_file_atomically(directory / "real", "old");
  std::filesystem::create_symlink("real", directory / "link");
  write_file_atomically(directory / "link", "new");
  EXPECT_TRUE(std::filesystem::is_symlink(directory / "link"));
  EXPECT_EQ(read_text_file(directory / "real"), "new");
}

TEST(AtomicWrite, WritesIntoPipesInPlace) {
  const TemporaryDirectory directory;
  ASSERT_EQ(::mkfifo((directory / "pipe").c_str(), 0600), 0);
  const FileDescriptor reader(directory / "pipe", O_RDONLY | O_NONBLOCK);
  write_file_atomically(directory / "pipe", "through");
  std::array<std::byte, 16> bytes{};
  EXPECT_EQ(reader.read_some(bytes), 7U);
  EXPECT_TRUE(std::filesystem::is_fifo(directory / "pipe"));
}

TEST(AtomicWrite, TakesAnotherNameWhereADeadProcessLeftItsTemporary) {
  const TemporaryDirectory directory;
  write_file_atomically(directory / "a", "1");
  for (int i = 0; i < 2000; ++i) {
    std::ofstream(directory / (".dyadic-" + std::to_string(::getpid()) + "-" + std::to_string(i) + ".tmp")) << "stale";
  }
  write_file_atomically(directory / "a", "2");
  EXPECT_EQ(read_text_file(directory / "a"), "2");
  remove_temporaries(directory.path());
  EXPECT_EQ(directory.names(), std::vector<std::string>{"a"});
}

TEST(LineWriter, AppendsLinesAndCountsBytes) {
  const TemporaryDirectory directory;
  {
    LineWriter writer(directory / "metrics.jsonl");
    EXPECT_EQ(writer.offset(), 0);
    writer.append("{\"step\":1}");
    writer.sync();
    EXPECT_EQ(writer.offset(), 11);
    EXPECT_THROW(writer.append("two\nlines"), UsageError);
  }
  LineWriter again(directory / "metrics.jsonl");
  EXPECT_EQ(again.offset(), 11);
  again.append("{}");
  EXPECT_EQ(read_text_file(directory / "metrics.jsonl"), "{\"step\":1}\n{}\n");
}

TEST(LineWriter, TruncationMakesAResumedFileEqualToAnUninterruptedOne) {
  const TemporaryDirectory directory;
  LineWriter whole(directory / "whole");
  for (const char* line : {"a", "b", "c", "d"}) whole.append(line);
  LineWriter resumed(directory / "resumed");
  resumed.append("a");
  resumed.append("b");
  const std::int64_t checkpoint = resumed.offset();
  resumed.append("c");
  std::ofstream(directory / "resumed", std::ios::app) << "half a li";  // the process was killed here
  LineWriter second(directory / "resumed");
  second.truncate_to(checkpoint);
  EXPECT_EQ(second.offset(), checkpoint);
  second.append("c");
  second.append("d");
  EXPECT_EQ(read_text_file(directory / "resumed"), read_text_file(directory / "whole"));
}

TEST(LineWriter, RefusesToTruncateBeyondTheEndOrInsideALine) {
  const TemporaryDirectory directory;
  LineWriter writer(directory / "m");
  writer.append("abc");
  EXPECT_THROW(writer.truncate_to(5), FileFormatError);
  EXPECT_THROW(writer.truncate_to(2), FileFormatError);
  EXPECT_THROW(writer.truncate_to(-1), FileFormatError);
  EXPECT_EQ(read_text_file(directory / "m"), "abc\n");
}

TEST(LineWriter, TakesBackALineThatWasNotWrittenWhole) {
  const TemporaryDirectory directory;
  LineWriter writer(directory / "m");
  writer.append("kept");
  {
    const SystemCallFault fault(SystemCall::write, 1, ENOSPC);
    EXPECT_THROW(writer.append("lost"), IoError);
  }
  // A limit in the middle of the line: the first part of it does reach the file.
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit limit{8, before.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  EXPECT_THROW(writer.append("longer than three bytes"), IoError);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  writer.append("next");
  EXPECT_EQ(read_text_file(directory / "m"), "kept\nnext\n");
  EXPECT_EQ(writer.offset(), 10);
}

TEST(LineWriter, ReportsFailedSyncAndTruncation) {
  const TemporaryDirectory directory;
  LineWriter writer(directory / "m");
  writer.append("a");
  {
    const SystemCallFault fault(SystemCall::fsync, 1, EIO);
    EXPECT_THROW(writer.sync(), IoError);
  }
  const SystemCallFault fault(SystemCall::ftruncate, 1, EIO);
  EXPECT_THROW(writer.truncate_to(0), IoError);
}

}  // namespace
}  // namespace dyadic
