// Bytes of a data file from front to back, unpacked on the way when it is gzip, and never more of them than asked for.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace dyadic {

/// Plain or gzip, told apart by the first two bytes, not by the name. Holds one small buffer whatever the file claims
/// to contain. Every error names the file and, where it has one, the offset in the unpacked bytes.
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
  /// No file of this size holds more than this: its own size, or what deflate can at most make of it. Known before
  /// anything is unpacked, so memory can be refused to a header that lies.
  [[nodiscard]] std::int64_t most_unpacked() const;

  /// Fills the span; throws FileFormatError where the file ends first or its gzip data are damaged.
  void read(std::span<std::uint8_t> out);
  /// The file must end here: throws FileFormatError for surplus bytes, for a gzip checksum that does not match, for
  /// anything after the gzip member.
  void expect_end();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dyadic
