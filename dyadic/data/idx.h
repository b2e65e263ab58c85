// The idx format of the MNIST database: a big-endian header (two zero bytes, a type, the number of dimensions, then one
// 32-bit extent per dimension) and the values, row by row. Only unsigned bytes (type 0x08) are read and written here.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dyadic/data/dataset.h"
#include "dyadic/data/file_stream.h"

namespace dyadic {

/// No file of more values is read: 2 GiB, forty times MNIST.
inline constexpr std::int64_t kMostIdxValues = std::int64_t{1} << 31;

struct IdxArray {
  Shape shape;
  std::vector<std::uint8_t> values;
};

/// Reads one file, plain or gzip. `expected` gives the number of dimensions and their extents, 0 for any but zero
/// (labels {0}, images {0, 28, 28}). Memory is taken only after the declared size has been held against kMostIdxValues
/// and against what a file of this size can contain. Throws MissingInputError, IoError, and FileFormatError for
/// anything but exactly the declared bytes.
IdxArray read_idx(FileStream stream, const Shape& expected);
IdxArray read_idx(const std::string& path, const Shape& expected);

/// A file of images and its file of labels. `shape` is rows x columns x 1. Throws as read_idx, and FileFormatError
/// where the counts differ or a label is not in 0 .. classes - 1.
ImageSet read_idx_images(const std::string& images_path, const std::string& labels_path, const Shape& shape,
                         int classes);

/// Puts read arrays together; the names are for messages.
ImageSet join_idx(IdxArray images, const std::string& images_name, IdxArray labels, const std::string& labels_name,
                  const Shape& shape, int classes);

/// Header and values, as a file holds them.
std::vector<std::uint8_t> idx_bytes(const Shape& shape, const std::vector<std::uint8_t>& values);

/// Writes the four plain files train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and
/// t10k-labels-idx1-ubyte into `directory`, making it if need be, each atomically. Throws IoError; ShapeError unless
/// the images have one channel.
void write_idx(const DataSet& set, const std::string& directory);

}  // namespace dyadic
