// The unfinished half of a download.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "dyadic/io/file_descriptor.h"

namespace dyadic {

/// DESTINATION.part, held under a lock that dies with the process. Bytes are appended.
class PartFile {
 public:
  /// Opens or makes it. Throws IoError, also when another process holds it.
  explicit PartFile(const std::string& destination);

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::int64_t size() const { return size_; }
  void append(std::span<const std::byte> bytes);
  /// Forgets everything received.
  void clear();
  [[nodiscard]] std::string sha256() const;
  /// Makes it the destination, durably.
  void install();

 private:
  std::string destination_;
  std::string path_;
  FileDescriptor file_;
  std::int64_t size_ = 0;
};

}  // namespace dyadic
