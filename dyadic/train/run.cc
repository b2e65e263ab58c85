#include "dyadic/train/run.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>

#include "dyadic/base/error.h"
#include "dyadic/base/parallel.h"
#include "dyadic/io/run_directory.h"
#include "dyadic/kernels/isa.h"
#include "dyadic/train/checkpoint.h"
#include "dyadic/train/initial_weights.h"
#include "dyadic/train/metrics.h"
#include "dyadic/train/open_run.h"
#include "dyadic/train/trainer.h"

namespace dyadic {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

/// Fewer range decisions than this in the initialisation leave ranges far from where they should be (docs/numerics.md,
/// Dynamic fixed point).
constexpr std::int64_t kFewRangeUpdates = 10;

/// A run being worked on by this process: directory, data, trainer, metrics.
class Session {
 public:
  Session(RunDirectory directory, const Recipe& recipe, const RunOptions& options, const RunObserver& observer);

  RunOutcome run();

 private:
  void restore();
  // Each text once: a group that overflows does so at every decision.
  void warn(const std::string& text) {
    if (observer_.warning && warned_.insert(text).second) observer_.warning(text);
  }
  void note(const std::string& text) const {
    if (observer_.note) observer_.note(text);
  }
  /// By a signal: at once, also between batches of an evaluation.
  [[nodiscard]] bool signalled() const { return options_.stop_requested != nullptr && *options_.stop_requested != 0; }
  [[nodiscard]] bool stop_requested() const {
    return signalled() || (options_.max_steps && trainer_->progress().step >= *options_.max_steps);
  }
  void report_step();
  /// False if a signal came before the epoch was evaluated; it is still complete then.
  bool finish_epoch();
  void save();
  RunSummary summary();

