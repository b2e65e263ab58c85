// Whole files, in and out, so that a reader never sees half of one. Every return value of the operating system is
// looked at; every error names the path and the system's reason.
//
// write_file_atomically: temporary in the same directory, write, fsync, close, rename, fsync of the directory (Pillai
// et al., "All file systems are not created equal", OSDI 2014). A failed fsync is a failed write and is never tried
// again on the same descriptor, because the kernel may have dropped the dirty pages (Rebello et al., USENIX ATC 2020).
// Until the rename the old file is untouched; the temporary is removed on every failure. Only kill -9 can leave one
// behind: remove_temporaries() sweeps them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dyadic/io/file_descriptor.h"

namespace dyadic {

inline constexpr std::int64_t kReadFileCap = std::int64_t{1} << 36;  // 64 GiB: more than any file that we read whole

/// All bytes of a file. Throws MissingInputError if there is none, FileFormatError if it is longer than `cap`, IoError
/// if the system refuses.
std::vector<std::byte> read_file(const std::string& path, std::int64_t cap = kReadFileCap);

/// The same as text, for recipes and JSON.
std::string read_text_file(const std::string& path, std::int64_t cap = std::int64_t{1} << 26);

/// Replaces or creates `path`, all or nothing. A symbolic link to a file is followed; devices and pipes (/dev/stdout)
/// cannot be renamed over and are written in place. Throws IoError.
void write_file_atomically(const std::string& path, std::span<const std::byte> bytes);
void write_file_atomically(const std::string& path, std::string_view text);

/// The same for a file that is written piece by piece: nothing is seen under `path` before commit(). Uncommitted, it
/// leaves nothing behind. All members throw IoError.
class AtomicFile {
 public:
  explicit AtomicFile(const std::string& path);
  AtomicFile(AtomicFile&&) noexcept;
  ~AtomicFile();

  void append(std::span<const std::byte> bytes);
  /// Replaces bytes that were appended before.
  void overwrite(std::int64_t offset, std::span<const std::byte> bytes);
  void commit();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Makes a directory, parents included, and syncs it. Throws IoError.
void make_directories(const std::string& path);

/// fsync of a directory: makes the names in it durable. Throws IoError.
void sync_directory(const std::string& path);

/// Removes what an interrupted write_file_atomically left in a directory. The caller must hold the directory's lock.
/// Throws IoError.
void remove_temporaries(const std::string& directory);

/// True for the names that write_file_atomically gives to its temporaries.
bool is_temporary_name(std::string_view name);

/// Lines appended to a file, as in metrics.jsonl. append() writes through to the operating system, so a killed process
/// loses nothing; sync() makes it survive the machine. A line that cannot be written whole is taken back. offset() and
/// truncate_to() let a checkpoint remember how long the file was, so that a resumed run repeats no line.
class LineWriter {
 public:
  /// Opens for appending, creating the file. Throws IoError.
  explicit LineWriter(const std::string& path);

  /// Writes `line` and a newline; `line` holds none (UsageError). Throws IoError.
  void append(std::string_view line);

  /// Throws IoError.
  void sync();

  /// Bytes in the file.
  [[nodiscard]] std::int64_t offset() const { return offset_; }

  /// Drops everything after `offset` and syncs. Throws FileFormatError if the file is shorter or if `offset` is not the
  /// start of a line, IoError if the system refuses.
  void truncate_to(std::int64_t offset);

 private:
  std::string path_;
  FileDescriptor file_;
  std::int64_t offset_ = 0;
};

}  // namespace dyadic
