// Training, resuming and evaluating through the program, small: a few hundred images, a narrow network, one epoch.
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "dyadic/experiment/recipe.h"
#include "dyadic/io/file.h"
#include "tests/cli/program.h"
#include "tests/cli/small_digits.h"

namespace dyadic {
namespace {

using Words = std::vector<std::string>;

// The network of the tasks, narrowed, so that one epoch takes a moment.
const Words kSmall = {"--set",     "data.split={train = 300, valid = 100}",
                      "--set",     "network.layers.1.units=50",
                      "--set",     "network.layers.4.units=50",
                      "--threads", "1"};

Words small(Words words, const Words& more = {}) {
  words.insert(words.end(), kSmall.begin(), kSmall.end());
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

class Train : public testing::Test {
 protected:
  void SetUp() override { write_small_digits(directory_ / "data"); }
  Result dyadic(const Words& words) { return run(words, directory_.path()); }
  std::string summary(const std::string& run) { return read_text_file(directory_ / (run + "/summary.json")); }
  std::string checksum(const std::string& run) { return json_value(summary(run), "checkpoint_sha256"); }

  TemporaryDirectory directory_;
};

TEST_F(Train, EveryFormatOfTheOriginalGrammarTrains) {
  const std::vector<Words> kFormats = {
      {"FLP"}, {"HFLP"}, {"FXP", "5", "9", "11"}, {"DFXP", "5", "9", "11", "1", "0.0001", "2"}};
  for (const Words& format : kFormats) {
    Words words = {"train", "PI_DIGITS"};
    words.insert(words.end(), format.begin(), format.end());
    const Result result = dyadic(small(words, {"--epochs", "1", "--out", format[0]}));
    ASSERT_EQ(result.code, 0) << format[0] << ": " << result.err;
    for (const char* key :
         {"test_error", "validation_error", "test_error_at_best_validation", "best_epoch", "best_test_error", "epochs",
          "checkpoint_sha256", "seconds", "samples_per_second", "bytes_per_parameter", "isa", "threads", "version"}) {
      EXPECT_NE(json_value(summary(format[0]), key), "") << format[0] << " " << key;
    }
    EXPECT_EQ(json_value(summary(format[0]), "epochs"), "1");
    EXPECT_NE(result.out.find("epoch 1/1  loss "), std::string::npos) << result.out;
    EXPECT_NE(result.out.find("bytes per parameter"), std::string::npos) << result.out;
  }
}

TEST_F(Train, GeneratedDigitsNeedNoDataDirectory) {
  std::filesystem::remove_all(directory_ / "data");
  const Result result = dyadic(small({"train", "PI_DIGITS", "FLP", "--epochs", "1", "--out", "run"}));
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(json_value(dyadic({"eval", "run", "--json"}).out, "test_examples"), "10000");
}

TEST_F(Train, TheHeaderNamesStagesAndTheirFormats) {
  const Result result =
      dyadic(small({"train", "PI_DIGITS", "FLP", "--max-steps", "0", "--out", "run"},
                   {"--set", "train.epochs=3", "--set", "train.stages=[{epochs=2}, {epochs=1, weight=\"float16\"}]"}));
  EXPECT_NE(result.out.find("stages    2 epochs: as in formats - 1 epochs: weight float16:inf:rne\n"),
            std::string::npos)
      << result.out << result.err;
  const Result other =
      dyadic(small({"train", "PI_DIGITS", "FLP", "--max-steps", "0", "--out", "other"},
                   {"--set", "train.epochs=1", "--set", "train.stages=[{epochs=1, default=\"float16\"}]"}));
  EXPECT_NE(other.out.find("stages    1 epochs: all but input float16:inf:rne\n"), std::string::npos) << other.out;
}

TEST_F(Train, TheTaskAndItsRecipeFileGiveTheSameRun) {
  const std::string file = DYADIC_SOURCE_DIR "/recipes/courbariaux2014/pi_digits_dfxp.toml";
  const Words more = {"--set", "train.epochs=1", "--set", "seed=7"};
  ASSERT_EQ(dyadic(small({"train", file, "--out", "file"}, more)).code, 0);
  ASSERT_EQ(
      dyadic(small({"train", "PI_DIGITS", "DFXP", "5", "9", "11", "100", "0.0001", "2", "--out", "task"}, more)).code,
      0);
  EXPECT_EQ(checksum("file"), checksum("task"));
  EXPECT_EQ(read_recipe(directory_ / "file/recipe.toml", {}).seed, 7U);
}

TEST_F(Train, SeedsGiveOtherRunsAndDirectories) {
  ASSERT_EQ(dyadic(small({"train", "PI_DIGITS", "FLP", "--epochs", "1"})).code, 0);
  ASSERT_EQ(dyadic(small({"train", "PI_DIGITS", "FLP", "--epochs", "1", "--seed", "5"})).code, 0);
  std::vector<std::string> runs;
  for (const auto& entry : std::filesystem::directory_iterator(directory_ / "runs")) {
    runs.push_back("runs/" + entry.path().filename().string());
  }
  ASSERT_EQ(runs.size(), 2U);
  EXPECT_NE(checksum(runs[0]), checksum(runs[1]));
}

TEST_F(Train, ARunThatStoppedResumesToTheSameBits) {
  const Words words = small({"train", "PI_DIGITS", "DFXP", "5", "9", "11", "1", "0.0001", "1", "--epochs", "2"});
  Words whole = words;
  whole.insert(whole.end(), {"--out", "whole"});
  ASSERT_EQ(dyadic(whole).code, 0);
  Words part = words;
  part.insert(part.end(), {"--out", "part", "--max-steps", "4"});
  const Result stopped = dyadic(part);
  EXPECT_EQ(stopped.code, 75) << stopped.err;
  EXPECT_NE(stopped.out.find("resume with: dyadic resume part"), std::string::npos) << stopped.out;
  EXPECT_FALSE(std::filesystem::exists(directory_ / "part/summary.json"));
  ASSERT_EQ(dyadic({"resume", "part", "--threads", "2"}).code, 0);
  EXPECT_EQ(checksum("part"), checksum("whole"));
}

TEST_F(Train, NoStepsAtAllWriteACheckpointOfTheInitialWeights) {
  const Words words = small({"train", "PI_DIGITS", "FLP", "--epochs", "1"});
  Words whole = words;
  whole.insert(whole.end(), {"--out", "whole"});
  Words none = words;
  none.insert(none.end(), {"--out", "none", "--max-steps", "0"});
  const Result stopped = dyadic(none);
  EXPECT_EQ(stopped.code, 75) << stopped.err;
  EXPECT_NE(stopped.out.find("resume with: dyadic resume none"), std::string::npos) << stopped.out;
  std::size_t checkpoints = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_ / "none")) {
    checkpoints += entry.path().extension() == ".safetensors" ? 1 : 0;
  }
  EXPECT_EQ(checkpoints, 1U);
  ASSERT_EQ(dyadic({"resume", "none"}).code, 0);
  ASSERT_EQ(dyadic(whole).code, 0);
  EXPECT_EQ(checksum("none"), checksum("whole"));
}

TEST_F(Train, TheSameCommandAgainGoesOnOrSaysThatItIsDone) {
  const Words words = small({"train", "PI_DIGITS", "FLP", "--epochs", "1", "--out", "run"});
  Words part = words;
  part.insert(part.end(), {"--max-steps", "2"});
  ASSERT_EQ(dyadic(part).code, 75);
  ASSERT_EQ(dyadic(words).code, 0);
  const std::string first = checksum("run");
  const Result again = dyadic(words);
  EXPECT_EQ(again.code, 0);
  EXPECT_NE(again.out.find("already done"), std::string::npos) << again.out;
  EXPECT_EQ(checksum("run"), first);
}

TEST_F(Train, AFinishedRunSaysSoNeedsNoDataAndIsNotChanged) {
  ASSERT_EQ(dyadic(small({"train", "PI_DIGITS", "FLP", "--epochs", "1", "--out", "run"})).code, 0);
  const std::string before = summary("run");
  const Result again = dyadic({"resume", "run", "--isa", "ref", "--threads", "2", "--data", "nowhere"});
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_NE(again.out.find("already done"), std::string::npos) << again.out;
  EXPECT_EQ(summary("run"), before) << "isa and threads are those that trained";
}

TEST_F(Train, AFinishedRunWithAnEditedRecipeIsRefused) {
  ASSERT_EQ(dyadic(small({"train", "PI_DIGITS", "FLP", "--epochs", "1", "--out", "run"})).code, 0);
  std::string recipe = read_text_file(directory_ / "run/recipe.toml");
  const std::size_t place = recipe.find("epochs = 1");
  ASSERT_NE(place, std::string::npos);
  write_file_atomically(directory_ / "run/recipe.toml", recipe.replace(place, 10, "epochs = 4"));
  const Result again = dyadic({"resume", "run"});
  EXPECT_EQ(again.code, 65) << again.out;
  EXPECT_NE(again.err.find("belongs to another recipe"), std::string::npos) << again.err;
}

TEST_F(Train, AnalyzeCountsWhatALayerMultiplies) {
  ASSERT_EQ(dyadic(small({"train", "PI_DIGITS", "FLP", "--epochs", "1", "--out", "run"})).code, 0);
  const Result result = dyadic({"analyze", "run", "--examples", "30", "--json"});
  ASSERT_EQ(result.code, 0) << result.err;
  // 784 pixels meet every weight of the first layer in each of 30 examples.
  const std::string first = result.out.substr(0, result.out.find('\n'));
  EXPECT_EQ(json_value(first, "node"), "\"h1\"");
  EXPECT_EQ(json_value(first, "examples"), "30");
  EXPECT_EQ(std::stoll(json_value(first, "multiplications")), 30 * std::stoll(json_value(first, "weights")));
  EXPECT_GT(std::stod(json_value(first, "zero_inputs")), 0);
  EXPECT_NE(dyadic({"analyze", "run", "--examples", "30"}).out.find("resting"), std::string::npos);
  EXPECT_EQ(dyadic({"analyze", "run", "--examples", "0"}).code, 2);
  EXPECT_EQ(dyadic({"analyze", "nowhere"}).code, 66);
}

TEST_F(Train, ADamagedSummaryIsWrittenAgain) {
  ASSERT_EQ(dyadic(small({"train", "PI_DIGITS", "FLP", "--epochs", "1", "--out", "run"})).code, 0);
  const std::string first = checksum("run");
  for (const std::string_view damaged : {"", "{}", "{\"test_error\": \"low\"}", "[1"}) {
    write_file_atomically(directory_ / "run/summary.json", damaged);
    ASSERT_EQ(dyadic({"resume", "run"}).code, 0) << damaged;
    EXPECT_EQ(checksum("run"), first) << damaged;
  }
}

TEST_F(Train, ARunThatNeverBeganMakesWayForACorrectedCommand) {
  const Words words = {"train", "PI_DIGITS", "FLP", "--epochs", "1", "--out", "run"};
  ASSERT_EQ(dyadic(small(words, {"--set", "data.split.train=70000"})).code, 2) << "more examples than there are";
  const Result corrected = dyadic(small(words));
  EXPECT_EQ(corrected.code, 0) << corrected.err;
}

TEST_F(Train, TheHintToResumeNamesTheData) {
  const Result stopped =
      dyadic(small({"train", "PI_DIGITS", "FLP", "--out", "run", "--max-steps", "1", "--data", "data"}));
  EXPECT_EQ(stopped.code, 75) << stopped.err;
  EXPECT_TRUE(stopped.out.ends_with("resume with: dyadic resume run --data data\n")) << stopped.out;
}

TEST_F(Train, AnotherRecipeInTheSameDirectoryIsRefused) {
  ASSERT_EQ(dyadic(small({"train", "PI_DIGITS", "FLP", "--epochs", "1", "--out", "run"})).code, 0);
  const std::string before = summary("run");
  const Result other = dyadic(small({"train", "PI_DIGITS", "FLP", "--epochs", "2", "--out", "run"}));
  EXPECT_EQ(other.code, 2);
  EXPECT_NE(other.err.find("run"), std::string::npos);
  EXPECT_EQ(std::ranges::count(other.err, '\n'), 1) << other.err;
  EXPECT_EQ(summary("run"), before);
}

TEST_F(Train, EvalAgreesWithTheSummary) {
  Words easy = {"--set", "train.learning_rate=0.1", "--set", "train.batch=20"};  // the bands are learnt in a few epochs
  for (const char* dropout : {"0", "3", "6"}) {
    easy.insert(easy.end(), {"--set", std::string("network.layers.") + dropout + ".keep=1"});
  }
  for (const char* dense : {"4", "7"}) {
    easy.insert(easy.end(), {"--set", std::string("network.layers.") + dense + ".test_scale=1"});
  }
  const Words words = {"train",  "PI_DIGITS", "DFXP",     "5", "9",     "11", "5",
                       "0.0001", "2",         "--epochs", "5", "--out", "run"};
  ASSERT_EQ(dyadic(small(words, easy)).code, 0);
  EXPECT_LT(std::stod(json_value(summary("run"), "test_error")), 50.0) << "nothing was learnt";
  const Result result = dyadic({"eval", "run", "--json"});
  ASSERT_EQ(result.code, 0) << result.err;
  for (const char* key : {"test_error", "validation_error", "checkpoint_sha256"}) {
    EXPECT_EQ(json_value(result.out, key), json_value(summary("run"), key)) << key;
  }
  EXPECT_EQ(json_value(result.out, "test_examples"), std::to_string(kSmallTest));
  const Result spoken = dyadic({"eval", "run"});
  EXPECT_TRUE(spoken.out.starts_with("test error ")) << spoken.out;
}

TEST_F(Train, JsonIsOneObjectPerLineAndEndsInTheSummary) {
  const Result result = dyadic(small({"train", "PI_DIGITS", "FLP", "--epochs", "1", "--out", "run", "--json"}));
  ASSERT_EQ(result.code, 0) << result.err;
  std::istringstream lines(result.out);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_TRUE(line.starts_with("{\"event\": ") && line.ends_with('}')) << line;
  }
  EXPECT_NE(result.out.find("{\"event\": \"epoch\""), std::string::npos);
  const std::string last = last_line(result.out);
  EXPECT_EQ(json_value(last, "event"), "\"summary\"");
  EXPECT_EQ(json_value(last, "checkpoint_sha256"), checksum("run"));
}

