// xz and tar files made in memory for the tests of this folder.
#pragma once

#include <lzma.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "tests/data/test_files.h"

namespace dyadic::test {

/// One xz stream. Presets above 6 ask the reader for much memory.
inline Bytes xz_packed(const Bytes& plain, std::uint32_t preset = 0) {
  Bytes packed(lzma_stream_buffer_bound(plain.size()));
  std::size_t size = 0;
  lzma_easy_buffer_encode(preset, LZMA_CHECK_CRC64, nullptr, plain.data(), plain.size(), packed.data(), &size,
                          packed.size());
  packed.resize(size);
  return packed;
}

/// A ustar archive under construction.
class Tar {
 public:
  /// An entry; `type` '0' is a regular file, '5' a folder, '2' a symbolic link, 'x' an extended header.
  Tar& add(const std::string& name, const Bytes& data, char type = '0') {
    const std::size_t at = bytes_.size();
    bytes_.resize(at + 512, 0);
    put(at, name);
    put(at + 100, "0000644");
    put(at + 124, octal(data.size(), 11));
    put(at + 136, octal(0, 11));
    bytes_[at + 156] = static_cast<std::uint8_t>(type);
    put(at + 257, "ustar");
    put(at + 263, "00");
    seal(at);
    bytes_.insert(bytes_.end(), data.begin(), data.end());
    bytes_.resize((bytes_.size() + 511) / 512 * 512, 0);
    return *this;
  }
  /// Replaces bytes of the last entry's header and mends its checksum.
  Tar& patch_header(std::size_t header, std::size_t at, std::string_view text) {
    put(header + at, text);
    seal(header);
    return *this;
  }
  [[nodiscard]] Bytes finished() const {
    Bytes all = bytes_;
    all.resize(all.size() + 1024, 0);
    return all;
  }

 private:
  static std::string octal(std::size_t value, int digits) {
    std::string text(static_cast<std::size_t>(digits), '0');
    for (std::size_t at = text.size(); at-- > 0; value /= 8) text[at] = static_cast<char>('0' + value % 8);
    return text;
  }
  void put(std::size_t at, std::string_view text) {
    for (const char letter : text) bytes_[at++] = static_cast<std::uint8_t>(letter);
  }
  void seal(std::size_t at) {
    put(at + 148, "        ");
    std::size_t sum = 0;
    for (std::size_t i = at; i < at + 512; ++i) sum += bytes_[i];
    put(at + 148, octal(sum, 6) + std::string("\0 ", 2));
  }

  Bytes bytes_ = {};
};

}  // namespace dyadic::test
