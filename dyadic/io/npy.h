// NumPy's .npy files (numpy.lib.format, versions 1.0 and 2.0): magic, header length, a Python dictionary literal of
// descr, fortran_order and shape, raw data. Read: float32 and float64, little-endian, C order. Written: version 1.0 of
// the types in write_npy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "dyadic/tensor/tensor.h"

namespace dyadic {

struct NpyArray {
  Shape shape;                                                   // [] for a single number
  std::variant<std::vector<float>, std::vector<double>> values;  // row-major
};

/// Throws FileFormatError naming `path` and what was found: another dtype or byte order, Fortran order, a size that is
/// not the shape's.
NpyArray parse_npy(std::span<const std::byte> bytes, const std::string& path);

/// read_file() and parse_npy().
NpyArray read_npy(const std::string& path);

/// The file's bytes; T is float, double, or std::int8_t .. std::int64_t, std::uint8_t .. std::uint64_t. Throws
/// ShapeError unless values.size() is the shape's.
template <typename T>
std::vector<std::byte> serialize_npy(const Shape& shape, std::span<const T> values);

/// serialize_npy() and write_file_atomically().
template <typename T>
void write_npy(const std::string& path, const Shape& shape, std::span<const T> values);

}  // namespace dyadic