TEST_F(Train, QuietPrintsTheResultOnly) {
  const Result result = dyadic(small({"train", "PI_DIGITS", "FLP", "--epochs", "1", "--quiet"}));
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_TRUE(result.out.starts_with("test error ")) << result.out;
  EXPECT_EQ(result.err, "");
}

TEST_F(Train, InitFromStartsFromAnotherRunsWeights) {
  ASSERT_EQ(dyadic(small({"train", "PI_DIGITS", "FLP", "--epochs", "1", "--out", "first"})).code, 0);
  const Words second = {"train", "PI_DIGITS", "FLP", "--epochs", "1", "--seed", "5"};
  Words fresh = second;
  Words continued = second;
  fresh.insert(fresh.end(), {"--out", "fresh"});
  continued.insert(continued.end(), {"--out", "continued", "--init-from", "first"});
  ASSERT_EQ(dyadic(small(fresh)).code, 0);
  const Result result = dyadic(small(continued));
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_NE(checksum("fresh"), checksum("continued"));
  continued.back() = "nowhere";
  continued[continued.size() - 3] = "missing";
  EXPECT_EQ(dyadic(small(continued)).code, 66);
}

TEST_F(Train, ARunThatBeganFromOtherWeightsIsRefused) {
  const Words words = {"train", "PI_DIGITS", "FLP", "--epochs", "1", "--out"};
  const auto train = [&](const Words& more) {
    Words line = words;
    line.insert(line.end(), more.begin(), more.end());
    return dyadic(small(line));
  };
  ASSERT_EQ(train({"first"}).code, 0);
  ASSERT_EQ(train({"second", "--seed", "5"}).code, 0);
  ASSERT_EQ(train({"run", "--init-from", "first", "--max-steps", "1"}).code, 75);
  EXPECT_EQ(train({"run"}).code, 2);
  EXPECT_EQ(train({"run", "--init-from", "second"}).code, 2);
  EXPECT_EQ(train({"first", "--init-from", "second"}).code, 2);
  EXPECT_EQ(train({"run", "--init-from", "first"}).code, 0) << "the same command goes on";
}

