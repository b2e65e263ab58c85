#include "dyadic/io/npy.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "dyadic/base/checked.h"
#include "dyadic/base/error.h"
#include "dyadic/io/file.h"
#include "dyadic/io/strict_json.h"

namespace dyadic {
namespace {

static_assert(std::endian::native == std::endian::little, "values are copied as they lie in memory");

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kVersionEnd = 8;
constexpr std::size_t kDataAlignment = 64;
constexpr std::size_t kMaxNpyHeaderBytes = std::size_t{1} << 20;
constexpr std::size_t kMaxRank = 64;  // NumPy 2's limit

struct NpyHeader {
  std::optional<std::string> descr;
  std::optional<bool> fortran_order;
  std::optional<Shape> shape;
};

/// Reads the literal {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } and nothing more general: no nesting,
/// each key once, in any order.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const std::string& path) : text_(text), path_(path) {}

  NpyHeader parse() {
    NpyHeader header;
    expect('{');
    while (!accept('}')) {
      const std::string key = string();
      expect(':');
      if (key == "descr") set(header.descr, key, descr());
      else if (key == "fortran_order") set(header.fortran_order, key, boolean());
      else if (key == "shape") set(header.shape, key, tuple());
      else fail("unknown key " + quoted_for_message(key));
      if (accept('}')) break;
      expect(',');
    }
    skip_spaces();
    if (at_ != text_.size()) fail("something follows the dictionary");
    return header;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw FileFormatError(path_ + ": npy header, character " + std::to_string(at_) + ": " + what);
  }
  void skip_spaces() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool accept(char wanted) {
    skip_spaces();
    if (at_ == text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }
  void expect(char wanted) {
    if (!accept(wanted)) fail(std::string("expected '") + wanted + "'");
  }
  bool accept_word(std::string_view word) {
    skip_spaces();
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  template <typename T>
  void set(std::optional<T>& field, const std::string& key, T value) const {
    if (field) fail("'" + key + "' twice");
    field = std::move(value);
  }
  std::string string() {
    skip_spaces();
    if (at_ == text_.size() || (text_[at_] != '\'' && text_[at_] != '"')) fail("expected a string");
    const char quote = text_[at_++];
    const std::size_t end = text_.find(quote, at_);
    if (end == std::string_view::npos) fail("a string does not end");
    const std::string_view content = text_.substr(at_, end - at_);
    at_ = end + 1;
    return std::string(content);
  }
  std::string descr() {
    skip_spaces();
    if (text_.substr(at_).starts_with('[')) fail("a structured dtype; save one field as float32 or float64");
    return string();
  }
  bool boolean() {
    if (accept_word("True")) return true;
    if (!accept_word("False")) fail("expected True or False");
    return false;
  }
  Shape tuple() {
    Shape shape;
    expect('(');
    while (!accept(')')) {
      skip_spaces();
      if (at_ == text_.size() || text_[at_] < '0' || text_[at_] > '9') fail("expected an extent");
      std::int64_t extent = 0;
      const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), extent);
      if (error != std::errc()) fail("an extent does not fit");
      at_ = static_cast<std::size_t>(end - text_.data());
      if (shape.size() == kMaxRank) fail("more than " + std::to_string(kMaxRank) + " extents");
      shape.push_back(extent);
      if (accept(')')) break;
      expect(',');
    }
    return shape;
  }

  std::string_view text_;
  const std::string& path_;
  std::size_t at_ = 0;
};

template <typename T>
std::vector<T> copy_values(std::span<const std::byte> data, std::int64_t count, const std::string& path) {
  const std::int64_t expected = checked_multiply(count, static_cast<std::int64_t>(sizeof(T)), "npy");
  if (static_cast<std::int64_t>(data.size()) != expected) {
    throw FileFormatError(
        path + ": " + std::to_string(data.size()) + " bytes of data, the shape needs " + std::to_string(expected) +
        (static_cast<std::int64_t>(data.size()) < expected ? " (truncated?)" : " (something follows)"));
  }
  std::vector<T> values(static_cast<std::size_t>(count));
  if (!data.empty()) std::memcpy(values.data(), data.data(), data.size());
  return values;
}

template <typename T>
constexpr std::string_view kDescr = "";
template <>
constexpr std::string_view kDescr<float> = "<f4";
template <>
constexpr std::string_view kDescr<double> = "<f8";
template <>
constexpr std::string_view kDescr<std::int8_t> = "|i1";
template <>
constexpr std::string_view kDescr<std::int16_t> = "<i2";
template <>
constexpr std::string_view kDescr<std::int32_t> = "<i4";
template <>
constexpr std::string_view kDescr<std::int64_t> = "<i8";
template <>
constexpr std::string_view kDescr<std::uint8_t> = "|u1";
template <>
constexpr std::string_view kDescr<std::uint16_t> = "<u2";
template <>
constexpr std::string_view kDescr<std::uint32_t> = "<u4";
template <>
constexpr std::string_view kDescr<std::uint64_t> = "<u8";

std::string header_text(std::string_view descr, const Shape& shape) {
  std::string extents;
  for (const std::int64_t extent : shape) extents += std::to_string(extent) + ", ";
  if (shape.size() > 1) extents.resize(extents.size() - 2);
  if (shape.size() == 1) extents.resize(extents.size() - 1);  // a tuple of one keeps its comma
  std::string header = "{'descr': '" + std::string(descr) + "', 'fortran_order': False, 'shape': (" + extents + "), }";
  const std::size_t prefix = kVersionEnd + 2;
  const std::size_t total = (prefix + header.size() + 1 + kDataAlignment - 1) / kDataAlignment * kDataAlignment;
  header.resize(total - prefix - 1, ' ');
  return header + "\n";
}

}  // namespace

