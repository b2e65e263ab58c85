// A run: recipe + data + run directory -> trained network, metrics, checkpoints, summary. Training, resuming and
// evaluating are functions of what lies in the run directory and the data, and of nothing else.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "dyadic/experiment/recipe.h"

namespace dyadic {

/// State of one range group, or of one role that has no range, over an epoch.
struct RoleReport {
  std::string node;
  std::string role;
  std::string format;        // full name, range included
  double overflow_rate = 0;  // share of codes at the limit
  double zero_rate = 0;
  bool has_range = false;
  int range = 0;
};

struct EpochReport {
  std::int64_t epoch = 0;  // from 1 for people; initialisation epochs count separately from 1
  std::int64_t epochs = 0;
  bool initialising = false;  // a range-initialisation epoch: nothing was evaluated
  std::uint32_t step = 0;
  double learning_rate = 0;
  double momentum = 0;
  double loss = 0;         // mean negative log likelihood over the training batches
  double train_error = 0;  // percent, under dropout
  double validation_error = 0;
  double test_error = 0;
  double seconds = 0;  // wall time of the epoch, evaluation included
  double samples_per_second = 0;
  std::vector<RoleReport> roles;
};

/// Called after each step at most a few times per second.
struct StepReport {
  std::int64_t epoch = 0;
  std::int64_t epochs = 0;
  bool initialising = false;
  std::int64_t batch = 0;
  std::int64_t batches = 0;
  double loss = 0;   // running means of the epoch
  double error = 0;  // percent
  double samples_per_second = 0;
  double eta_seconds = 0;
};

struct RunObserver {
  std::function<void(const StepReport&)> step;
  std::function<void(const EpochReport&)> epoch;
  std::function<void(const std::string&)> warning;
  std::function<void(const std::string&)> note;  // "resuming from step 1000", memory of the training state, ...
};

/// What summary.json holds (docs/run-directory.md).
struct RunSummary {
  double test_error = 0;
  double validation_error = 0;
  double test_error_at_best_validation = 0;
  std::int64_t best_epoch = 0;
  /// The least test error of any epoch: chosen by the test set itself, as some papers report it, so no estimate of
  /// anything. 100 in summaries from before 0.2.
  double best_test_error = 100;
  std::int64_t epochs = 0;
  std::uint32_t steps = 0;
  std::string checkpoint_sha256;
  double seconds = 0;
  double samples_per_second = 0;
  double bytes_per_parameter = 0;
  double checkpoint_bits_per_parameter = 0;
  std::string isa;
  int threads = 0;
  std::string version;
};

std::string summary_json(const RunSummary& summary);

/// None if `text` is not a summary_json() whole and of these types.
std::optional<RunSummary> parse_summary(const std::string& text);

struct RunOptions {
  std::string run_directory;
  std::string data_directory;                        // empty: DYADIC_DATA, then ./data
  std::optional<std::int64_t> max_steps;             // stop, resumable, after this many steps in all
  bool count_nonfinite = false;                      // --on-nonfinite=count instead of stop
  std::string init_from;                             // a checkpoint or run whose weights start this run
  const std::atomic<int>* stop_requested = nullptr;  // not zero: finish the step, checkpoint, stop
};

struct RunOutcome {
  bool finished = false;      // false: stopped and resumable (exit 75)
  bool was_finished = false;  // before: nothing was done, `summary` is the one of summary.json
  RunSummary summary;
};

/// Creates the run directory (or continues the one that is there if its recipe is the same) and trains.
/// Throws UsageError, MissingInputError, FileFormatError, NonFiniteError, IoError.
RunOutcome train_run(const Recipe& recipe, const RunOptions& options, const RunObserver& observer);

/// Continues from the newest valid checkpoint, or from step 0 if there is none. Same bits as a run never interrupted.
/// Of a finished run it changes nothing, needs no data and gives the summary that is there.
RunOutcome resume_run(const RunOptions& options, const RunObserver& observer);

struct EvaluationReport {
  std::string checkpoint;
  std::uint32_t step = 0;
  double validation_error = 0;
  double test_error = 0;
  double test_loss = 0;
  std::int64_t test_examples = 0;
  std::string checkpoint_sha256;
};

/// Evaluates the newest valid checkpoint of a run, or a checkpoint file beside its run's recipe.
EvaluationReport evaluate_run(const std::string& run_or_checkpoint, const RunOptions& options,
                              const RunObserver& observer);

}  // namespace dyadic