TEST_F(Train, InitialWeightsThatDoNotFitNameTheirFile) {
  ASSERT_EQ(dyadic(small({"train", "PI_DIGITS", "FLP", "--epochs", "1", "--out", "first"})).code, 0);
  const Result result =
      dyadic(small({"train", "PI_DIGITS", "FLP", "--out", "wide", "--init-from", "first", "--epochs", "1"},
                   {"--set", "network.layers.1.units=60"}));
  EXPECT_EQ(result.code, 2);
  EXPECT_TRUE(result.err.starts_with("dyadic: first: h1.weight.master is [50, 784]")) << result.err;
  EXPECT_FALSE(std::filesystem::exists(directory_ / "wide"));
}

TEST_F(Train, SignalsStopARunThatCanBeResumed) {
  for (const int signal : {SIGTERM, SIGUSR1, SIGUSR2, SIGINT}) {
    const std::string out = "run" + std::to_string(signal);
    Running running(small({"train", "PI_DIGITS", "FLP", "--out", out}), directory_.path());
    running.wait_for_output();
    running.send(signal);
    EXPECT_EQ(running.wait(), 75) << signal;
    EXPECT_TRUE(std::filesystem::exists(directory_ / (out + "/recipe.toml"))) << signal;
  }
}

TEST_F(Train, ASecondInterruptEndsTheProcessAtOnce) {
  Running running(small({"train", "PI_DIGITS", "FLP", "--out", "run"}), directory_.path());
  running.wait_for_output();
  // Two signals at once may merge into one, so more are sent until the process has gone.
  EXPECT_EQ(running.send_until_end(SIGINT), 130);
}

