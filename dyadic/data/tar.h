// Regular files out of a tar archive (POSIX ustar, which GNU tar and the old format share), one after the other and
// never onto a disk.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "dyadic/data/file_stream.h"

namespace dyadic {

/// No entry may declare more: 4 GiB.
inline constexpr std::int64_t kMostTarBytes = std::int64_t{1} << 32;

struct TarEntry {
  std::string name;
  std::int64_t size = 0;
};

/// Hands out the regular files; folders are passed over, and so are extended headers that say nothing about name or
/// size. Throws FileFormatError, naming the archive and the entry, for everything else: a header whose checksum is
/// wrong, a name that is absolute or has a part "..", links, devices, sparse files, long names, sizes beyond
/// kMostTarBytes, an archive that is cut off, anything but zeros after its end.
class TarReader {
 public:
  explicit TarReader(FileStream stream) : stream_(std::move(stream)) {}

  /// The next regular file, what is left of the last one skipped; none at the end.
  std::optional<TarEntry> next();
  /// Bytes of this entry put into the span, fewer than it holds only at the end of the entry.
  std::size_t read_some(std::span<std::uint8_t> out);
  [[nodiscard]] const std::string& archive() const { return stream_.name(); }

 private:
  void skip(std::int64_t bytes);
  void read_extended(std::int64_t size);
  void expect_zeros();

  FileStream stream_;
  std::string entry_ = {};
  std::int64_t left_ = 0;     // of the entry
  std::int64_t padding_ = 0;  // after the entry
};

}  // namespace dyadic
