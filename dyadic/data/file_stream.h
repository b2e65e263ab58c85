// Bytes of a data file from front to back, unpacked on the way when it is gzip or xz, and never more of them than asked
// for.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace dyadic {

/// Plain, gzip or xz, told apart by the first bytes, not by the name. Holds one small buffer whatever the file claims
/// to contain, and for xz a dictionary of at most 80 MiB. Every error names the file and, where it has one, the offset
/// in the unpacked bytes.
class FileStream {
 public:
  /// Throws MissingInputError, IoError, or FileFormatError for what is not a regular file.
  explicit FileStream(const std::string& path);
  /// Bytes in memory under a name for messages; `bytes` must outlive the stream.
  FileStream(std::string name, std::span<const std::uint8_t> bytes);
  ~FileStream();
  FileStream(FileStream&&) noexcept;
  FileStream& operator=(FileStream&&) noexcept;

  [[nodiscard]] const std::string& name() const;
  [[nodiscard]] bool compressed() const;
  /// Bytes handed out so far.
  [[nodiscard]] std::int64_t offset() const;
  /// No file of this size holds more than this: its own size, or what deflate or LZMA2 can at most make of it. Known
  /// before anything is unpacked, so memory can be refused to a header that lies; for xz the bound is weak.
  [[nodiscard]] std::int64_t most_unpacked() const;

  /// Bytes put into the span, fewer than it holds only at the end of the data. Throws FileFormatError for packed data
  /// that are damaged or cut off.
  std::size_t read_some(std::span<std::uint8_t> out);
  /// Fills the span; throws FileFormatError also where the data end first.
  void read(std::span<std::uint8_t> out);
  /// The file must end here: throws FileFormatError for surplus bytes, for a checksum of the packed data that does not
  /// match, for anything after the first gzip member or xz stream.
  void expect_end();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dyadic
