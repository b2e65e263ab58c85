// Files that are not what they should be, as the user of the program meets them: one line, the right exit code, nothing
// lost. The readers' own tests go through every defect; here each kind has one.
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "dyadic/io/file.h"
#include "dyadic/io/run_directory.h"
#include "tests/cli/program.h"
#include "tests/cli/small_digits.h"

namespace dyadic {
namespace {

using Words = std::vector<std::string>;

const Words kTrain = {"train",
                      "PI_DIGITS",
                      "FLP",
                      "--epochs",
                      "1",
                      "--out",
                      "run",
                      "--threads",
                      "1",
                      "--set",
                      "data.split={train = 300, valid = 100}",
                      "--set",
                      "network.layers.1.units=50",
                      "--set",
                      "network.layers.4.units=50"};

class BadInput : public testing::Test {
 protected:
  void SetUp() override { write_small_digits(directory_ / "data"); }
  Result dyadic(const Words& words) { return run(words, directory_.path()); }
  Result train(const Words& more = {}) {
    Words words = kTrain;
    words.insert(words.end(), more.begin(), more.end());
    return dyadic(words);
  }
  std::string data_file(const std::string& name) { return directory_ / ("data/digits/" + name); }

  // One line on stderr that names the thing, and the exit code.
  static void expect_error(const Result& result, int code, const std::string& named) {
    EXPECT_EQ(result.code, code) << result.err;
    EXPECT_EQ(std::ranges::count(result.err, '\n'), 1) << result.err;
    EXPECT_NE(result.err.find(named), std::string::npos) << result.err;
  }

  TemporaryDirectory directory_;
};

void change_byte(const std::string& path, std::size_t at, char value) {
  std::string bytes = read_text_file(path);
  bytes.at(at) = value;
  write_file_atomically(path, std::string_view(bytes));
}

TEST_F(BadInput, ATruncatedIdxFile) {
  std::filesystem::resize_file(data_file("train-images-idx3-ubyte"), 1000);
  expect_error(train(), 65, "train-images-idx3-ubyte");
}

TEST_F(BadInput, AnIdxFileOfAnotherMagic) {
  change_byte(data_file("train-labels-idx1-ubyte"), 3, 3);
  expect_error(train(), 65, "train-labels-idx1-ubyte");
}

TEST_F(BadInput, IdxFilesOfMismatchedCounts) {
  std::filesystem::copy_file(data_file("train-labels-idx1-ubyte"), data_file("t10k-labels-idx1-ubyte"),
                             std::filesystem::copy_options::overwrite_existing);
  expect_error(train(), 65, "t10k-");
}

TEST_F(BadInput, ALabelAbove9) {
  change_byte(data_file("t10k-labels-idx1-ubyte"), 20, 10);
  expect_error(train(), 65, "t10k-labels-idx1-ubyte");
}

TEST_F(BadInput, AGzipFileWithTrailingGarbage) {
  const std::string plain = data_file("t10k-labels-idx1-ubyte");
  const std::string bytes = read_text_file(plain);
  const gzFile file = gzopen((plain + ".gz").c_str(), "wb");
  ASSERT_EQ(gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size())), static_cast<int>(bytes.size()));
  ASSERT_EQ(gzclose(file), Z_OK);
  std::filesystem::remove(plain);
  ASSERT_EQ(train().code, 0);
  std::filesystem::remove_all(directory_ / "run");
  write_file_atomically(plain + ".gz", std::string_view(read_text_file(plain + ".gz") + "garbage"));
  expect_error(train(), 65, "t10k-labels-idx1-ubyte.gz");
}

TEST_F(BadInput, AnEmptyDataDirectory) {
  std::filesystem::create_directory(directory_ / "empty");
  expect_error(dyadic({"train", "PI_MNIST", "FLP", "--data", "empty", "--quiet"}), 66, "dyadic data get mnist");
}

TEST_F(BadInput, ASplitLargerThanTheData) { expect_error(train({"--set", "data.split.train=301"}), 2, "301"); }

TEST_F(BadInput, ARecipeFileThatIsNoText) {
  write_file_atomically(directory_ / "r.toml", std::string_view("\xff\xfe\x00seed", 7));
  expect_error(dyadic({"train", "r.toml"}), 2, "r.toml:1");
}

TEST_F(BadInput, ADirectoryThatIsNoRun) {
  std::filesystem::create_directory(directory_ / "other");
  for (const char* command : {"resume", "eval"}) {
    const Result result = dyadic({command, "other"});
    EXPECT_TRUE(result.code == 2 || result.code == 66) << result.code;
    EXPECT_NE(result.err.find("other"), std::string::npos) << result.err;
  }
}

TEST_F(BadInput, ADamagedOnlyCheckpointIsNeverUsed) {
  ASSERT_EQ(train({"--set", "train.keep_checkpoints=1"}).code, 0);
  const auto checkpoints = list_checkpoints(directory_ / "run");
  ASSERT_EQ(checkpoints.size(), 1U);
  const std::string whole = read_text_file(checkpoints[0].path);
  change_byte(checkpoints[0].path, whole.size() - 100, static_cast<char>(whole[whole.size() - 100] ^ 1));
  expect_error(dyadic({"eval", "run"}), 65, "run");
  std::filesystem::resize_file(checkpoints[0].path, whole.size() / 2);
  expect_error(dyadic({"eval", "run"}), 65, "run");
  expect_error(dyadic({"resume", "run", "--quiet"}), 65, "run");
  EXPECT_TRUE(std::filesystem::exists(checkpoints[0].path)) << "a checkpoint was lost";
}

TEST_F(BadInput, ACheckpointOfAnotherRecipe) {
  ASSERT_EQ(train().code, 0);
  Words second = kTrain;
  *std::ranges::find(second, "run") = "second";
  second.insert(second.end(), {"--seed", "5"});
  ASSERT_EQ(dyadic(second).code, 0);
  const auto from = list_checkpoints(directory_ / "run");
  for (const CheckpointEntry& entry : list_checkpoints(directory_ / "second")) std::filesystem::remove(entry.path);
  std::filesystem::copy_file(
      from[0].path, directory_ / ("second/checkpoints/" + std::filesystem::path(from[0].path).filename().string()));
  expect_error(dyadic({"eval", "second"}), 65, "another recipe");
}

TEST_F(BadInput, TwoProcessesOnOneRunDirectory) {
  Words words = kTrain;
  *std::ranges::find(words, "1") = "1000000";  // epochs: goes on until it is stopped
  Running running(words, directory_.path());
  running.wait_for_output();
  while (!is_run_directory(directory_ / "run")) std::this_thread::yield();
  expect_error(dyadic({"resume", "run", "--quiet"}), 74, "run");
  running.send(SIGTERM);
  EXPECT_EQ(running.wait(), 75);
}

}  // namespace
}  // namespace dyadic
