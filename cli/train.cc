#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <limits>

#include "cli/command.h"
#include "cli/run_command.h"
#include "dyadic/base/error.h"
#include "dyadic/base/parallel.h"
#include "dyadic/experiment/recipe.h"
#include "dyadic/experiment/recipe_schema.h"
#include "dyadic/experiment/tasks.h"
#include "dyadic/kernels/isa.h"

namespace dyadic::cli {
namespace {

std::vector<Override> overrides_of(const Arguments& arguments) {
  std::vector<Override> overrides = arguments.set;
  if (const auto epochs = integer_option("--epochs", arguments.epochs, 1, 1'000'000)) {
    overrides.push_back(fmt::format("train.epochs={}", *epochs));
  }
  if (const auto seed = integer_option("--seed", arguments.seed, 0, std::numeric_limits<std::int64_t>::max())) {
    overrides.push_back(fmt::format("seed={}", *seed));
  }
  return overrides;
}

void print_header(const Recipe& recipe, const std::string& run_directory) {
  if (!recipe.title.empty()) fmt::print("{}\n", recipe.title);
  fmt::print("network   {}\n", network_in_short(recipe.network));
  fmt::print("formats   {}\n", formats_in_short(recipe.formats));
  if (!recipe.train.stages.empty()) fmt::print("stages    {}\n", stages_in_short(recipe.train.stages));
  fmt::print("training  {} epochs of {} examples in batches of {}, seed {}, {}, {} thread{}\n", recipe.train.epochs,
             recipe.data.train, recipe.train.batch, recipe.seed, isa_name(active_isa()), thread_count(),
             thread_count() == 1 ? "" : "s");
  fmt::print("run       {}\n", run_directory);
  std::fflush(stdout);
}

}  // namespace

ExitCode run_train(const Arguments& arguments) {
  if (arguments.keys) {
    fmt::print("{}", recipe_reference_text());
    return ExitCode::done;
  }
  const auto& words = arguments.positionals;
  if (words.empty()) throw UsageError("train: RECIPE.toml or TASK is missing; usage: dyadic train " + task_grammar());
  std::error_code ignored;
  const bool is_file = words[0].ends_with(".toml") || std::filesystem::is_regular_file(words[0], ignored);
  if (is_file && words.size() > 1) throw UsageError("train: surplus argument '" + words[1] + "' after a recipe");

  // DYADIC_ISA and DYADIC_THREADS are found wrong here, before anything is printed or made.
  static_cast<void>(active_isa());
  static_cast<void>(thread_count());
  const std::vector<Override> overrides = overrides_of(arguments);
  const Recipe recipe = is_file ? read_recipe(words[0], overrides) : task_recipe(words, overrides);
  const std::string run_directory =
      arguments.out.empty() ? default_run_directory(arguments, recipe, is_file) : arguments.out;
  const RunOptions options = run_options(arguments, run_directory);
  const ProgressStyle style = progress_style(arguments.json, arguments.quiet);
  Progress progress(style);
  if (style == ProgressStyle::terminal || style == ProgressStyle::lines) print_header(recipe, run_directory);
  return report_outcome(train_run(recipe, options, progress.observer()), options, style);
}

}  // namespace dyadic::cli
