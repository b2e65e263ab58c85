#include "dyadic/data/make_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <system_error>

#include "dyadic/base/error.h"
#include "dyadic/io/file.h"
#include "dyadic/io/file_descriptor.h"
#include "dyadic/io/mapped_file.h"

namespace dyadic {
namespace {

namespace fs = std::filesystem;

FileDescriptor open_folder(const std::string& folder) { return {folder, O_RDONLY | O_DIRECTORY}; }

/// A hidden folder beside the one to be made, locked as long as somebody writes into it.
class Unfinished {
 public:
  explicit Unfinished(const fs::path& folder)
      : path_(folder.parent_path() / fmt::format("{}{}", prefix(folder), ::getpid())) {
    make_directories(path_.string());
    lock_ = open_folder(path_.string());
    if (!lock_.try_lock())
      throw IoError(path_.string() + ": another process has taken it for one to remove; try again");
  }
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;
  ~Unfinished() {
    std::error_code ignored;  // after the rename there is nothing under the name
    fs::remove_all(path_, ignored);
  }

  [[nodiscard]] const fs::path& path() const { return path_; }

  static std::string prefix(const fs::path& folder) {
    return fmt::format(".{}.unfinished-", folder.filename().string());
  }

 private:
  fs::path path_;
  FileDescriptor lock_;
};

/// What killed processes have left: folders that nobody holds.
void remove_unfinished(const fs::path& folder) {
  for (const fs::directory_entry& entry : fs::directory_iterator(folder.parent_path())) {
    if (!entry.path().filename().string().starts_with(Unfinished::prefix(folder)) || !entry.is_directory()) continue;
    const FileDescriptor file = open_folder(entry.path().string());
    if (file.try_lock()) fs::remove_all(entry.path());
  }
}

bool is_same(const fs::path& one, const fs::path& other) {
  const auto count = [](const fs::path& folder) {
    return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
  };
  if (!fs::is_directory(other) || count(one) != count(other)) return false;
  for (const fs::directory_entry& entry : fs::directory_iterator(one)) {
    const fs::path there = other / entry.path().filename();
    if (!fs::is_regular_file(there) || fs::file_size(there) != entry.file_size()) return false;
    const MappedFile bytes(entry.path().string());
    const MappedFile bytes_there(there.string());
    if (!std::ranges::equal(bytes.bytes(), bytes_there.bytes())) return false;
  }
  return true;
}

}  // namespace

bool make_folder(const std::string& folder, const std::function<void(const std::string& folder)>& write) {
  const fs::path target = fs::weakly_canonical(folder);
  make_directories(target.parent_path().string());
  remove_unfinished(target);
  const Unfinished made(target);
  write(made.path().string());
  // POSIX: over an empty folder, or where there is none.
  if (std::rename(made.path().c_str(), target.c_str()) == 0) {
    sync_directory(target.parent_path().string());
    return false;
  }
  if (errno != ENOTEMPTY && errno != EEXIST && errno != ENOTDIR) throw IoError(system_error_text(folder, "rename"));
  if (is_same(made.path(), target)) return true;
  throw UsageError(folder + ": is there already and holds something else: remove it, or name another place with --out");
}

void make_generated(const DataSetRow& row, const MakeRequest& request,
                    void (*write)(const DataSet& set, const std::string& folder)) {
  const DataSet set = row.generate(request.seed);
  const bool was_there = make_folder(request.folder, [&](const std::string& folder) { write(set, folder); });
  if (was_there && request.note) request.note("there already, the same files: kept");
}

}  // namespace dyadic
