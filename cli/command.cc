#include "cli/command.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "dyadic/base/error.h"
#include "dyadic/base/nearest_name.h"

namespace dyadic::cli {
namespace {

constexpr std::size_t kMany = 64;

using A = Arguments;

const auto kOptions = std::to_array<Option>(
    {{"--set", "KEY=VALUE", "override a recipe key, typed as TOML, or kernels.ternary; may be repeated", &A::set},
     {"--data", "DIR", "where data sets lie (else DYADIC_DATA, else ./data)", &A::data},
     {"--seed", "N", "every random bit follows from it", &A::seed},
     {"--threads", "N", "threads (else DYADIC_THREADS, else all processors); results do not depend on it", &A::threads},
     {"--out", "DIR", "run directory to write; of `data make`: where the prepared set goes", &A::out},
     {"--epochs", "N", "short for --set train.epochs=N", &A::epochs},
     {"--isa", "NAME", "instruction-set tier (`dyadic info` lists them); results do not depend on it", &A::isa},
     {"--max-steps", "N", "stop, resumable, after N steps in all", &A::max_steps},
     {"--on-nonfinite", "stop|count", "what a NaN or infinity does (default stop)", &A::on_nonfinite},
     {"--init-from", "PATH", "start from the weights of a run or checkpoint", &A::init_from},
     {"--format", "FORMAT", "number format: NAME[@RANGE|*SCALE][:overflow][:rounding]", &A::format},
     {"--range", "R", "range of a dfx format", &A::range},
     {"--examples", "N", "look at the first N test examples (default 1000)", &A::examples},
     {"--to", "KIND", "what to export to: safetensors (a packed model)", &A::to},
     {"-o", "FILE", "the file to write (else the run's name in the current directory)", &A::output},
     {"--pack", "bits|trits", "how weights lie in the file: their width each, or five ternary ones to a byte",
      &A::pack},
     {"--codes", "", "write the integer codes instead of the values", &A::codes},
     {"--keys", "", "print every recipe key with its meaning", &A::keys},
     {"--json", "", "JSON on stdout", &A::json},
     {"--quiet", "", "print nothing but the result", &A::quiet}});

const std::vector<Command>& commands() {
  static const std::vector<Command> kCommands = {
      {"train",
       "RECIPE.toml | TASK FORMAT [INITIAL_RANGE PROP_BITS UPDATE_BITS [UPDATE_EVERY MAX_OVERFLOW INIT_EPOCHS]]",
       "train a network in the formats of a recipe",
       0,
       kMany,
       {"--set", "--data", "--seed", "--threads", "--out", "--epochs", "--isa", "--max-steps", "--on-nonfinite",
        "--init-from", "--keys", "--json", "--quiet"},
       "tasks: PI_MNIST, MNIST, CIFAR10, SVHN; PI_DIGITS, DIGITS, SCENES (generated images, no download)\n"
       "formats: FLP (float32), HFLP (float16), FXP (fixed), DFXP (dynamic fixed); the sign is not counted in bits\n"
       "\n"
       "  dyadic train PI_DIGITS DFXP 5 9 11 100 0.0001 2 --epochs 5\n"
       "  dyadic train recipes/courbariaux2014/pi_mnist_dfxp.toml --set train.epochs=40 --set seed=7\n",
       run_train,
       true},
      {"resume",
       "RUN",
       "continue a run from its newest checkpoint, to the same bits",
       1,
       1,
       {"--data", "--set", "--threads", "--isa", "--max-steps", "--on-nonfinite", "--json", "--quiet"},
       "  dyadic resume runs/pi_mnist-flp-s1234\n",
       run_resume},
      {"eval",
       "RUN|CHECKPOINT|MODEL",
       "test and validation error of a trained network",
       1,
       1,
       {"--data", "--set", "--threads", "--isa", "--on-nonfinite", "--json", "--quiet"},
       "  dyadic eval runs/pi_mnist-flp-s1234 --json\n"
       "  dyadic eval mnist-s1234.safetensors        # what `dyadic export` wrote\n"
       "  dyadic eval runs/mnist-s1234 --isa ref --set kernels.ternary=bitplanes\n",
       run_eval},
      {"export",
       "RUN|CHECKPOINT",
       "a discrete network as a packed model: integers alone, in one file",
       1,
       1,
       {"--to", "-o", "--pack", "--data", "--threads", "--isa", "--json", "--quiet"},
       "  dyadic export runs/mnist-s1234 --to safetensors -o mnist.safetensors --pack trits\n",
       run_export},
      {"analyze",
       "RUN|CHECKPOINT",
       "zeros and resting multiplications of a trained network, by layer",
       1,
       1,
       {"--examples", "--data", "--set", "--threads", "--isa", "--on-nonfinite", "--json", "--quiet"},
       "  dyadic analyze runs/mnist-s1234 --examples 10000\n",
       run_analyze},
      {"quantize",
       "IN.npy OUT.npy",
       "round the numbers of a file into a format",
       2,
       2,
       {"--format", "--codes", "--range", "--seed", "--on-nonfinite", "--threads", "--isa", "--json", "--quiet"},
       "  dyadic quantize in.npy out.npy --format q2.14:sat:sr --seed 3\n",
       run_quantize},
      {"formats",
       "[FORMAT]",
       "the table of formats, or one format in full",
       0,
       1,
       {"--json"},
       "  dyadic formats q6.4s\n",
       run_formats},
      {"data",
       "list | get NAME | make NAME | check NAME",
       "data sets: list, download, generate or prepare, verify",
       1,
       2,
       {"--data", "--out", "--seed", "--threads", "--json", "--quiet"},
       "  dyadic data get mnist\n"
       "  dyadic data make cifar10-whitened --data data --out data\n",
       run_data},
      {"info",
       "",
       "version, processor, instruction sets and the kernels chosen",
       0,
       0,
       {"--isa", "--set", "--threads", "--json"},
       "  dyadic info --json\n",
       run_info},
  };
  return kCommands;
}

}  // namespace

std::span<const Command> command_table() { return commands(); }

const Option& find_option(std::string_view name) { return *std::ranges::find(kOptions, name, &Option::name); }

std::string usage_of(const Command& command) {
  return fmt::format("dyadic {}{}{} [OPTIONS]", command.name, command.positionals.empty() ? "" : " ",
                     command.positionals);
}

std::optional<std::int64_t> integer_option(std::string_view name, const std::string& text, std::int64_t low,
                                           std::int64_t high) {
  if (text.empty()) return std::nullopt;
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  if (result.ptr != end || result.ec == std::errc::invalid_argument) {
    throw UsageError(fmt::format("{} wants an integer, not '{}'", name, text));
  }
  if (result.ec != std::errc() || value < low || value > high) {
    throw UsageError(fmt::format("{} is {}; it must be in {}..{}", name, text, low, high));
  }
  return value;
}

bool counts_nonfinite(const Arguments& arguments) {
  const std::string& choice = arguments.on_nonfinite;
  if (choice.empty() || choice == "stop") return false;
  if (choice == "count") return true;
  const std::array<std::string, 2> choices = {"stop", "count"};
  throw UsageError(fmt::format("--on-nonfinite is '{}'; the nearest is '{}'", choice, nearest_name(choice, choices)));
}

}  // namespace dyadic::cli
