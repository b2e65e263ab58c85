#include "dyadic/data/tar.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "dyadic/base/error.h"
#include "dyadic/io/strict_json.h"

namespace dyadic {

namespace {

constexpr std::int64_t kTarBlock = 512;
constexpr std::int64_t kMostExtendedBytes = std::int64_t{1} << 16;
using Block = std::array<std::uint8_t, kTarBlock>;

/// A field of the header: where it begins and how long it is.
struct Field {
  std::size_t begin;
  std::size_t size;
};
constexpr Field kName = {0, 100};
constexpr Field kSize = {124, 12};
constexpr Field kChecksum = {148, 8};
constexpr std::size_t kType = 156;
constexpr Field kMagic = {257, 5};
constexpr Field kPrefix = {345, 155};

std::string_view text_of(const Block& block, Field field) {
  const std::string_view bytes(reinterpret_cast<const char*>(block.data()) + field.begin, field.size);
  return bytes.substr(0, bytes.find('\0'));
}

/// Octal digits between spaces; -1 for anything else, also for the base-256 numbers of huge files.
std::int64_t octal(std::string_view text) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return -1;
  text = text.substr(first);
  text = text.substr(0, text.find(' '));
  std::int64_t value = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '7' || value > kMostTarBytes) return -1;
    value = value * 8 + (digit - '0');
  }
  return value;
}

/// The sum of all bytes of the header, those of the checksum counted as spaces.
std::int64_t checksum_of(const Block& block) {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < block.size(); ++i) {
    const bool is_checksum = i >= kChecksum.begin && i < kChecksum.begin + kChecksum.size;
    sum += is_checksum ? ' ' : block[i];
  }
  return sum;
}

std::string name_of(const Block& block) {
  std::string name(text_of(block, kName));
  const bool is_posix = text_of(block, kMagic) == "ustar" && block[kMagic.begin + kMagic.size] == 0;
  const std::string_view prefix = is_posix ? text_of(block, kPrefix) : std::string_view();
  return prefix.empty() ? name : std::string(prefix) + "/" + name;
}

bool is_safe(std::string_view name) {
  if (name.empty() || name.front() == '/') return false;
  while (true) {
    const std::size_t slash = name.find('/');
    if (name.substr(0, slash) == "..") return false;
    if (slash == std::string_view::npos) return true;
    name = name.substr(slash + 1);
  }
}

bool is_zero(const Block& block) {
  return std::all_of(block.begin(), block.end(), [](std::uint8_t byte) { return byte == 0; });
}

/// "27 mtime=1234\n": the length counts the whole record. Empty if it is not one.
std::string_view take_key(std::string_view& records) {
  const std::size_t space = records.find(' ');
  if (space == 0 || space > 6) return {};
  std::size_t length = 0;
  for (const char digit : records.substr(0, space)) {
    if (digit < '0' || digit > '9') return {};
    length = length * 10 + static_cast<std::size_t>(digit - '0');
  }
  if (length > records.size() || length <= space + 1 || records[length - 1] != '\n') return {};
  const std::string_view record = records.substr(space + 1, length - space - 2);
  const std::size_t equals = record.find('=');
  if (equals == std::string_view::npos) return {};
  records = records.substr(length);
  return record.substr(0, equals);
}

}  // namespace

std::optional<TarEntry> TarReader::next() {
  skip(left_ + padding_);
  for (;;) {
    Block block{};
    entry_.clear();
    const std::int64_t at = stream_.offset();
    stream_.read(block);
    const auto fail = [&](const std::string& what) {
      throw FileFormatError(fmt::format("{}: at byte {}: {}", archive(), at, what));
    };
    if (is_zero(block)) {
      expect_zeros();
      return std::nullopt;
    }
    if (octal(text_of(block, kChecksum)) != checksum_of(block)) fail("not the header of a tar entry, or damaged");
    const std::string name = name_of(block);
    const std::string shown = quoted_for_message(name);
    const std::int64_t size = octal(text_of(block, kSize));
    if (size < 0 || size > kMostTarBytes) {
      fail(fmt::format("entry {} has no size that can be read (at most {} bytes)", shown, kMostTarBytes));
    }
    const char type = static_cast<char>(block[kType]);
    left_ = size;
    padding_ = (kTarBlock - size % kTarBlock) % kTarBlock;
    if (type == 'x' || type == 'g') {
      if (size > kMostExtendedBytes) fail("an extended header of " + std::to_string(size) + " bytes");
      read_extended(size);
      continue;
    }
    if (!is_safe(name)) fail(fmt::format("entry {} leads out of the archive's folder", shown));
    if (type == '5') {
      if (size != 0) fail(fmt::format("folder {} has a size", shown));
      continue;
    }
    if (type != '0' && type != '\0') {
      fail(
          fmt::format("entry {} is of type {}: only regular files and folders are read, neither links nor devices nor "
                      "names beyond the ustar format",
                      shown, quoted_for_message(std::string(1, type))));
    }
    entry_ = name;
    return TarEntry{name, size};
  }
}

std::size_t TarReader::read_some(std::span<std::uint8_t> out) {
  const std::size_t now = static_cast<std::size_t>(std::min(left_, static_cast<std::int64_t>(out.size())));
  stream_.read(out.first(now));
  left_ -= static_cast<std::int64_t>(now);
  return now;
}

void TarReader::skip(std::int64_t bytes) {
  std::array<std::uint8_t, std::size_t{1} << 14> scrap;
  while (bytes > 0) {
    const auto now = std::min(bytes, static_cast<std::int64_t>(scrap.size()));
    stream_.read(std::span(scrap).first(static_cast<std::size_t>(now)));
    bytes -= now;
  }
  left_ = padding_ = 0;
}

void TarReader::read_extended(std::int64_t size) {
  std::string text(static_cast<std::size_t>(size), '\0');
  stream_.read({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
  skip(padding_);
  for (std::string_view records = text; !records.empty();) {
    const std::string_view key = take_key(records);
    constexpr std::array<std::string_view, 3> kMeaning = {"path", "size", "linkpath"};
    if (!key.empty() && std::ranges::find(kMeaning, key) == kMeaning.end() && !key.starts_with("GNU.sparse")) continue;
    throw FileFormatError(fmt::format(
        "{}: before byte {}: an extended header with {}: only names and sizes of the ustar format are read; "
        "repack with `tar --format=ustar`",
        archive(), stream_.offset(), key.empty() ? "damaged records" : quoted_for_message(key)));
  }
}

void TarReader::expect_zeros() {
  Block block{};
  bool first = true;
  for (;;) {
    const std::size_t got = stream_.read_some(block);
    if (got == 0 && !first) break;
    if (!std::all_of(block.begin(), block.begin() + static_cast<std::ptrdiff_t>(got),
                     [](std::uint8_t byte) { return byte == 0; })) {
      throw FileFormatError(
          fmt::format("{}: before byte {}: data after the end of the archive", archive(), stream_.offset()));
    }
    if (first && got < block.size()) {
      throw FileFormatError(
          fmt::format("{}: at byte {}: the archive is cut off in its end", archive(), stream_.offset()));
    }
    first = false;
    if (got < block.size()) break;
  }
  stream_.expect_end();
}

}  // namespace dyadic