NpyArray parse_npy(std::span<const std::byte> bytes, const std::string& path) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!text.starts_with(kMagic)) throw FileFormatError(path + ": not an .npy file (it does not begin with \\x93NUMPY)");
  if (text.size() < kVersionEnd) throw FileFormatError(path + ": truncated before the version");
  const int major = static_cast<unsigned char>(text[6]);
  const int minor = static_cast<unsigned char>(text[7]);
  if ((major != 1 && major != 2) || minor != 0) {
    throw FileFormatError(path + ": .npy version " + std::to_string(major) + "." + std::to_string(minor) +
                          "; 1.0 and 2.0 are read");
  }
  const std::size_t length_bytes = major == 1 ? 2 : 4;
  if (text.size() < kVersionEnd + length_bytes) throw FileFormatError(path + ": truncated before the header length");
  std::uint32_t header_size = 0;
  std::memcpy(&header_size, bytes.data() + kVersionEnd, length_bytes);
  const std::string_view rest = text.substr(kVersionEnd + length_bytes);
  if (header_size > kMaxNpyHeaderBytes || header_size > rest.size()) {
    throw FileFormatError(path + ": npy header of " + std::to_string(header_size) + " bytes does not fit a file of " +
                          std::to_string(bytes.size()));
  }
  const NpyHeader header = HeaderParser(rest.substr(0, header_size), path).parse();
  if (!header.descr || !header.fortran_order || !header.shape) {
    throw FileFormatError(path + ": npy header without descr, fortran_order or shape");
  }
  const bool is_double = *header.descr == kDescr<double>;
  if (!is_double && *header.descr != kDescr<float>) {
    throw FileFormatError(path + ": dtype " + quoted_for_message(*header.descr) +
                          "; float32 ('<f4') and float64 ('<f8') are read: save array.astype('<f4')");
  }
  if (*header.fortran_order) {
    throw FileFormatError(path + ": Fortran order; save numpy.ascontiguousarray(array)");
  }
  const std::span<const std::byte> data = bytes.subspan(bytes.size() - rest.size() + header_size);
  try {
    const std::int64_t count = element_count(*header.shape);
    if (is_double) return {*header.shape, copy_values<double>(data, count, path)};
    return {*header.shape, copy_values<float>(data, count, path)};
  } catch (const ShapeError& error) {
    throw FileFormatError(path + ": shape " + shape_text(*header.shape) + ": " + error.what());
  }
}

NpyArray read_npy(const std::string& path) { return parse_npy(read_file(path), path); }

template <typename T>
std::vector<std::byte> serialize_npy(const Shape& shape, std::span<const T> values) {
  if (element_count(shape) != static_cast<std::int64_t>(values.size()) || shape.size() > kMaxRank) {
    throw ShapeError("npy: " + std::to_string(values.size()) + " values for shape " + shape_text(shape));
  }
  const std::string header = header_text(kDescr<T>, shape);  // at most 64 extents: fits the 16-bit length
  const auto length = static_cast<std::uint16_t>(header.size());
  std::string start(kMagic);
  start += '\x01';
  start += '\x00';
  start += static_cast<char>(length & 0xFF);
  start += static_cast<char>(length >> 8);
  start += header;
  std::vector<std::byte> bytes(start.size() + values.size_bytes());
  std::memcpy(bytes.data(), start.data(), start.size());
  std::ranges::copy(std::as_bytes(values), bytes.begin() + static_cast<std::ptrdiff_t>(start.size()));
  return bytes;
}

template <typename T>
void write_npy(const std::string& path, const Shape& shape, std::span<const T> values) {
  write_file_atomically(path, serialize_npy(shape, values));
}

#define DYADIC_INSTANTIATE_NPY(T)                                                     \
  template std::vector<std::byte> serialize_npy<T>(const Shape&, std::span<const T>); \
  template void write_npy<T>(const std::string&, const Shape&, std::span<const T>)
DYADIC_INSTANTIATE_NPY(float);
DYADIC_INSTANTIATE_NPY(double);
DYADIC_INSTANTIATE_NPY(std::int8_t);
DYADIC_INSTANTIATE_NPY(std::int16_t);
DYADIC_INSTANTIATE_NPY(std::int32_t);
DYADIC_INSTANTIATE_NPY(std::int64_t);
DYADIC_INSTANTIATE_NPY(std::uint8_t);
DYADIC_INSTANTIATE_NPY(std::uint16_t);
DYADIC_INSTANTIATE_NPY(std::uint32_t);
DYADIC_INSTANTIATE_NPY(std::uint64_t);
#undef DYADIC_INSTANTIATE_NPY

}  // namespace dyadic
