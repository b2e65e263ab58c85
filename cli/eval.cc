#include <fmt/format.h>

#include <filesystem>
#include <system_error>

#include "cli/command.h"
#include "cli/json_line.h"
#include "cli/progress.h"
#include "dyadic/convert/packed_run.h"
#include "dyadic/train/run.h"

namespace dyadic::cli {
namespace {

/// "c1 vpmaddubsw, c2 vpshufb": what multiplied in each layer of a packed model.
std::string kernels_in_short(const PackedNetwork& network) {
  std::string text;
  for (std::size_t i = 0; i < network.nodes().size(); ++i) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", network.nodes()[i].name, network.instructions(i));
  }
  return text;
}

/// Of a run, one of its checkpoints, or a packed model, of which `kernels` says what multiplied.
EvaluationReport evaluate(const std::string& path, const RunOptions& options, const RunObserver& observer,
                          std::string& kernels) {
  std::error_code none;  // what cannot be looked at is an error of evaluate_run()
  if (std::filesystem::is_regular_file(path, none)) {
    const SafetensorsFile file = read_safetensors(path);
    if (is_packed_file(file)) {
      PackedNetwork network = parse_packed_file(file, path);
      EvaluationReport report = evaluate_packed(network, path, options, observer);
      kernels = kernels_in_short(network);
      return report;
    }
  }
  return evaluate_run(path, options, observer);
}

}  // namespace

ExitCode run_eval(const Arguments& arguments) {
  RunOptions options;
  options.data_directory = arguments.data;
  options.count_nonfinite = counts_nonfinite(arguments);
  Progress progress(progress_style(arguments.json, arguments.quiet));
  std::string kernels;
  const EvaluationReport report = evaluate(arguments.positionals[0], options, progress.observer(), kernels);
  if (arguments.json) {
    JsonLine line;
    line.text("event", "evaluation").text("checkpoint", report.checkpoint).integer("step", report.step);
    line.number("test_error", report.test_error).number("validation_error", report.validation_error);
    line.number("test_loss", report.test_loss).integer("test_examples", report.test_examples);
    line.text("checkpoint_sha256", report.checkpoint_sha256);
    if (!kernels.empty()) line.text("kernels", kernels);
    fmt::print("{}\n", line.str());
    return ExitCode::done;
  }
  fmt::print("test error {:.2f} % of {} examples, loss {:.4f}; validation error {:.2f} %\n", report.test_error,
             report.test_examples, report.test_loss, report.validation_error);
  fmt::print("{} (step {}, sha256 {})\n", report.checkpoint, report.step, report.checkpoint_sha256);
  if (!kernels.empty()) fmt::print("kernels {}\n", kernels);
  return ExitCode::done;
}

}  // namespace dyadic::cli
