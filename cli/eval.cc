#include <fmt/format.h>

#include "cli/command.h"
#include "cli/json_line.h"
#include "cli/progress.h"
#include "dyadic/train/run.h"

namespace dyadic::cli {

ExitCode run_eval(const Arguments& arguments) {
  RunOptions options;
  options.data_directory = arguments.data;
  options.count_nonfinite = counts_nonfinite(arguments);
  Progress progress(progress_style(arguments.json, arguments.quiet));
  const EvaluationReport report = evaluate_run(arguments.positionals[0], options, progress.observer());
  if (arguments.json) {
    JsonLine line;
    line.text("event", "evaluation").text("checkpoint", report.checkpoint).integer("step", report.step);
    line.number("test_error", report.test_error).number("validation_error", report.validation_error);
    line.number("test_loss", report.test_loss).integer("test_examples", report.test_examples);
    fmt::print("{}\n", line.text("checkpoint_sha256", report.checkpoint_sha256).str());
    return ExitCode::done;
  }
  fmt::print("test error {:.2f} % of {} examples, loss {:.4f}; validation error {:.2f} %\n", report.test_error,
             report.test_examples, report.test_loss, report.validation_error);
  fmt::print("{} (step {}, sha256 {})\n", report.checkpoint, report.step, report.checkpoint_sha256);
  return ExitCode::done;
}

}  // namespace dyadic::cli
