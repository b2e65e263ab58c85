#include "dyadic/train/open_run.h"

#include <filesystem>
#include <optional>

#include "dyadic/base/error.h"
#include "dyadic/io/run_directory.h"
#include "dyadic/train/checkpoint.h"

namespace dyadic {

OpenRun open_run(const std::string& run_or_checkpoint, const RunOptions& options, const RunObserver& observer) {
  namespace fs = std::filesystem;
  const bool is_run = is_run_directory(run_or_checkpoint);
  // RUN/checkpoints/step-N.safetensors belongs to the recipe in RUN.
  const std::string run =
      is_run ? run_or_checkpoint : fs::absolute(run_or_checkpoint).parent_path().parent_path().string();
  if (!is_run && !fs::exists(run_or_checkpoint))
    throw MissingInputError(run_or_checkpoint + ": no such run or checkpoint");
  if (!is_run && fs::is_directory(run_or_checkpoint))
    static_cast<void>(read_recipe(run_or_checkpoint));  // says why not
  const Recipe recipe = parse_recipe(read_recipe(run), run + "/recipe.toml", {});
  LoadedCheckpoint checkpoint;
  if (is_run) {
    std::optional<LoadedCheckpoint> newest = load_newest_checkpoint(run);
    if (!newest) throw MissingInputError(run + ": the run has no checkpoint yet");
    checkpoint = std::move(*newest);
    for (const std::string& message : checkpoint.skipped) {
      if (observer.warning) observer.warning(message);
    }
  } else {
    checkpoint = {.path = run_or_checkpoint, .file = read_safetensors(run_or_checkpoint)};
  }
  OpenRun open = {.checkpoint = checkpoint.path,
                  .data = std::make_unique<DataSet>(load_dataset(recipe.data.name, options.data_directory)),
                  .trainer = nullptr};
  open.trainer = std::make_unique<Trainer>(recipe, *open.data, nullptr);
  open.trainer->network().plan().count_nonfinite = options.count_nonfinite;
  restore_checkpoint(checkpoint.file, checkpoint.path, *open.trainer);
  return open;
}

}  // namespace dyadic
