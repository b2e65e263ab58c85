#include "dyadic/io/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <system_error>

#include "dyadic/base/error.h"

namespace dyadic {
namespace {

constexpr std::string_view kTemporaryPrefix = ".dyadic-";
constexpr std::string_view kTemporarySuffix = ".tmp";

/// Removes a temporary unless it was renamed into its place.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& directory) {
    static std::atomic<unsigned> counter = 0;
    // A name may be taken by a process of the same number that died, on this machine or on another that shares the
    // directory; O_EXCL finds out.
    while (!file_) {
      path_ = directory + "/" + std::string(kTemporaryPrefix) + std::to_string(::getpid()) + "-" +
              std::to_string(counter++) + std::string(kTemporarySuffix);
      file_ = FileDescriptor::create_new(path_);
    }
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (!renamed_) ::unlink(path_.c_str());
  }

  FileDescriptor& file() { return *file_; }

  void rename_to(const std::string& target) {
    if (::rename(path_.c_str(), target.c_str()) != 0) throw IoError(system_error_text(target, "rename"));
    renamed_ = true;
  }

 private:
  std::string path_;
  std::optional<FileDescriptor> file_;
  bool renamed_ = false;
};

std::string directory_of(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

void sync_open_directory(const FileDescriptor& directory) {
  // Some network and FUSE file systems have no fsync of directories and say EINVAL; there is nothing more to do there.
  if (::fsync(directory.number()) != 0 && errno != EINVAL) {
    throw IoError(system_error_text(directory.path(), "fsync of the directory"));
  }
}

std::span<const std::byte> as_bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

}  // namespace

std::vector<std::byte> read_file(const std::string& path, std::int64_t cap) {
  const FileDescriptor file(path, O_RDONLY);
  struct stat status {};
  if (::fstat(file.number(), &status) != 0) throw IoError(system_error_text(path, "stat"));
  const auto limit = static_cast<std::size_t>(cap);
  const auto refuse = [&] {
    throw FileFormatError(path + ": longer than " + std::to_string(cap) + " bytes, the most that is read here");
  };
  if (S_ISREG(status.st_mode) && status.st_size > cap) refuse();
  // One byte more than the size, so that the end shows; pipes and /proc have no size and grow.
  constexpr std::size_t kFirstChunk = std::size_t{1} << 16;
  std::vector<std::byte> bytes(S_ISREG(status.st_mode) && status.st_size > 0
                                   ? static_cast<std::size_t>(status.st_size) + 1
                                   : std::min(kFirstChunk, limit + 1));
  std::size_t size = 0;
  for (;;) {
    const std::size_t count = file.read_some(std::span(bytes).subspan(size));
    if (count == 0) break;
    size += count;
    if (size > limit) refuse();
    if (size == bytes.size()) bytes.resize(std::min(2 * size, limit + 1));
  }
  bytes.resize(size);
  return bytes;
}

std::string read_text_file(const std::string& path, std::int64_t cap) {
  const std::vector<std::byte> bytes = read_file(path, cap);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void write_file_atomically(const std::string& path, std::span<const std::byte> bytes) {
  std::string target = path;
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) {
    if (!S_ISREG(status.st_mode)) {
      FileDescriptor file(path, O_WRONLY);
      file.write_all(bytes);
      file.close();
      return;
    }
    std::error_code error;
    const std::filesystem::path resolved = std::filesystem::canonical(path, error);
    if (error) throw IoError(path + ": resolving the path failed: " + error.message());
    target = resolved.string();
  }
  const std::string parent = directory_of(target);
  try {
    FileDescriptor directory(parent, O_RDONLY | O_DIRECTORY);
    TemporaryFile temporary(parent);
    temporary.file().write_all(bytes);
    temporary.file().sync();
    temporary.file().close();
    temporary.rename_to(target);
    sync_open_directory(directory);
    directory.close();
  } catch (const Error& error) {
    // The failure is one of output, also where the directory is missing, and it belongs to the file asked for.
    throw IoError(path + ": writing failed: " + error.what());
  }
}

