// Numeric arrays out of MATLAB files of version 5 to 7 ("MAT-File Format", The MathWorks): a header of 128 bytes, then
// elements of a type, a size and data, plain or each inside a zlib stream; little or big endian.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "dyadic/data/file_stream.h"
#include "dyadic/tensor/tensor.h"

namespace dyadic {

/// No array of more values is read.
inline constexpr std::int64_t kMostMatValues = std::int64_t{1} << 32;

/// One array; the first extent of its shape runs fastest.
struct MatArray {
  std::string name;
  Shape shape;
};

/// Hands out the arrays of a file in its order, their values from front to back; buffers are small and fixed. Throws
/// FileFormatError, naming the file, the place and the array, for anything that does not hold together, for values that
/// are not whole numbers in 0..255, and for version 7.3, which is HDF5.
class MatReader {
 public:
  explicit MatReader(FileStream stream);
  ~MatReader();
  MatReader(MatReader&&) noexcept;
  MatReader& operator=(MatReader&&) noexcept;

  /// The next array, what is left of the last one skipped. Elements that are no real numeric arrays (cells, structures,
  /// text, sparse or complex arrays) are passed over. None at the end.
  std::optional<MatArray> next();
  /// The next values of this array.
  void read(std::span<std::uint8_t> out);
  [[nodiscard]] const std::string& file() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dyadic
