#include "dyadic/io/run_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <system_error>
#include <utility>

#include "dyadic/base/error.h"

namespace dyadic {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kRecipe = "recipe.toml";
constexpr std::string_view kInitialWeights = "initial.safetensors";
constexpr std::string_view kCheckpoints = "checkpoints";
constexpr std::string_view kMetrics = "metrics.jsonl";
constexpr std::string_view kSummary = "summary.json";
constexpr std::string_view kLock = "lock";
constexpr std::string_view kCheckpointPrefix = "step-";
constexpr std::string_view kCheckpointSuffix = ".safetensors";

std::string inside(const std::string& directory, std::string_view name) { return directory + "/" + std::string(name); }

/// Paths in `directory`. Throws IoError.
std::vector<fs::path> entries_of(const std::string& directory) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    entries.push_back(entry->path());
  }
  if (error) throw IoError(directory + ": listing failed: " + error.message());
  return entries;
}

bool exists(const std::string& path) {
  std::error_code error;
  const bool found = fs::exists(path, error);
  if (error) throw IoError(path + ": looking for it failed: " + error.message());
  return found;
}

bool is_directory(const std::string& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

/// Throws UsageError unless a new run may be made here: no directory yet, an empty one, or the first traces of a run.
void check_free(const std::string& path) {
  if (!exists(path)) return;
  if (!is_directory(path)) throw UsageError(path + ": is not a directory; choose another --out");
  if (is_run_directory(path)) {
    throw UsageError(path + ": is a run already; 'dyadic resume' continues it, another --out starts a new one");
  }
  for (const fs::path& entry : entries_of(path)) {
    const std::string name = entry.filename().string();
    const bool is_ours = name == kLock || name == kInitialWeights || is_temporary_name(name) ||
                         (name == kCheckpoints && is_directory(entry.string()) && entries_of(entry.string()).empty());
    if (!is_ours) {
      throw UsageError(path + ": holds '" + name + "' and no recipe.toml, so it is not a run; choose another --out");
    }
  }
}

void check_is_run(const std::string& path) {
  if (!exists(path)) throw MissingInputError(path + ": no such run directory");
  if (!is_run_directory(path)) throw UsageError(path + ": is not a run directory: it holds no recipe.toml");
}

/// "12345", for people; empty if the holder has not written it yet.
std::string lock_holder(const FileDescriptor& file) {
  std::array<char, 32> text{};
  const ssize_t size = ::pread(file.number(), text.data(), text.size(), 0);
  const std::string_view all(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  return std::string(all.substr(0, all.find_first_not_of("0123456789")));
}

/// The step in a checkpoint's name; none for other names.
std::optional<std::int64_t> checkpoint_step(const std::string& name) {
  if (!name.starts_with(kCheckpointPrefix) || !name.ends_with(kCheckpointSuffix)) return std::nullopt;
  std::int64_t step = -1;
  std::from_chars(name.data() + kCheckpointPrefix.size(), name.data() + name.size(), step);
  if (step < 0 || checkpoint_name(step) != name) return std::nullopt;
  return step;
}

void remove_file(const std::string& path) {
  std::error_code error;
  fs::remove(path, error);
  if (error) throw IoError(path + ": remove failed: " + error.message());
}

}  // namespace

RunLock::RunLock(const std::string& path) : file_(inside(path, kLock), O_RDWR | O_CREAT) {
  if (!file_.try_lock()) {
    const std::string holder = lock_holder(file_);
    throw IoError(path + ": the run is in use by process " + (holder.empty() ? "(unknown)" : holder) +
                  "; stop that process, or wait for it");
  }
  if (::ftruncate(file_.number(), 0) != 0) throw IoError(system_error_text(file_.path(), "truncate"));
  const std::string text = std::to_string(::getpid()) + "\n";
  file_.write_all(std::as_bytes(std::span(text)));
}

bool is_run_directory(const std::string& path) { return exists(inside(path, kRecipe)); }

bool run_has_begun(const std::string& path) {
  std::error_code error;
  const auto metrics_bytes = fs::file_size(inside(path, kMetrics), error);
  const bool has_metrics = !error && metrics_bytes > 0;
  return has_metrics || exists(inside(path, kSummary)) || !list_checkpoints(path).empty();
}

std::string initial_weights_path(const std::string& path) { return inside(path, kInitialWeights); }

std::string read_recipe(const std::string& path) {
  check_is_run(path);
  return read_text_file(inside(path, kRecipe));
}

std::string checkpoint_name(std::int64_t step) {
  return fmt::format("{}{:08}{}", kCheckpointPrefix, step, kCheckpointSuffix);
}

std::vector<CheckpointEntry> list_checkpoints(const std::string& path) {
  const std::string folder = inside(path, kCheckpoints);
  std::vector<CheckpointEntry> checkpoints;
  if (!exists(folder)) return checkpoints;
  for (const fs::path& entry : entries_of(folder)) {
    if (const auto step = checkpoint_step(entry.filename().string())) checkpoints.push_back({*step, entry.string()});
  }
  std::ranges::sort(checkpoints, std::ranges::greater{}, &CheckpointEntry::step);
  return checkpoints;
}

std::optional<LoadedCheckpoint> load_newest_checkpoint(const std::string& path) {
  LoadedCheckpoint loaded;
  for (const CheckpointEntry& entry : list_checkpoints(path)) {
    try {
      loaded.file = read_safetensors(entry.path);
      loaded.step = entry.step;
      loaded.path = entry.path;
      return loaded;
    } catch (const Error& error) {
      loaded.skipped.emplace_back(error.what());
    }
  }
  if (loaded.skipped.empty()) return std::nullopt;
  throw FileFormatError(fmt::format(
      "{}: none of {} checkpoints can be read; restore one, or move them away to begin at step 0; the newest: {}", path,
      loaded.skipped.size(), loaded.skipped.front()));
}

RunDirectory::RunDirectory(std::string path, RunLock lock) : path_(std::move(path)), lock_(std::move(lock)) {}

RunDirectory RunDirectory::create(const std::string& path, std::string_view recipe,
                                  const SafetensorsFile* initial_weights) {
  check_free(path);
  make_directories(path);
  RunDirectory run(path, RunLock(path));
  check_free(path);  // another process may have been faster, and done by now
  remove_temporaries(path);
  make_directories(inside(path, kCheckpoints));
  run.write_start(recipe, initial_weights);
  return run;
}

void RunDirectory::restart(std::string_view recipe, const SafetensorsFile* initial_weights) const {
  if (run_has_begun(path_)) throw UsageError(path_ + ": the run has begun; 'dyadic resume' continues it");
  write_start(recipe, initial_weights);
}

/// The recipe last: it makes the directory a run, which must not start from other weights.
void RunDirectory::write_start(std::string_view recipe, const SafetensorsFile* initial_weights) const {
  const std::string weights = initial_weights_path(path_);
  if (initial_weights != nullptr) write_safetensors_atomically(weights, *initial_weights);
  else if (exists(weights)) remove_file(weights);
  write_file_atomically(inside(path_, kRecipe), recipe);
}

RunDirectory RunDirectory::open(const std::string& path) {
  check_is_run(path);
  RunDirectory run(path, RunLock(path));
  make_directories(inside(path, kCheckpoints));
  remove_temporaries(path);
  remove_temporaries(inside(path, kCheckpoints));
  return run;
}

std::string RunDirectory::checkpoint_path(std::int64_t step) const {
  return inside(inside(path_, kCheckpoints), checkpoint_name(step));
}

void RunDirectory::write_checkpoint(std::int64_t step, const SafetensorsFile& file) const {
  if (step < 0) throw UsageError("checkpoint: step " + std::to_string(step) + " is negative");
  write_safetensors_atomically(checkpoint_path(step), file);
}

void RunDirectory::prune(int keep) const {
  if (keep < 1) throw UsageError("checkpoints: at least one is kept, not " + std::to_string(keep));
  int whole = 0;
  for (const CheckpointEntry& entry : list_checkpoints(path_)) {
    if (whole == keep) {
      remove_file(entry.path);
      continue;
    }
    try {
      read_safetensors(entry.path);
      ++whole;
    } catch (const FileFormatError&) {  // damaged: not counted, and not deleted before `keep` newer ones are whole
    }
  }
}

void RunDirectory::write_summary(std::string_view json) const { write_file_atomically(inside(path_, kSummary), json); }

}  // namespace dyadic
