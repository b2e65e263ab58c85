// The binary version of CIFAR-10: files of records, each a byte of label and 32 x 32 bytes of red, of green and of
// blue, row by row (https://www.cs.toronto.edu/~kriz/cifar.html). In memory a pixel's three colours lie together, as in
// every other set here.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "dyadic/data/dataset.h"

namespace dyadic {

inline constexpr std::int64_t kCifarSide = 32;
inline constexpr std::int64_t kCifarPixels = kCifarSide * kCifarSide * 3;
inline constexpr std::int64_t kCifarBatch = 10000;  // records of one file
inline constexpr int kCifarTrainBatches = 5;

/// Puts bytes into the span, fewer than it holds only at the end of the file.
using ReadSome = std::function<std::size_t(std::span<std::uint8_t>)>;

/// Reads exactly labels.size() records; pixels.size() = labels.size() * kCifarPixels. Throws FileFormatError naming the
/// file and the record for another number of records or a label that is not in 0 .. classes - 1.
void read_cifar_batch(const std::string& name, const ReadSome& read_some, int classes, std::span<std::uint8_t> pixels,
                      std::span<std::uint8_t> labels);

/// The files of a set in the binary version below `folders`, the first that has them: data_batch_1.bin ..
/// data_batch_5.bin and test_batch.bin, each plain, .gz or .xz, or else the one file cifar-10-binary.tar.gz. Throws
/// MissingInputError, which says so where only the Python version (a pickle, which is never read) is there.
std::vector<std::string> find_cifar_files(const DataSetRow& row, const std::vector<std::string>& folders);

/// Reads what find_cifar_files() found. Throws FileFormatError also where two batches hold the same records, or the
/// archive lacks a batch or holds one twice.
DataSet read_cifar_files(const DataSetRow& row, const std::vector<std::string>& paths,
                         std::int64_t batch_records = kCifarBatch);

std::vector<std::string> find_cifar10(const DataSetRow& row, const std::string& directory);
DataSet load_cifar10(const DataSetRow& row, const std::string& directory);

/// The six plain files of a set whose training examples are a multiple of five, in the order data_batch_1 ..
/// test_batch.
std::vector<std::vector<std::uint8_t>> cifar_contents(const DataSet& set);

/// Writes them into `directory`, making it if need be, each atomically. Throws IoError, ShapeError for other images.
void write_cifar(const DataSet& set, const std::string& directory);

}  // namespace dyadic
