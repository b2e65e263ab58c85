// A run directory: everything that one training run is.
//
//   recipe.toml       the resolved, complete recipe, written before anything else: what makes a directory a run
//   initial.safetensors   only with --init-from: the weights it started from
//   metrics.jsonl     one line per record, appended (LineWriter)
//   checkpoints/      step-00001000.safetensors, ...
//   summary.json      the results
//   lock              flock(2) of the one process that may write; dies with that process
//
// All files but metrics.jsonl are replaced atomically, so that a run can be killed at any moment and read at any other.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dyadic/io/file.h"
#include "dyadic/io/safetensors.h"

namespace dyadic {

/// The exclusive right to write in a run directory, until destroyed or until the process ends, however it ends. A
/// forked child shares it.
class RunLock {
 public:
  /// Throws IoError naming the process that has it, or if the system refuses.
  explicit RunLock(const std::string& path);

 private:
  FileDescriptor file_;
};

struct CheckpointEntry {
  std::int64_t step = 0;
  std::string path;
};

struct LoadedCheckpoint {
  std::int64_t step = 0;
  std::string path;
  SafetensorsFile file;
  std::vector<std::string> skipped;  // one message for each newer checkpoint that could not be read
};

/// Read-only access to a directory, locked by somebody or not, for eval, report and resume.
/// True if `path` holds a recipe.toml.
bool is_run_directory(const std::string& path);

/// True once a run has made what a fresh start would lose: a checkpoint, metrics or a summary.
bool run_has_begun(const std::string& path);

/// Where the weights are kept that a run started from, if it started from another run's.
std::string initial_weights_path(const std::string& path);

/// Text of recipe.toml. Throws MissingInputError if there is no such directory, UsageError if it is not a run, IoError.
std::string read_recipe(const std::string& path);

/// "step-00001000.safetensors"
std::string checkpoint_name(std::int64_t step);

/// By step, newest first; other files are not looked at. Empty if there is no checkpoints folder. Throws IoError.
std::vector<CheckpointEntry> list_checkpoints(const std::string& path);

/// The newest checkpoint that is whole. None if there is no checkpoint at all: the run begins at step 0. Throws
/// FileFormatError if there are some and none is whole.
std::optional<LoadedCheckpoint> load_newest_checkpoint(const std::string& path);

/// A run directory that this process writes.
class RunDirectory {
 public:
  /// Makes the directory, with parents, locks it and writes recipe.toml. An empty directory, or what an earlier
  /// create() that died before the recipe left, is taken over. `initial_weights`, if any, are written before the
  /// recipe. Throws UsageError if `path` is a file, a run already, or holds anything else; IoError if it is locked,
  /// unwritable or full.
  static RunDirectory create(const std::string& path, std::string_view recipe,
                             const SafetensorsFile* initial_weights = nullptr);

  /// Locks an existing run. Removes the temporaries of a killed process. Throws as read_recipe() does, and IoError if
  /// it is locked.
  static RunDirectory open(const std::string& path);

  /// Gives a run that has not begun another recipe and other initial weights: its data were missing, or its recipe did
  /// not fit them. Throws UsageError if it has begun, IoError.
  void restart(std::string_view recipe, const SafetensorsFile* initial_weights) const;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string metrics_path() const { return path_ + "/metrics.jsonl"; }
  [[nodiscard]] std::string checkpoint_path(std::int64_t step) const;

  [[nodiscard]] LineWriter open_metrics() const { return LineWriter(metrics_path()); }

  /// Durable when it returns. Nothing older is deleted. Throws UsageError for a negative step, IoError.
  void write_checkpoint(std::int64_t step, const SafetensorsFile& file) const;

  /// Deletes the checkpoints older than the `keep` newest whole ones, which it reads to be sure. With fewer whole ones
  /// nothing is deleted. Throws UsageError unless keep >= 1, IoError.
  void prune(int keep) const;

  /// Replaces summary.json.
  void write_summary(std::string_view json) const;

 private:
  RunDirectory(std::string path, RunLock lock);
  void write_start(std::string_view recipe, const SafetensorsFile* initial_weights) const;

  std::string path_;
  RunLock lock_;
};

}  // namespace dyadic
