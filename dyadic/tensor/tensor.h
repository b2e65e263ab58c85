// A Tensor is shape, Format and codes. It carries the exponent (dfx range, scale) that it was written with, in its own
// copy of the Format, so a range that moves later changes nothing here until the tensor is rewritten. Of a block format
// (block.h) it keeps the exponents beside the codes, one for every block_size elements in row-major order. No
// arithmetic.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "dyadic/base/aligned.h"
#include "dyadic/formats/format.h"

namespace dyadic {

using Shape = std::vector<std::int64_t>;

/// Product of the extents; throws ShapeError on overflow or a negative extent.
std::int64_t element_count(const Shape& shape);

/// "[100, 784]"
std::string shape_text(const Shape& shape);

class Tensor {
 public:
  Tensor() = default;
  /// All codes zero bits (which is the value 0 for every format but affine, discrete and e8m0 ones), exponents of
  /// blocks the least.
  Tensor(Shape shape, const Format& format);

  [[nodiscard]] const Shape& shape() const { return shape_; }
  [[nodiscard]] const Format& format() const { return format_; }
  [[nodiscard]] std::int64_t size() const { return size_; }
  /// Of codes and exponents.
  [[nodiscard]] std::int64_t bytes() const { return std::ssize(data_) + std::ssize(exponents_); }
  [[nodiscard]] bool empty() const { return size_ == 0; }

  [[nodiscard]] const void* data() const { return data_.data(); }
  [[nodiscard]] void* data() { return data_.data(); }
  template <typename T>
  [[nodiscard]] std::span<T> codes() {
    return {reinterpret_cast<T*>(data_.data()), static_cast<std::size_t>(size_)};
  }
  template <typename T>
  [[nodiscard]] std::span<const T> codes() const {
    return {reinterpret_cast<const T*>(data_.data()), static_cast<std::size_t>(size_)};
  }

  /// Exponents of the blocks; none unless the format has blocks.
  [[nodiscard]] std::span<std::int8_t> exponents() { return exponents_; }
  [[nodiscard]] std::span<const std::int8_t> exponents() const { return exponents_; }

  /// The next writer's format: a new range or another format of the same code type and block size. Codes are kept: call
  /// it only when every code is about to be rewritten.
  void set_format(const Format& format);

  /// Changes shape and format, reusing the memory; the contents are unspecified.
  void reset(const Shape& shape, const Format& format);

  /// One code, as the codec counts them. Slow: for tests, printing and the reference.
  [[nodiscard]] std::int64_t code(std::int64_t index) const;
  void set_code(std::int64_t index, std::int64_t code);

 private:
  Shape shape_;
  Format format_;
  std::int64_t size_ = 0;
  AlignedVector<std::byte> data_;
  std::vector<std::int8_t> exponents_;
};

/// One unpacked code in memory, as the codec counts them (floating: bit pattern, grid: integer).
std::int64_t load_code(const void* codes, CodeType type, std::int64_t index);
void store_code(void* codes, CodeType type, std::int64_t index, std::int64_t code);

}  // namespace dyadic