  RunDirectory directory_;
  RunOptions options_;
  const RunObserver& observer_;
  DataSet data_;
  std::optional<SafetensorsFile> initial_;
  std::unique_ptr<Trainer> trainer_;
  LineWriter metrics_;
  std::set<std::string> warned_;
  Clock::time_point begin_ = Clock::now();
  Clock::time_point epoch_begin_ = begin_;
  Clock::time_point last_report_ = begin_;
  double seconds_before_ = 0;           // spent by earlier processes
  std::int64_t epoch_first_batch_ = 0;  // of the current epoch, done before this process
};

Session::Session(RunDirectory directory, const Recipe& recipe, const RunOptions& options, const RunObserver& observer)
    : directory_(std::move(directory)),
      options_(options),
      observer_(observer),
      data_(load_dataset(recipe.data.name, options.data_directory)),
      metrics_(directory_.open_metrics()) {
  const std::string initial = initial_weights_path(directory_.path());
  if (std::filesystem::exists(initial)) initial_ = read_safetensors(initial);
  trainer_ = std::make_unique<Trainer>(recipe, data_, initial_ ? &*initial_ : nullptr);
  trainer_->network().plan().count_nonfinite = options.count_nonfinite;
  char text[160];
  std::snprintf(text, sizeof text,
                "%lld parameters, %g bytes per parameter kept between steps, %g bits in a checkpoint",
                static_cast<long long>(trainer_->network().parameter_count()), trainer_->state_bytes_per_parameter(),
                trainer_->packed_bits_per_parameter());
  note(text);
  restore();
  const RangeSpec& range = recipe.formats.range;
  const std::int64_t updates = trainer_->batches_per_epoch() * range.init_epochs / range.update_every;
  const bool will_initialise = range.init_epochs == 0 || trainer_->initialising();
  if (recipe.formats.uses_ranges() && will_initialise && updates < kFewRangeUpdates) {
    warn("range initialisation makes only " + std::to_string(updates) + " range updates (" +
         std::to_string(range.init_epochs) + " epochs, one each " + std::to_string(range.update_every) +
         " batches): ranges may stay wrong; lower formats.range.update_every or raise init_epochs");
  }
}

void Session::restore() {
  const std::optional<LoadedCheckpoint> checkpoint = load_newest_checkpoint(directory_.path());
  if (checkpoint) {
    for (const std::string& message : checkpoint->skipped) warn(message);
    restore_checkpoint(checkpoint->file, checkpoint->path, *trainer_);
    note("resuming from step " + std::to_string(checkpoint->step));
  }
  metrics_.truncate_to(trainer_->progress().metrics_bytes);
  seconds_before_ = trainer_->progress().seconds;
  epoch_first_batch_ = trainer_->progress().batch;
}

void Session::report_step() {
  constexpr double kSecondsBetweenReports = 0.2;
  if (!observer_.step || seconds_since(last_report_) < kSecondsBetweenReports) return;
  last_report_ = Clock::now();
  const Progress& progress = trainer_->progress();
  const Recipe& recipe = trainer_->recipe();
  const auto examples = static_cast<double>(progress.batch * recipe.train.batch);
  const std::int64_t done_here = (progress.batch - epoch_first_batch_) * recipe.train.batch;
  const double rate = static_cast<double>(done_here) / std::max(1e-9, seconds_since(epoch_begin_));
  const std::int64_t init_epochs = recipe.formats.uses_ranges() ? recipe.formats.range.init_epochs : 0;
  const std::int64_t batches_left =
      (init_epochs + recipe.train.epochs - progress.init_epochs - progress.epochs) * trainer_->batches_per_epoch() -
      progress.batch;
  const bool initialising = trainer_->initialising();
  observer_.step({.epoch = (initialising ? progress.init_epochs : progress.epochs) + 1,
                  .epochs = initialising ? init_epochs : recipe.train.epochs,
                  .initialising = initialising,
                  .batch = progress.batch,
                  .batches = trainer_->batches_per_epoch(),
                  .loss = progress.loss_sum / examples,
                  .error = 100.0 * static_cast<double>(progress.errors) / examples,
                  .samples_per_second = rate,
                  .eta_seconds = static_cast<double>(batches_left * recipe.train.batch) / std::max(1e-9, rate)});
}

bool Session::finish_epoch() {
  std::optional<EpochReport> ended = trainer_->end_epoch([this] { return signalled(); });
  if (!ended) return false;
  EpochReport& report = *ended;
  report.seconds = seconds_since(epoch_begin_);
  const std::int64_t batches_here = trainer_->batches_per_epoch() - epoch_first_batch_;
  report.samples_per_second =
      static_cast<double>(batches_here * trainer_->recipe().train.batch) / std::max(1e-9, report.seconds);
  epoch_first_batch_ = 0;
  epoch_begin_ = Clock::now();
  metrics_.append(epoch_json(report));
  trainer_->progress().metrics_bytes = metrics_.offset();
  if (observer_.epoch) observer_.epoch(report);
  const Progress& progress = trainer_->progress();
  if (trainer_->finished() || (progress.epochs + progress.init_epochs) % trainer_->recipe().train.checkpoint_every == 0)
    save();
  return true;
}

void Session::save() {
  Progress& progress = trainer_->progress();
  progress.seconds = seconds_before_ + seconds_since(begin_);
  metrics_.sync();
  directory_.write_checkpoint(progress.step, make_checkpoint(*trainer_));
  directory_.prune(trainer_->recipe().train.keep_checkpoints);
}

RunSummary Session::summary() {
  const Progress& progress = trainer_->progress();
  return {.test_error = progress.test_error,
          .validation_error = progress.validation_error,
          .test_error_at_best_validation = progress.test_error_at_best,
          .best_epoch = progress.best_epoch,
          .best_test_error = progress.best_test_error,
          .epochs = progress.epochs,
          .steps = progress.step,
          .checkpoint_sha256 = state_checksum(trainer_->network()),
          .seconds = progress.seconds,
          .samples_per_second = progress.seconds > 0 ? static_cast<double>(progress.examples) / progress.seconds : 0,
          .bytes_per_parameter = trainer_->state_bytes_per_parameter(),
          .checkpoint_bits_per_parameter = trainer_->packed_bits_per_parameter(),
          .isa = std::string(isa_name(active_isa())),
          .threads = thread_count(),
          .version = DYADIC_VERSION};
}

RunOutcome Session::run() {
  while (!trainer_->finished()) {
    bool stops = false;
    // First, because a run may have been stopped between an epoch and its evaluation.
    if (trainer_->epoch_complete()) {
      stops = !finish_epoch();
    } else if (stop_requested()) {
      stops = true;
    } else {
      for (const std::string& warning : trainer_->step()) warn(warning);
      report_step();
    }
    if (!stops) continue;
    save();
    return {.finished = false, .summary = summary()};
  }
  RunOutcome outcome = {.finished = true, .summary = summary()};
  directory_.write_summary(summary_json(outcome.summary));
  return outcome;
}

}  // namespace