void write_file_atomically(const std::string& path, std::string_view text) {
  write_file_atomically(path, as_bytes(text));
}

struct AtomicFile::State {
  explicit State(const std::string& target)
      : path(target), directory(directory_of(target), O_RDONLY | O_DIRECTORY), temporary(directory_of(target)) {}
  std::string path;
  FileDescriptor directory;
  TemporaryFile temporary;
};

AtomicFile::AtomicFile(const std::string& path) {
  try {
    state_ = std::make_unique<State>(path);
  } catch (const Error& error) {
    throw IoError(path + ": writing failed: " + error.what());
  }
}
AtomicFile::AtomicFile(AtomicFile&&) noexcept = default;
AtomicFile::~AtomicFile() = default;

void AtomicFile::append(std::span<const std::byte> bytes) { state_->temporary.file().write_all(bytes); }

void AtomicFile::overwrite(std::int64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(state_->temporary.file().number(), bytes.data(), bytes.size(), offset);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw IoError(system_error_text(state_->path, "write"));
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    offset += written;
  }
}

void AtomicFile::commit() {
  state_->temporary.file().sync();
  state_->temporary.file().close();
  state_->temporary.rename_to(state_->path);
  sync_open_directory(state_->directory);
  state_->directory.close();
}

void make_directories(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) throw IoError(path + ": making the directory failed: " + error.message());
  sync_directory(directory_of(path));
}

void sync_directory(const std::string& path) {
  FileDescriptor directory(path, O_RDONLY | O_DIRECTORY);
  sync_open_directory(directory);
  directory.close();
}

bool is_temporary_name(std::string_view name) {
  return name.starts_with(kTemporaryPrefix) && name.ends_with(kTemporarySuffix);
}

void remove_temporaries(const std::string& directory) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    if (!is_temporary_name(entry->path().filename().string())) continue;
    std::error_code ignored_missing;
    std::filesystem::remove(entry->path(), ignored_missing);
    if (ignored_missing) throw IoError(entry->path().string() + ": remove failed: " + ignored_missing.message());
  }
  if (error) throw IoError(directory + ": listing failed: " + error.message());
}

LineWriter::LineWriter(const std::string& path) : path_(path), file_(path, O_RDWR | O_CREAT | O_APPEND) {
  struct stat status {};
  if (::fstat(file_.number(), &status) != 0) throw IoError(system_error_text(path, "stat"));
  offset_ = status.st_size;
}

void LineWriter::append(std::string_view line) {
  if (line.find('\n') != std::string_view::npos) throw UsageError(path_ + ": a line with a newline inside");
  std::string text(line);
  text += '\n';
  try {
    file_.write_all(as_bytes(text));
  } catch (const IoError&) {
    // Half a line would spoil the file for its readers. If this fails too, truncate_to() of a resume repairs it.
    [[maybe_unused]] const int result = ::ftruncate(file_.number(), offset_);
    throw;
  }
  offset_ += static_cast<std::int64_t>(text.size());
}

void LineWriter::sync() { file_.sync(); }

void LineWriter::truncate_to(std::int64_t offset) {
  struct stat status {};
  if (::fstat(file_.number(), &status) != 0) throw IoError(system_error_text(path_, "stat"));
  if (offset < 0 || offset > status.st_size) {
    throw FileFormatError(path_ + ": " + std::to_string(status.st_size) + " bytes, but the checkpoint counted on " +
                          std::to_string(offset) + "; the file was shortened after the checkpoint");
  }
  char last = '\n';
  if (offset > 0 && ::pread(file_.number(), &last, 1, offset - 1) != 1) {
    throw IoError(system_error_text(path_, "read"));
  }
  if (last != '\n') {
    throw FileFormatError(path_ + ": byte " + std::to_string(offset) +
                          " is not the start of a line; the file was changed after the checkpoint");
  }
  if (::ftruncate(file_.number(), offset) != 0) throw IoError(system_error_text(path_, "truncate"));
  offset_ = offset;
  file_.sync();
}

}  // namespace dyadic
