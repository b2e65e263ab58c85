#include "dyadic/io/run_directory.h"

#include <gtest/gtest.h>
#include <sys/mount.h>
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

constexpr char kRecipeText[] = "title = \"a run\"\n";

SafetensorsFile checkpoint_of(std::int64_t step) {
  SafetensorsFile file;
  file.metadata = {{"step", std::to_string(step)}};
  file.tensors = {{"w", "U8", {3}, std::vector<std::byte>(3, std::byte(static_cast<unsigned char>(step)))}};
  return file;
}

std::vector<std::int64_t> steps_of(const std::string& path) {
  std::vector<std::int64_t> steps;
  for (const CheckpointEntry& entry : list_checkpoints(path)) steps.push_back(entry.step);
  return steps;
}

void flip_a_bit(const std::string& path) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(-1, std::ios::end);
  const int last = file.get();
  file.seekp(-1, std::ios::end);
  file.put(static_cast<char>(last ^ 1));
}

/// Runs `body` in a forked process; returns its exit status.
template <typename Body>
int in_another_process(const Body& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(RunDirectory, CreationWritesTheRecipeAndParents) {
  const TemporaryDirectory directory;
  const std::string path = directory / "runs/first";
  const RunDirectory run = RunDirectory::create(path, kRecipeText);
  EXPECT_EQ(read_recipe(path), kRecipeText);
  EXPECT_TRUE(is_run_directory(path));
  EXPECT_TRUE(list_checkpoints(path).empty());
  EXPECT_FALSE(load_newest_checkpoint(path).has_value());
  run.write_summary("{}\n");
  EXPECT_EQ(read_text_file(path + "/summary.json"), "{}\n");
  LineWriter metrics = run.open_metrics();
  metrics.append("{}");
  EXPECT_EQ(read_text_file(path + "/metrics.jsonl"), "{}\n");
}

TEST(RunDirectory, RefusesWhatIsARunAlreadyOrSomethingElse) {
  const TemporaryDirectory directory;
  RunDirectory::create(directory / "run", kRecipeText);
  EXPECT_THROW(RunDirectory::create(directory / "run", "other"), UsageError);
  EXPECT_EQ(read_recipe(directory / "run"), kRecipeText);

  std::filesystem::create_directory(directory / "photos");
  write_file_atomically(directory / "photos/cat.png", "meow");
  const std::string text = message_of<UsageError>([&] { RunDirectory::create(directory / "photos", kRecipeText); });
  EXPECT_NE(text.find("cat.png"), std::string::npos) << text;
  EXPECT_FALSE(std::filesystem::exists(directory / "photos/lock")) << "nothing is left in somebody else's directory";
  EXPECT_THROW(RunDirectory::open(directory / "photos"), UsageError);

  write_file_atomically(directory / "file", "x");
  EXPECT_THROW(RunDirectory::create(directory / "file", kRecipeText), UsageError);
  EXPECT_THROW(RunDirectory::open(directory / "file"), UsageError);
  EXPECT_THROW(RunDirectory::create(directory / "file/below", kRecipeText), IoError);
  EXPECT_THROW(RunDirectory::open(directory / "none"), MissingInputError);
  EXPECT_THROW(read_recipe(directory / "none"), MissingInputError);
}

TEST(RunDirectory, TakesOverAnEmptyDirectoryAndTracesOfADeadCreation) {
  const TemporaryDirectory directory;
  std::filesystem::create_directories(directory / "run/checkpoints");
  write_file_atomically(directory / "run/lock", "999999\n");
  write_file_atomically(directory / "run/.dyadic-999999-0.tmp", "half a rec");
  RunDirectory::create(directory / "run", kRecipeText);
  EXPECT_EQ(read_recipe(directory / "run"), kRecipeText);
  EXPECT_FALSE(std::filesystem::exists(directory / "run/.dyadic-999999-0.tmp"));

  std::filesystem::create_directory(directory / "empty");
  RunDirectory::create(directory / "empty", kRecipeText);
  EXPECT_TRUE(is_run_directory(directory / "empty"));
}

TEST(RunDirectory, ARunThatHasNotBegunMayStartAgain) {
  const TemporaryDirectory directory;
  const std::string path = directory / "run";
  const SafetensorsFile weights = checkpoint_of(0);
  {
    const RunDirectory run = RunDirectory::create(path, kRecipeText, &weights);
    EXPECT_FALSE(run_has_begun(path));
    EXPECT_EQ(read_safetensors(initial_weights_path(path)), weights);
    run.restart("other", nullptr);
    EXPECT_EQ(read_recipe(path), "other");
    EXPECT_FALSE(std::filesystem::exists(initial_weights_path(path))) << "the new start has random weights";
    run.restart(kRecipeText, &weights);
    EXPECT_EQ(read_safetensors(initial_weights_path(path)), weights);
    run.open_metrics().append("{}");
    EXPECT_TRUE(run_has_begun(path));
    EXPECT_THROW(run.restart("other", nullptr), UsageError);
  }
  std::filesystem::remove(path + "/metrics.jsonl");
  EXPECT_FALSE(run_has_begun(path));
  const RunDirectory run = RunDirectory::open(path);
  run.write_checkpoint(1, weights);
  EXPECT_TRUE(run_has_begun(path));
  EXPECT_THROW(run.restart("other", nullptr), UsageError);
  EXPECT_EQ(read_recipe(path), kRecipeText);
  EXPECT_TRUE(std::filesystem::exists(initial_weights_path(path)));
}

TEST(RunDirectory, OpeningRemovesTemporariesOfAKilledProcess) {
  const TemporaryDirectory directory;
  const std::string path = directory / "run";
  RunDirectory::create(path, kRecipeText);
  std::ofstream(path + "/checkpoints/.dyadic-1-7.tmp") << "half a checkpoint";
  std::ofstream(path + "/.dyadic-1-8.tmp") << "half a summary";
  RunDirectory::open(path);
  EXPECT_FALSE(std::filesystem::exists(path + "/checkpoints/.dyadic-1-7.tmp"));
  EXPECT_FALSE(std::filesystem::exists(path + "/.dyadic-1-8.tmp"));
}

TEST(RunLock, ASecondProcessIsToldWhoHasTheRun) {
  const TemporaryDirectory directory;
  const std::string path = directory / "run";
  const RunDirectory run = RunDirectory::create(path, kRecipeText);
  const std::string holder = std::to_string(::getpid());
  const int status = in_another_process([&] {
    try {
      RunDirectory::open(path);
    } catch (const IoError& error) {
      const std::string text = error.what();
      return text.find(path) == 0 && text.find("process " + holder + ";") != std::string::npos ? 7 : 1;
    }
    return 0;
  });
  EXPECT_EQ(status, 7);
  EXPECT_EQ(read_recipe(path), kRecipeText) << "reading needs no lock";
}

TEST(RunLock, IsFreeAgainWhenTheRunIsClosed) {
  const TemporaryDirectory directory;
  const std::string path = directory / "run";
  { const RunDirectory run = RunDirectory::create(path, kRecipeText); }
  EXPECT_EQ(in_another_process([&] {
              RunDirectory::open(path);
              return 7;
            }),
            7);
}

TEST(RunLock, DiesWithAKilledProcess) {
  const TemporaryDirectory directory;
  const std::string path = directory / "run";
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const RunDirectory run = RunDirectory::create(path, kRecipeText);
    const char byte = 'r';
    if (::write(ready[1], &byte, 1) != 1) ::_exit(1);
    ::pause();
    ::_exit(0);
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_THROW(RunDirectory::open(path), IoError);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_NO_THROW(RunDirectory::open(path));
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST(Checkpoints, AreListedNewestFirstByStepAndNothingElseIs) {
  const TemporaryDirectory directory;
  const std::string path = directory / "run";
  const RunDirectory run = RunDirectory::create(path, kRecipeText);
  for (const std::int64_t step : {1000, 0, 123456789, 99}) run.write_checkpoint(step, checkpoint_of(step));
  for (const char* name : {"step-1.safetensors", "step-000001000.safetensors", "step-00000001.safetensors.bak",
                           "step--0000001.safetensors", "best.safetensors", "step-0000000x.safetensors"}) {
    std::ofstream(path + "/checkpoints/" + name) << "x";
  }
  EXPECT_EQ(steps_of(path), (std::vector<std::int64_t>{123456789, 1000, 99, 0}));
  EXPECT_EQ(checkpoint_name(1000), "step-00001000.safetensors");
  EXPECT_EQ(list_checkpoints(path)[1].path, run.checkpoint_path(1000));
  EXPECT_THROW(run.write_checkpoint(-1, {}), UsageError);
}

TEST(Checkpoints, TheNewestWholeOneIsLoadedAndTheDamagedAreNamed) {
  const TemporaryDirectory directory;
  const std::string path = directory / "run";
  const RunDirectory run = RunDirectory::create(path, kRecipeText);
  for (const std::int64_t step : {1, 2, 3}) run.write_checkpoint(step, checkpoint_of(step));
  flip_a_bit(run.checkpoint_path(3));
  const auto loaded = load_newest_checkpoint(path);
  ASSERT_TRUE(loaded.has_value());
  EXPECT_EQ(loaded->step, 2);
  EXPECT_EQ(loaded->file, checkpoint_of(2));
  ASSERT_EQ(loaded->skipped.size(), 1U);
  EXPECT_EQ(loaded->skipped[0].find(run.checkpoint_path(3)), 0U);

  std::filesystem::resize_file(run.checkpoint_path(2), 20);
  std::filesystem::resize_file(run.checkpoint_path(1), 0);
  EXPECT_THROW(load_newest_checkpoint(path), FileFormatError);
}

TEST(Checkpoints, PruningKeepsTheNewestWholeOnes) {
  const TemporaryDirectory directory;
  const std::string path = directory / "run";
  const RunDirectory run = RunDirectory::create(path, kRecipeText);
  for (std::int64_t step = 1; step <= 6; ++step) run.write_checkpoint(step, checkpoint_of(step));
  run.prune(6);
  EXPECT_EQ(steps_of(path).size(), 6U);
  run.prune(4);
  EXPECT_EQ(steps_of(path), (std::vector<std::int64_t>{6, 5, 4, 3}));
  // With damage at the top the older ones are what is left to resume from.
  flip_a_bit(run.checkpoint_path(6));
  flip_a_bit(run.checkpoint_path(5));
  run.prune(2);
  EXPECT_EQ(steps_of(path), (std::vector<std::int64_t>{6, 5, 4, 3}));
  run.prune(1);
  EXPECT_EQ(steps_of(path), (std::vector<std::int64_t>{6, 5, 4}));
  flip_a_bit(run.checkpoint_path(4));
  run.prune(1);
  EXPECT_EQ(steps_of(path), (std::vector<std::int64_t>{6, 5, 4})) << "none is whole: none is deleted";
  EXPECT_THROW(run.prune(0), UsageError);
}

TEST(Checkpoints, AFailedWriteLeavesTheOldOnes) {
  const TemporaryDirectory directory;
  const std::string path = directory / "run";
  const RunDirectory run = RunDirectory::create(path, kRecipeText);
  run.write_checkpoint(1, checkpoint_of(1));
  for (const SystemCall call : {SystemCall::open, SystemCall::write, SystemCall::fsync, SystemCall::rename}) {
    const SystemCallFault fault(call, 1, ENOSPC);
    EXPECT_THROW(run.write_checkpoint(2, checkpoint_of(2)), IoError);
  }
  EXPECT_EQ(steps_of(path), std::vector<std::int64_t>{1});
  EXPECT_EQ(load_newest_checkpoint(path)->file, checkpoint_of(1));
}

/// A process that opens the run, writes a checkpoint and prunes, killed at its first, second, ... system call until it
/// comes through: whatever it left, the run opens and has a whole checkpoint, the old or the new one.
TEST(Checkpoints, AWholeOneSurvivesKillingTheWriterAtEverySystemCall) {
  bool finished = false;
  int kills = 0;
  bool old_seen = false;
  bool new_seen = false;
  for (int nth = 1; !finished; ++nth) {
    SCOPED_TRACE("killed at system call " + std::to_string(nth));
    const TemporaryDirectory directory;
    const std::string path = directory / "run";
    {
      const RunDirectory run = RunDirectory::create(path, kRecipeText);
      run.write_checkpoint(1, checkpoint_of(1));
    }
    finished = in_another_process([&] {
                 SystemCallFault::die_at(nth);
                 const RunDirectory run = RunDirectory::open(path);
                 run.write_checkpoint(2, checkpoint_of(2));
                 run.prune(1);
                 return 7;
               }) == 7;
    if (!finished) ++kills;
    const auto loaded = load_newest_checkpoint(path);
    ASSERT_TRUE(loaded.has_value());
    EXPECT_TRUE(loaded->skipped.empty());
    ASSERT_TRUE(loaded->step == 1 || loaded->step == 2);
    EXPECT_EQ(loaded->file, checkpoint_of(loaded->step));
    (loaded->step == 1 ? old_seen : new_seen) = true;

    const RunDirectory again = RunDirectory::open(path);
    again.prune(1);
    EXPECT_EQ(steps_of(path), std::vector<std::int64_t>{loaded->step});
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
      EXPECT_FALSE(is_temporary_name(entry.path().filename().string())) << entry.path();
    }
  }
  EXPECT_GE(kills, 15) << "lock, directories, checkpoint and reading back are more calls than that";
  EXPECT_TRUE(old_seen && new_seen);
}

/// The same for the creation of a run: what is left is no run, and can be created over, or is one.
TEST(RunDirectory, ACreationKilledAtAnySystemCallCanBeRepeated) {
  bool finished = false;
  for (int nth = 1; !finished; ++nth) {
    SCOPED_TRACE("killed at system call " + std::to_string(nth));
    const TemporaryDirectory directory;
    const std::string path = directory / "runs/first";
    finished = in_another_process([&] {
                 SystemCallFault::die_at(nth);
                 RunDirectory::create(path, kRecipeText);
                 return 7;
               }) == 7;
    if (is_run_directory(path)) RunDirectory::open(path);
    else RunDirectory::create(path, kRecipeText);
    EXPECT_EQ(read_recipe(path), kRecipeText);
  }
}

TEST(RunDirectory, AFullFileSystemIsAnIoError) {
  const TemporaryDirectory directory;
  if (::mount("none", directory.path().c_str(), "tmpfs", 0, "size=16k,nr_inodes=6") != 0) {
    GTEST_SKIP() << "mounting a tmpfs is not permitted here; the failing system calls above stand in for it";
  }
  std::string creation;
  std::string checkpoint;
  try {
    const RunDirectory run = RunDirectory::create(directory / "run", kRecipeText);  // root, run, lock, folder, recipe
    SafetensorsFile large = checkpoint_of(1);
    large.tensors[0].shape = {100'000};
    large.tensors[0].bytes.resize(100'000);
    checkpoint = message_of<IoError>([&] { run.write_checkpoint(1, large); });
    creation = message_of<IoError>([&] { RunDirectory::create(directory / "second", kRecipeText); });
  } catch (const Error& error) {
    ADD_FAILURE() << error.what();
  }
  ASSERT_EQ(::umount(directory.path().c_str()), 0);
  EXPECT_NE(checkpoint.find(std::strerror(ENOSPC)), std::string::npos) << checkpoint;
  EXPECT_NE(creation.find(std::strerror(ENOSPC)), std::string::npos) << creation;
}

TEST(RunDirectory, AReadOnlyFileSystemIsAnIoError) {
  const TemporaryDirectory directory;
  if (::mount("none", directory.path().c_str(), "tmpfs", MS_RDONLY, "size=16k") != 0) {
    GTEST_SKIP() << "mounting a tmpfs is not permitted here";
  }
  const std::string text = message_of<IoError>([&] { RunDirectory::create(directory / "run", kRecipeText); });
  ASSERT_EQ(::umount(directory.path().c_str()), 0);
  EXPECT_NE(text.find(std::strerror(EROFS)), std::string::npos) << text;
}

}  // namespace
}  // namespace dyadic
