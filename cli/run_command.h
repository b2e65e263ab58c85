// What `train` and `resume` share: options of a run, its result, the words about it.
#pragma once

#include <string>

#include "cli/command.h"
#include "cli/progress.h"
#include "dyadic/train/run.h"

namespace dyadic::cli {

/// Installs the signal handlers too.
RunOptions run_options(const Arguments& arguments, const std::string& run_directory);

/// Prints the result of the run in `options`; `done`, or `stopped` if it can be resumed.
ExitCode report_outcome(const RunOutcome& outcome, const RunOptions& options, ProgressStyle style);

/// "input uq0.8:sat:rne; weight_master, bias_master dfx12:sat:rna; all others dfx10:sat:rna"
std::string formats_in_short(const FormatPlan& plan);
/// "100 epochs: all but input q4.12:sat:sr - 20 epochs: all but input q4.16:sat:sr"
std::string stages_in_short(const std::vector<StageSpec>& stages);

/// "784 - dropout 0.8 - h1 1200 - maxout 5 - out 10"
std::string network_in_short(const NetworkSpec& network);

/// runs/NAME-FORMAT-sSEED: the words of a task, else the recipe's file name and 8 digits of its hash; options that make
/// another run of the same words add to it.
std::string default_run_directory(const Arguments& arguments, const Recipe& recipe, bool is_file);

}  // namespace dyadic::cli
