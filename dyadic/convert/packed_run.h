// `dyadic export RUN --to safetensors` and `dyadic eval MODEL.safetensors`.
#pragma once

#include <string>

#include "dyadic/convert/packed_file.h"
#include "dyadic/train/run.h"

namespace dyadic {

struct ExportReport {
  std::string checkpoint;  // what was exported
  std::string file;        // what was written
  std::int64_t bytes = 0;
  std::int64_t weights = 0;
  std::int64_t float32_bytes = 0;  // that the weights would take
};

/// Writes the newest valid checkpoint of a run, or a checkpoint file beside its run's recipe, as a packed model, whole
/// or not at all. Throws UsageError that names the layer that cannot be packed and why; else as evaluate_run() does.
ExportReport export_packed(const std::string& run_or_checkpoint, const std::string& file, Packing packing,
                           const RunOptions& options, const RunObserver& observer);

/// What evaluate_run() says of the run that the model comes from, number for number, by integers up to the class; the
/// loss is that of the scores. `checkpoint` is the model's file. Data other than the run's are a warning. Throws
/// FileFormatError, MissingInputError, IoError.
EvaluationReport evaluate_packed(PackedNetwork& network, const std::string& path, const RunOptions& options,
                                 const RunObserver& observer);

}  // namespace dyadic
