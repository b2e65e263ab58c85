#include "dyadic/data/idx.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <span>
#include <utility>

#include "dyadic/base/big_endian.h"
#include "dyadic/base/error.h"
#include "dyadic/io/file.h"

namespace dyadic {

namespace {

constexpr std::uint32_t kUnsignedByte = 0x08;
constexpr std::size_t kWord = 4;

std::uint32_t read_word(FileStream& stream) {
  std::array<std::uint8_t, kWord> bytes{};
  stream.read(bytes);
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 | bytes[3];
}

std::uint32_t magic_number(std::size_t dimensions) {
  return kUnsignedByte << 8 | static_cast<std::uint32_t>(dimensions);
}

void check_magic(std::uint32_t found, std::size_t dimensions, const std::string& name) {
  const std::uint32_t expected = magic_number(dimensions);
  if (found == expected) return;
  throw FileFormatError(
      fmt::format("{}: at byte 0: magic number 0x{:08X}, expected 0x{:08X} (idx, unsigned bytes, {} dimension{})", name,
                  found, expected, dimensions, dimensions == 1 ? "" : "s"));
}

void check_extent(std::int64_t found, std::int64_t expected, std::size_t dimension, const std::string& name) {
  const std::size_t byte = kWord * (dimension + 1);
  if (found == 0) {
    throw FileFormatError(
        fmt::format("{}: at byte {}: extent 0 of dimension {}, expected at least 1", name, byte, dimension));
  }
  if (expected != 0 && found != expected) {
    throw FileFormatError(
        fmt::format("{}: at byte {}: extent {} of dimension {}, expected {}", name, byte, found, dimension, expected));
  }
}

/// Number of declared values, once it is certain that they may be and can be there.
std::int64_t declared_values(const Shape& shape, const FileStream& stream) {
  std::int64_t count = 1;
  for (const std::int64_t extent : shape) {
    if (__builtin_mul_overflow(count, extent, &count) || count > kMostIdxValues) {
      throw FileFormatError(fmt::format("{}: the header declares {} values, at most {} are read", stream.name(),
                                        shape_text(shape), kMostIdxValues));
    }
  }
  const std::int64_t room = stream.most_unpacked() - stream.offset();
  if (count > room) {
    throw FileFormatError(
        fmt::format("{}: the header declares {} values after byte {}, {} {} {}: the file is truncated", stream.name(),
                    count, stream.offset(), "but the file holds", stream.compressed() ? "less than" : "only", room));
  }
  return count;
}

/// Memory grows with the bytes that arrive: what packed data can hold at most is only a bound.
void read_values(FileStream& stream, std::size_t count, std::vector<std::uint8_t>& values) {
  constexpr std::size_t kFirstPiece = std::size_t{1} << 24;
  while (values.size() < count) {
    const std::size_t old = values.size();
    values.resize(std::min(count, std::max(kFirstPiece, 2 * old)));
    stream.read(std::span(values).subspan(old));
  }
}

}  // namespace

IdxArray read_idx(FileStream stream, const Shape& expected) {
  IdxArray array;
  check_magic(read_word(stream), expected.size(), stream.name());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    array.shape.push_back(read_word(stream));
    check_extent(array.shape.back(), expected[i], i, stream.name());
  }
  read_values(stream, static_cast<std::size_t>(declared_values(array.shape, stream)), array.values);
  stream.expect_end();
  return array;
}

IdxArray read_idx(const std::string& path, const Shape& expected) { return read_idx(FileStream(path), expected); }

ImageSet join_idx(IdxArray images, const std::string& images_name, IdxArray labels, const std::string& labels_name,
                  const Shape& shape, int classes) {
  if (images.shape.at(0) != labels.shape.at(0)) {
    throw FileFormatError(fmt::format("{}: {} images, but {} holds {} labels: expected as many of each", images_name,
                                      images.shape[0], labels_name, labels.shape[0]));
  }
  for (std::size_t i = 0; i < labels.values.size(); ++i) {
    if (labels.values[i] < classes) continue;
    throw FileFormatError(fmt::format("{}: at byte {}: label {} of example {}, expected 0..{}", labels_name,
                                      2 * kWord + i, labels.values[i], i, classes - 1));
  }
  ImageSet set;
  set.name = images_name;
  set.shape = shape;
  set.classes = classes;
  set.pixels = std::move(images.values);
  set.labels = std::move(labels.values);
  return set;
}

ImageSet read_idx_images(const std::string& images_path, const std::string& labels_path, const Shape& shape,
                         int classes) {
  IdxArray labels = read_idx(labels_path, {0});
  IdxArray images = read_idx(images_path, {0, shape.at(0), shape.at(1)});
  return join_idx(std::move(images), images_path, std::move(labels), labels_path, shape, classes);
}

std::vector<std::uint8_t> idx_bytes(const Shape& shape, const std::vector<std::uint8_t>& values) {
  std::vector<std::uint8_t> bytes;
  bytes.reserve(kWord * (shape.size() + 1) + values.size());
  append_big_endian(bytes, magic_number(shape.size()));
  for (const std::int64_t extent : shape) append_big_endian(bytes, static_cast<std::uint32_t>(extent));
  bytes.insert(bytes.end(), values.begin(), values.end());
  return bytes;
}

void write_idx(const DataSet& set, const std::string& directory) {
  make_directories(directory);
  const auto save = [&directory](const std::string& name, const Shape& shape, const std::vector<std::uint8_t>& values) {
    const std::vector<std::uint8_t> bytes = idx_bytes(shape, values);
    write_file_atomically((std::filesystem::path(directory) / name).string(), std::as_bytes(std::span(bytes)));
  };
  for (const auto& [part, prefix] : {std::pair(&set.train, "train"), std::pair(&set.test, "t10k")}) {
    if (part->shape.size() != 3 || part->shape[2] != 1) {
      throw ShapeError(
          fmt::format("{}: idx files hold images of one channel, not {}", part->name, shape_text(part->shape)));
    }
    save(std::string(prefix) + "-images-idx3-ubyte", {part->count(), part->shape[0], part->shape[1]}, part->pixels);
    save(std::string(prefix) + "-labels-idx1-ubyte", {part->count()}, part->labels);
  }
}

}  // namespace dyadic
