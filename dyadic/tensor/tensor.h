// A Tensor is shape, Format and codes, each of its code type, or compressed to the format's width where it only waits.
// It carries the exponent (dfx range, scale) that it was written with, in its own copy of the Format, so a range that
// moves later changes nothing here until the tensor is rewritten. Of a block format (block.h) it keeps the exponents
// beside the codes, one for every block_size elements in row-major order. No arithmetic.
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

  /// Throws Error (a defect) if the tensor is compressed.
  [[nodiscard]] const void* data() const { return plain(); }
  [[nodiscard]] void* data() { return const_cast<std::byte*>(plain()); }
  template <typename T>
  [[nodiscard]] std::span<T> codes() {
    return {static_cast<T*>(data()), static_cast<std::size_t>(size_)};
  }
  template <typename T>
  [[nodiscard]] std::span<const T> codes() const {
    return {static_cast<const T*>(data()), static_cast<std::size_t>(size_)};
  }

  /// Keeps the codes of a discrete format packed as files hold them (formats/packing.h): a ternary code in two bits.
  /// What needs codes in memory asks for a stretch of them, or for all of them somewhere else.
  void compress();
  [[nodiscard]] bool is_compressed() const { return compressed_; }
  [[nodiscard]] std::span<const std::byte> compressed_bytes() const { return data_; }
  /// Codes [first, first + count) of a tensor of either kind; `first` and, when writing, first + count are multiples of
  /// 8 or the end.
  void read(std::int64_t first, std::int64_t count, void* codes) const;
  void write(std::int64_t first, std::int64_t count, const void* codes);

  /// Exchanges the memory of codes with `memory`, so that one buffer serves tensors that never live together. Contents
  /// are unspecified afterwards; call reset() before use.
  void swap_memory(AlignedVector<std::byte>& memory) { data_.swap(memory); }

  /// Exponents of the blocks; none unless the format has blocks.
  [[nodiscard]] std::span<std::int8_t> exponents() { return exponents_; }
  [[nodiscard]] std::span<const std::int8_t> exponents() const { return exponents_; }

  /// The next writer's format: a new range or another format of the same code type and block size. Codes are kept: call
  /// it only when every code is about to be rewritten.
  void set_format(const Format& format);

  /// Changes shape and format, reusing the memory; the contents are unspecified and not compressed.
  void reset(const Shape& shape, const Format& format);

  /// One code, as the codec counts them. Slow: for tests, printing and the reference.
  [[nodiscard]] std::int64_t code(std::int64_t index) const;
  void set_code(std::int64_t index, std::int64_t code);

 private:
  [[nodiscard]] const std::byte* plain() const {
    if (compressed_) throw_compressed();
    return data_.data();
  }
  [[noreturn]] void throw_compressed() const;

  Shape shape_;
  Format format_;
  std::int64_t size_ = 0;
  bool compressed_ = false;
  AlignedVector<std::byte> data_;
  std::vector<std::int8_t> exponents_;
};

/// One unpacked code in memory, as the codec counts them (floating: bit pattern, grid: integer).
std::int64_t load_code(const void* codes, CodeType type, std::int64_t index);
void store_code(void* codes, CodeType type, std::int64_t index, std::int64_t code);

}  // namespace dyadic
