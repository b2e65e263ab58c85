// One open file of the operating system.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>

namespace dyadic {

/// Owns a descriptor and the path it was opened by, for error messages. All members throw IoError naming that path.
/// The destructor closes without looking at the answer: writers call close().
class FileDescriptor {
 public:
  FileDescriptor() = default;
  /// open(2) with O_CLOEXEC, again after EINTR.
  FileDescriptor(std::string path, int flags, int mode = 0666);
  /// A new file to write; none if the name is taken.
  static std::optional<FileDescriptor> create_new(const std::string& path);
  FileDescriptor(FileDescriptor&& other) noexcept
      : path_(std::move(other.path_)), number_(std::exchange(other.number_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(number_, other.number_);
    return *this;
  }
  ~FileDescriptor();

  [[nodiscard]] int number() const { return number_; }
  [[nodiscard]] const std::string& path() const { return path_; }

  /// Writes all bytes: short writes go on, EINTR goes on.
  void write_all(std::span<const std::byte> bytes) const;
  /// Bytes read, fewer than asked only at the end of the file or of what a pipe holds; 0 at the end.
  [[nodiscard]] std::size_t read_some(std::span<std::byte> bytes) const;
  void sync() const;
  /// flock(2), exclusive, until the descriptor is closed; false if somebody else holds it.
  [[nodiscard]] bool try_lock() const;
  void close();

 private:
  std::string path_;
  int number_ = -1;
};

}  // namespace dyadic