namespace {

/// The weights that --init-from names. Throws MissingInputError, FileFormatError, UsageError if they do not fit.
SafetensorsFile starting_weights(const Recipe& recipe, const std::string& init_from, const RunObserver& observer) {
  const bool is_run = is_run_directory(init_from);
  std::optional<LoadedCheckpoint> newest = is_run ? load_newest_checkpoint(init_from) : std::nullopt;
  if (is_run && !newest) throw MissingInputError(init_from + ": the run has no checkpoint to start from");
  const SafetensorsFile source = is_run ? std::move(newest->file) : read_safetensors(init_from);
  check_checkpoint_version(source, init_from);
  SafetensorsFile weights = extract_weights(source, init_from);
  Network probe(recipe, 10);
  for (const std::string& loss : load_initial_weights(weights, init_from, recipe.seed, probe)) {
    if (observer.note) observer.note(loss);
  }
  return weights;
}

void check_same_start(const std::string& run, const std::string& text, const SafetensorsFile* weights) {
  if (read_recipe(run) != text) throw UsageError(run + ": holds a run of another recipe; choose another --out");
  const std::string kept = initial_weights_path(run);
  const bool had_weights = std::filesystem::exists(kept);
  if (had_weights != (weights != nullptr) || (had_weights && !(read_safetensors(kept) == *weights))) {
    throw UsageError(run + ": the run began from other weights; 'dyadic resume' continues it, or choose another --out");
  }
}

/// The result of a run that is finished and whole: nothing is left to do, not even to look at the data.
std::optional<RunOutcome> finished_outcome(const std::string& run, const Recipe& recipe) {
  const std::string path = run + "/summary.json";
  if (!std::filesystem::exists(path)) return std::nullopt;
  const std::optional<RunSummary> summary = parse_summary(read_text_file(path));
  const std::optional<LoadedCheckpoint> checkpoint = load_newest_checkpoint(run);
  if (!summary || !checkpoint || checkpoint->step != summary->steps) return std::nullopt;
  check_checkpoint_recipe(checkpoint->file, checkpoint->path, recipe);
  return RunOutcome{.finished = true, .was_finished = true, .summary = *summary};
}

}  // namespace

RunOutcome train_run(const Recipe& recipe, const RunOptions& options, const RunObserver& observer) {
  const std::string text = recipe_text(recipe);
  const std::string& path = options.run_directory;
  // Everything that can be wrong with the recipe is found before the directory is made.
  std::optional<SafetensorsFile> weights;
  if (!options.init_from.empty()) weights = starting_weights(recipe, options.init_from, observer);
  const SafetensorsFile* initial = weights ? &*weights : nullptr;
  const bool is_run = is_run_directory(path);
  if (is_run && run_has_begun(path)) {
    check_same_start(path, text, initial);
    return resume_run(options, observer);
  }
  RunDirectory directory = is_run ? RunDirectory::open(path) : RunDirectory::create(path, text, initial);
  if (is_run) directory.restart(text, initial);
  return Session(std::move(directory), recipe, options, observer).run();
}

RunOutcome resume_run(const RunOptions& options, const RunObserver& observer) {
  const std::string text = read_recipe(options.run_directory);
  const Recipe recipe = parse_recipe(text, options.run_directory + "/recipe.toml", {});
  if (std::optional<RunOutcome> outcome = finished_outcome(options.run_directory, recipe)) return *outcome;
  return Session(RunDirectory::open(options.run_directory), recipe, options, observer).run();
}

EvaluationReport evaluate_run(const std::string& run_or_checkpoint, const RunOptions& options,
                              const RunObserver& observer) {
  const OpenRun run = open_run(run_or_checkpoint, options, observer);
  Trainer& trainer = *run.trainer;
  const EvaluationScore validation = trainer.evaluate(run.data->train, trainer.split().valid);
  const EvaluationScore test = trainer.evaluate(run.data->test, {0, run.data->test.count()});
  return {.checkpoint = run.checkpoint,
          .step = trainer.progress().step,
          .validation_error = validation.error,
          .test_error = test.error,
          .test_loss = test.loss,
          .test_examples = run.data->test.count(),
          .checkpoint_sha256 = state_checksum(trainer.network())};
}

}  // namespace dyadic
