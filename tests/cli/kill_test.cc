// kill -9 at random moments, then resume: the same bits as a run that was never disturbed (promise P3), and a good
// checkpoint is never lost (P6). A full disk stops the run with exit code 74 and leaves what was there.
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "dyadic/base/philox.h"
#include "dyadic/io/file.h"
#include "dyadic/io/run_directory.h"
#include "tests/cli/program.h"
#include "tests/cli/small_digits.h"

namespace dyadic {
namespace {

using Words = std::vector<std::string>;

Words command(const std::string& out) {
  return {"train",
          "PI_DIGITS",
          "DFXP",
          "5",
          "9",
          "11",
          "1",
          "0.001",
          "4",
          "--epochs",
          "6",
          "--threads",
          "1",
          "--out",
          out,
          "--set",
          "data.split={train = 300, valid = 100}",
          "--set",
          "network.layers.1.units=100",
          "--set",
          "network.layers.4.units=100"};
}

class Killed : public testing::Test {
 protected:
  void SetUp() override { write_small_digits(directory_ / "data"); }
  std::string checksum(const std::string& run) {
    return json_value(read_text_file(directory_ / (run + "/summary.json")), "checkpoint_sha256");
  }
  TemporaryDirectory directory_;
};

TEST_F(Killed, AtRandomMomentsARunResumesToTheSameBits) {
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_EQ(run(command("whole"), directory_.path()).code, 0);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const std::string metrics = read_text_file(directory_ / "whole/metrics.jsonl");
  const bool nightly = std::getenv("DYADIC_NIGHTLY") != nullptr;
  const int victims = nightly ? 50 : 3;
  const int kills = nightly ? 20 : 4;
  int killed = 0;
  for (int victim = 0; victim < victims; ++victim) {
    const std::string name = "victim" + std::to_string(victim);
    for (int kill = 0; kill < kills; ++kill) {
      Running process(command(name), directory_.path());
      const float moment =
          random_uniform({.seed = 77, .step = static_cast<std::uint32_t>(victim)}, static_cast<std::uint64_t>(kill));
      std::this_thread::sleep_for(std::chrono::duration<double>(seconds * 0.6 * moment));
      process.send(SIGKILL);
      killed += process.wait() == 128 + SIGKILL ? 1 : 0;
    }
    const Result last = run(command(name), directory_.path());
    ASSERT_EQ(last.code, 0) << last.err;
    EXPECT_EQ(checksum(name), checksum("whole"));
    const std::string resumed = read_text_file(directory_ / (name + "/metrics.jsonl"));
    EXPECT_EQ(std::ranges::count(resumed, '\n'), std::ranges::count(metrics, '\n'))
        << "an epoch is recorded twice or not at all";
  }
  EXPECT_GT(killed, 0) << "every run ended before it was killed";
}

TEST_F(Killed, ByAFullDiskTheRunStopsAndResumesWhenThereIsRoom) {
  const std::string small = directory_ / "small";
  std::filesystem::create_directory(small);
  if (mount("tmpfs", small.c_str(), "tmpfs", 0, "size=700k") != 0)
    GTEST_SKIP() << "no permission to mount a small tmpfs: disk full is not tested";
  const Result full = run(command("small/run"), directory_.path());
  EXPECT_EQ(full.code, 74) << full.err;
  EXPECT_EQ(std::ranges::count(full.err, '\n'), 1) << full.err;
  EXPECT_NE(full.err.find("No space left"), std::string::npos) << full.err;
  EXPECT_EQ(mount("tmpfs", small.c_str(), "tmpfs", MS_REMOUNT, "size=64m"), 0);
  EXPECT_EQ(run(command("small/run"), directory_.path()).code, 0);
  const std::string resumed = checksum("small/run");
  umount(small.c_str());
  ASSERT_EQ(run(command("whole"), directory_.path()).code, 0);
  EXPECT_EQ(resumed, checksum("whole"));
}

}  // namespace
}  // namespace dyadic