TEST_F(Train, ARateThatDivergesIsExitCode3) {
  Words rate = {"--set", "train.learning_rate=1e6"};
  for (const char* layer : {"1", "4", "7"}) {
    rate.insert(rate.end(), {"--set", std::string("network.layers.") + layer + ".max_column_norm=0"});
  }
  const Result result = dyadic(small({"train", "PI_DIGITS", "FLP", "--out", "run", "--epochs", "20"}, rate));
  EXPECT_EQ(result.code, 3) << result.out << result.err;
  EXPECT_NE(last_line(result.err).find("dyadic: "), std::string::npos);
}

TEST_F(Train, ARunThatDivergesKeepsItsLastGoodCheckpoint) {
  Words rising = {"--set", "train.learning_rate={start = 0.05, end = 1e6, until_fraction = 1.0}"};
  for (const char* layer : {"1", "4", "7"}) {
    rising.insert(rising.end(), {"--set", std::string("network.layers.") + layer + ".max_column_norm=0"});
  }
  const Result result = dyadic(small({"train", "PI_DIGITS", "FLP", "--out", "run", "--epochs", "20"}, rising));
  ASSERT_EQ(result.code, 3) << result.out << result.err;
  EXPECT_FALSE(std::filesystem::exists(directory_ / "run/summary.json"));
  const Result kept = dyadic({"eval", "run", "--json"});
  ASSERT_EQ(kept.code, 0) << kept.err;
  EXPECT_EQ(dyadic({"resume", "run"}).code, 3);
  EXPECT_EQ(dyadic({"eval", "run", "--json"}).out, kept.out);
}

TEST_F(Train, AnUnwritableDirectoryIsAnIoError) {
  write_file_atomically(directory_ / "file", std::string_view("x"));
  const Result result = dyadic(small({"train", "PI_DIGITS", "FLP", "--out", "file/run"}));
  EXPECT_EQ(result.code, 74) << result.err;
}

}  // namespace
}  // namespace dyadic
