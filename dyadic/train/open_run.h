// A run directory or one of its checkpoints, read back to be looked at: recipe, data and the restored network.
#pragma once

#include <memory>
#include <string>

#include "dyadic/train/run.h"
#include "dyadic/train/trainer.h"

namespace dyadic {

struct OpenRun {
  std::string checkpoint;  // its file
  std::unique_ptr<DataSet> data;
  std::unique_ptr<Trainer> trainer;  // reads `data`
};

/// The newest valid checkpoint of a run, or a checkpoint file beside its run's recipe. Throws UsageError,
/// MissingInputError, FileFormatError, IoError.
OpenRun open_run(const std::string& run_or_checkpoint, const RunOptions& options, const RunObserver& observer);

}  // namespace dyadic
