#include "cli/command.h"
#include "cli/run_command.h"

namespace dyadic::cli {

ExitCode run_resume(const Arguments& arguments) {
  const std::string& run_directory = arguments.positionals[0];
  const RunOptions options = run_options(arguments, run_directory);
  const ProgressStyle style = progress_style(arguments.json, arguments.quiet);
  Progress progress(style);
  return report_outcome(resume_run(options, progress.observer()), options, style);
}

}  // namespace dyadic::cli
