#include "dyadic/tensor/tensor.h"

#include <cstring>
#include <utility>

#include "dyadic/base/checked.h"
#include "dyadic/base/error.h"
#include "dyadic/formats/block.h"
#include "dyadic/formats/packing.h"

namespace dyadic {

std::int64_t element_count(const Shape& shape) {
  std::int64_t count = 1;
  for (const std::int64_t extent : shape) count = checked_multiply(count, extent, "tensor");
  return count;
}

std::string shape_text(const Shape& shape) {
  std::string text = "[";
  for (const std::int64_t extent : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(extent);
  return text + "]";
}

Tensor::Tensor(Shape shape, const Format& format) : shape_(std::move(shape)) { reset(shape_, format); }

void Tensor::set_format(const Format& format) {
  const bool same_bytes = code_bytes(code_type(format)) == code_bytes(code_type(format_)) &&
                          (!compressed_ || format.width == format_.width);
  if (!same_bytes || format.block_size != format_.block_size) {
    throw ShapeError("tensor: " + format_name(format_) + " cannot be rewritten in place as " + format_name(format));
  }
  format_ = format;
}

void Tensor::reset(const Shape& shape, const Format& format) {
  size_ = element_count(shape);
  shape_ = shape;
  format_ = format;
  compressed_ = false;
  const auto bytes = static_cast<std::size_t>(checked_multiply(size_, code_bytes(code_type(format)), "tensor"));
  if (bytes > data_.capacity()) AlignedVector<std::byte>().swap(data_);  // first: growth never holds both
  data_.resize(bytes);
  exponents_.assign(static_cast<std::size_t>(block_count(format, size_)), std::int8_t{kLeastBlockExponent});
}

void Tensor::throw_compressed() const {
  throw Error("tensor " + shape_text(shape_) + " of " + format_name(format_) + " is compressed");
}

void Tensor::compress() {
  if (compressed_) return;
  if (format_.family != Family::discrete) throw Error("tensor: " + format_name(format_) + " is not compressed");
  AlignedVector<std::byte> packed(static_cast<std::size_t>(packed_bytes(size_, format_.width)));
  pack_codes(data_.data(), format_, size_, packed);
  data_ = std::move(packed);
  compressed_ = true;
}

void Tensor::read(std::int64_t first, std::int64_t count, void* codes) const {
  if (count == 0) return;
  if (compressed_) return unpack_stretch(data_, format_, first, count, codes);
  const std::int64_t bytes = code_bytes(code_type(format_));
  std::memcpy(codes, data_.data() + first * bytes, static_cast<std::size_t>(count * bytes));
}

void Tensor::write(std::int64_t first, std::int64_t count, const void* codes) {
  if (count == 0) return;
  if (compressed_) return pack_stretch(codes, format_, first, count, data_);
  const std::int64_t bytes = code_bytes(code_type(format_));
  std::memcpy(data_.data() + first * bytes, codes, static_cast<std::size_t>(count * bytes));
}

std::int64_t Tensor::code(std::int64_t index) const { return load_code(data(), code_type(format_), index); }

void Tensor::set_code(std::int64_t index, std::int64_t code) { store_code(data(), code_type(format_), index, code); }

std::int64_t load_code(const void* codes, CodeType type, std::int64_t index) {
  const auto* bytes = static_cast<const std::byte*>(codes) + index * code_bytes(type);
  const auto load = [bytes]<typename T>(T value) {
    std::memcpy(&value, bytes, sizeof value);
    return static_cast<std::int64_t>(value);
  };
  switch (type) {
    case CodeType::i8: return load(std::int8_t{});
    case CodeType::u8: return load(std::uint8_t{});
    case CodeType::i16: return load(std::int16_t{});
    case CodeType::u16: return load(std::uint16_t{});
    case CodeType::i32: return load(std::int32_t{});
    default: return load(std::uint32_t{});
  }
}

void store_code(void* codes, CodeType type, std::int64_t index, std::int64_t code) {
  std::memcpy(static_cast<std::byte*>(codes) + index * code_bytes(type), &code,
              static_cast<std::size_t>(code_bytes(type)));
}

}  // namespace dyadic
