// A file seen as memory, read-only.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace dyadic {

/// Pages are read when they are touched and can be dropped by the system at any time: a mapped file is no private
/// memory of the process, and processes that map the same file share it. The file must not be shortened while it is
/// mapped; write_file_atomically and its kin replace files and never do that.
class MappedFile {
 public:
  /// Throws MissingInputError if there is none, FileFormatError for what is not a regular file, IoError.
  explicit MappedFile(const std::string& path);
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(address_), size_}; }

 private:
  std::string path_;
  void* address_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace dyadic
