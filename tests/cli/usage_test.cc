// Help, version, and every wrong command line: one line on stderr and the right exit code.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/cli/program.h"

namespace dyadic {
namespace {

struct BadLine {
  std::vector<std::string> arguments;
  int code;
  std::string message;  // how stderr begins, after "dyadic: "
};

TEST(Usage, EveryWrongCommandLineIsOneLineAndAnExitCode) {
  const std::vector<BadLine> kRows = {
      {{"trian", "PI_MNIST", "FLP"}, 2, "unknown command 'trian'; the nearest is 'train' ('dyadic --help' lists them)"},
      {{"--json", "info"}, 2, "option --json comes before the command"},
      {{"train"}, 2, "train: RECIPE.toml or TASK is missing; usage: dyadic train TASK FORMAT"},
      {{"train", "PI_MNST", "FLP"}, 2, "unknown task 'PI_MNST'; the nearest is 'PI_MNIST'"},
      {{"train", "PI_MNIST", "FLPP"}, 2, "unknown format 'FLPP'; the nearest is 'FLP'"},
      {{"train", "CIFAR10", "FLP"},
       66,
       "cifar10-whitened: data/cifar10-whitened/cifar10-whitened.safetensors is not there: "
       "make it once with `dyadic data make cifar10-whitened"},
      {{"train", "PI_MNIST", "FXP", "5", "9"}, 2, "UPDATE_BITS is missing; usage: PI_MNIST FXP"},
      {{"train", "PI_MNIST", "FLP", "5"}, 2, "surplus argument '5'; usage: PI_MNIST FLP"},
      {{"train", "PI_MNIST", "DFXP", "-49", "9", "11"}, 2, "INITIAL_RANGE is -49; it must be in -48..47"},
      {{"train", "PI_MNIST", "DFXP", "5", "32", "11"}, 2, "PROP_BITS is 32; it must be in 1..31"},
      {{"train", "PI_MNIST", "FLP", "--epoch", "3"}, 2, "train: unknown option --epoch; the nearest is --epochs"},
      {{"train", "PI_MNIST", "FLP", "--epoch=3"}, 2, "train: unknown option --epoch; the nearest is --epochs"},
      {{"train", "PI_MNIST", "FLP", "--epochs", "many"}, 2, "--epochs wants an integer, not 'many'"},
      {{"train", "PI_MNIST", "FLP", "--epochs", "0"}, 2, "--epochs is 0; it must be in 1..1000000"},
      {{"train", "PI_MNIST", "FLP", "--epochs"}, 2, "train: --epochs"},
      {{"train", "PI_MNIST", "FLP", "--seed", "-1"}, 2, "--seed is -1; it must be in 0..9223372036854775807"},
      {{"train", "PI_MNIST", "FLP", "--max-steps", "-1"}, 2, "--max-steps is -1; it must be in 0.."},
      {{"train", "PI_MNIST", "FLP", "--threads", "0"}, 2, "--threads is 0; it must be in 1..1024"},
      {{"train", "PI_MNIST", "FLP", "--isa", "avx9"}, 2, "unknown instruction set 'avx9'"},
      {{"train", "PI_MNIST", "FLP", "--on-nonfinite=go"}, 2, "--on-nonfinite is 'go'; the nearest is 'stop'"},
      {{"train", "PI_MNIST", "FLP", "--set", "train.epocs=3"},
       2,
       "--set train.epocs=3: unknown key \"train.epocs\"; the nearest is \"train.epochs\""},
      {{"train", "PI_MNIST", "FLP", "--set", "formats.wieght=z6"},
       2,
       "--set formats.wieght=z6: unknown key \"formats.wieght\"; the nearest is \"formats.weight\""},
      {{"train", "PI_MNIST", "FLP", "--set", "formats.weight=flaot16"},
       2,
       "--set formats.weight=flaot16: \"formats.weight\": format 'flaot16': unknown format; the nearest is 'float16'"},
      {{"train", "missing.toml"}, 66, "missing.toml: "},
      {{"train", "missing.toml", "FLP"}, 2, "train: surplus argument 'FLP' after a recipe"},
      {{"train", "PI_MNIST", "FLP", "--data", "no-such-directory"}, 66, "no-such-directory: "},
      {{"resume"}, 2, "resume: RUN is missing; usage: dyadic resume RUN [OPTIONS]"},
      {{"resume", "a", "b"}, 2, "resume: surplus argument 'b'; usage: dyadic resume RUN [OPTIONS]"},
      {{"resume", "no-such-run"}, 66, "no-such-run"},
      {{"eval"}, 2, "eval: RUN|CHECKPOINT|MODEL is missing"},
      {{"eval", "no-such-run"}, 66, "no-such-run"},
      {{"export"}, 2, "export: RUN|CHECKPOINT is missing"},
      {{"eval", "run", "--jsn"}, 2, "eval: unknown option --jsn; the nearest is --json"},
      {{"formats", "flaot16"}, 2, "format 'flaot16': unknown format; the nearest is 'float16'"},
      {{"formats", "q6.4s", "q2.14"}, 2, "formats: surplus argument 'q2.14'"},
      {{"formats", "q20.20"}, 2, "format 'q20.20': width 40 is outside 2..32"},
      {{"data"}, 2, "data: argument missing; usage: dyadic data list | get NAME | make NAME | check NAME"},
      {{"data", "lst"}, 2, "data: unknown action 'lst'; the nearest is 'list'"},
      {{"data", "get"}, 2, "data: NAME is missing; usage: dyadic data get NAME"},
      {{"data", "list", "mnist"}, 2, "data: surplus argument 'mnist'; usage: dyadic data list"},
      {{"data", "check", "mnits"}, 2, "unknown data set 'mnits': did you mean 'mnist'?"},
      {{"data", "check", "mnist"}, 66, "mnist: "},
      {{"data", "get", "digits"}, 2, ""},
      {{"data", "make", "mnist"}, 2, ""},
      {{"info", "cpu"}, 2, "info: surplus argument 'cpu'"},
      {{"info", "--isa", "sse"}, 2, "unknown instruction set 'sse'"},
      {{"quantize", "a.npy"}, 2, "quantize: OUT.npy is missing; usage: dyadic quantize IN.npy OUT.npy"},
      {{"quantize", "a.npy", "b.npy"}, 2, "quantize: --format is missing, for example --format q2.14:sat:sr"},
      {{"quantize", "a.npy", "b.npy", "--format", "exact"}, 2, "quantize: format 'exact' does not round"},
      {{"quantize", "a.npy", "b.npy", "--format", "dfx10:sat:rna"},
       2,
       "quantize: format 'dfx10:sat:rna' has no range; add --range R or write dfx10@R"},
      {{"quantize", "a.npy", "b.npy", "--format", "q2.14", "--range", "3"},
       2,
       "quantize: --range belongs to dfx formats, not to 'q2.14'"},
      {{"train", "CIFAR", "FLP"},
       2,
       "unknown task 'CIFAR'; the nearest is 'CIFAR10'; tasks: PI_MNIST, PI_DIGITS, MNIST, "
       "DIGITS, CIFAR10, SVHN, SCENES\n"},
      {{"train", "PI_MNIST", "FLP", "--out", ""}, 2, "train: --out: the value is empty"},
      {{"quantize", "a.npy", "b.npy", "--format", "dfx10@2", "--range", "3"},
       2,
       "quantize: --range is 3, but the format is 'dfx10@2'"},
      {{"quantize", "a.npy", "b.npy", "--format", "dfx10", "--range", "48"}, 2, "--range is 48; it must be in -48..47"},
      {{"quantize", "a.npy", "b.npy", "--format", "q2.14:sat:srr"}, 2, "format 'q2.14:sat:srr': 'srr' is neither"},
      {{"quantize", "a.npy", "b.npy", "--format", "q2.14"}, 66, "a.npy: "},
  };
  const TemporaryDirectory directory;
  for (const BadLine& row : kRows) {
    std::string line;
    for (const std::string& word : row.arguments) line += " " + word;
    const Result result = run(row.arguments, directory.path());
    EXPECT_EQ(result.code, row.code) << line << "\n" << result.err;
    EXPECT_EQ(result.err.substr(0, 8 + row.message.size()), "dyadic: " + row.message) << line;
    EXPECT_EQ(std::ranges::count(result.err, '\n'), 1) << line << "\n" << result.err;
    EXPECT_TRUE(result.err.ends_with('\n')) << line;
  }
}

TEST(Usage, AWrongCommandLineLeavesNothingBehind) {
  const TemporaryDirectory directory;
  run({"train", "PI_DIGITS", "FLP", "--set", "train.epocs=3"}, directory.path());
  run({"quantize", "a.npy", "b.npy", "--format", "q2.14"}, directory.path());
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST(Usage, WithoutArgumentsHelpAndExitCode2) {
  const TemporaryDirectory directory;
  const Result result = run({}, directory.path());
  EXPECT_EQ(result.code, 2);
  EXPECT_EQ(result.out, run({"--help"}, directory.path()).out);
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(run({"help"}, directory.path()).out, result.out);
}

struct Help {
  std::vector<std::string> arguments;
  std::vector<std::string> lines;  // first lines of the output
};

TEST(Usage, HelpSaysWhatACommandDoesAndTakes) {
  const std::vector<Help> kRows = {
      {{"--help"},
       {"dyadic " DYADIC_VERSION ": train and run neural networks in any number format, exactly", "",
        "Usage: dyadic COMMAND [ARGUMENTS] [OPTIONS]"}},
      {{"train", "--help"},
       {"train a network in the formats of a recipe", "",
        "Usage: dyadic train RECIPE.toml | TASK FORMAT [INITIAL_RANGE PROP_BITS UPDATE_BITS [UPDATE_EVERY MAX_OVERFLOW "
        "INIT_EPOCHS]] [OPTIONS]"}},
      {{"resume", "-h"},
       {"continue a run from its newest checkpoint, to the same bits", "", "Usage: dyadic resume RUN [OPTIONS]"}},
      {{"eval", "--help"},
       {"test and validation error of a trained network", "", "Usage: dyadic eval RUN|CHECKPOINT|MODEL [OPTIONS]"}},
      {{"quantize", "--help"},
       {"round the numbers of a file into a format", "", "Usage: dyadic quantize IN.npy OUT.npy [OPTIONS]"}},
      {{"formats", "--help"},
       {"the table of formats, or one format in full", "", "Usage: dyadic formats [FORMAT] [OPTIONS]"}},
      {{"data", "--help"},
       {"data sets: list, download, generate or prepare, verify", "",
        "Usage: dyadic data list | get NAME | make NAME | check NAME [OPTIONS]"}},
      {{"info", "--help"},
       {"version, processor, instruction sets and the kernels chosen", "", "Usage: dyadic info [OPTIONS]"}},
  };
  const TemporaryDirectory directory;
  for (const Help& row : kRows) {
    const Result result = run(row.arguments, directory.path());
    std::string expected;
    for (const std::string& line : row.lines) expected += line + "\n";
    EXPECT_EQ(result.code, 0) << row.arguments[0];
    EXPECT_EQ(result.out.substr(0, expected.size()), expected) << row.arguments[0];
  }
}

TEST(Usage, VersionIsOneLine) {
  const TemporaryDirectory directory;
  EXPECT_EQ(run({"--version"}, directory.path()).out, "dyadic " DYADIC_VERSION "\n");
}

TEST(Usage, AFullStandardOutputIsAnIoError) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "NO /dev/full ON THIS MACHINE";
  const TemporaryDirectory directory;
  const Result result = run_into("/dev/full", {"info"}, directory.path());
  EXPECT_EQ(result.code, 74);
  EXPECT_EQ(std::ranges::count(result.err, '\n'), 1) << result.err;
}

// `ulimit -f` sends SIGXFSZ, which ends a program that does not expect it.
TEST(Usage, AFileBeyondTheLimitOfSizeIsAnIoError) {
  const TemporaryDirectory directory;
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
  rlimit small = limit;
  small.rlim_cur = 1 << 20;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const Result result = run({"data", "make", "digits", "--data", directory.path()}, directory.path());
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  EXPECT_EQ(result.code, 74);
  EXPECT_EQ(std::ranges::count(result.err, '\n'), 1) << result.err;
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

}  // namespace
}  // namespace dyadic
