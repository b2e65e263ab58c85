#include "dyadic/io/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <set>
#include <utility>

#include "dyadic/base/checked.h"
#include "dyadic/base/error.h"
#include "dyadic/base/sha256.h"
#include "dyadic/io/file.h"
#include "dyadic/io/strict_json.h"

namespace dyadic {
namespace {

static_assert(std::endian::native == std::endian::little, "files are little-endian and copied as they lie in memory");

constexpr std::size_t kLengthBytes = 8;
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;
constexpr std::size_t kHeaderAlignment = 8;
constexpr std::string_view kMetadataKey = "__metadata__";
constexpr std::string_view kChecksumKey = "sha256";
constexpr std::string_view kChecksumText = "\"sha256\":\"";  // as serialize_safetensors() writes it
constexpr std::size_t kChecksumDigits = 64;

constexpr std::array<std::pair<std::string_view, int>, 22> kDtypes = {
    {{"BOOL", 8},    {"U8", 8},      {"I8", 8},          {"F8_E5M2", 8},    {"F8_E4M3", 8}, {"F8_E8M0", 8},
     {"I16", 16},    {"U16", 16},    {"F16", 16},        {"BF16", 16},      {"I32", 32},    {"U32", 32},
     {"F32", 32},    {"F64", 64},    {"I64", 64},        {"U64", 64},       {"C64", 64},    {"F4", 4},
     {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}}};

std::string tensor_text(std::string_view name) { return "tensor " + quoted_for_message(name); }

/// Bytes of a tensor of this dtype and shape. Throws ShapeError when they do not fit in int64 or are not whole.
std::int64_t data_bytes(const Shape& shape, int bits) {
  const std::int64_t total = checked_multiply(element_count(shape), bits, "tensor");
  if (total % 8 != 0)
    throw ShapeError(shape_text(shape) + " elements of " + std::to_string(bits) + " bits end inside a byte");
  return total / 8;
}

std::vector<TensorView> views_of(const SafetensorsFile& file) {
  std::vector<TensorView> views;
  for (const StoredTensor& tensor : file.tensors) {
    views.push_back({tensor.name, tensor.dtype, tensor.shape, tensor.bytes});
  }
  return views;
}

std::int64_t bytes_of(const TensorView& tensor) { return data_bytes(tensor.shape, dtype_bits(tensor.dtype)); }

/// The header with the digits of the checksum zeroed. Throws UsageError: what cannot be read must not be written.
std::string header_text(std::map<std::string, std::string> metadata, const std::vector<TensorView>& tensors) {
  if (!metadata.emplace(kChecksumKey, std::string(kChecksumDigits, '0')).second) {
    throw UsageError("safetensors: the metadata key \"sha256\" belongs to the checksum");
  }
  std::string header = "{" + json_string(kMetadataKey) + ":{";
  const char* separator = "";
  for (const auto& [key, value] : metadata) {
    header += separator + json_string(key) + ":" + json_string(value);
    separator = ",";
  }
  header += "}";
  std::int64_t offset = 0;
  std::set<std::string_view> names = {kMetadataKey};
  for (const TensorView& tensor : tensors) {
    const std::string where = "safetensors: " + tensor_text(tensor.name) + ": ";
    if (!names.insert(tensor.name).second) throw UsageError(where + "the name is taken");
    if (dtype_bits(tensor.dtype) == 0) throw UsageError(where + "unknown dtype " + quoted_for_message(tensor.dtype));
    const std::int64_t end = offset + bytes_of(tensor);
    std::string extents;
    for (const std::int64_t extent : tensor.shape) extents += (extents.empty() ? "" : ",") + std::to_string(extent);
    header += "," + json_string(tensor.name) + ":{\"dtype\":" + json_string(tensor.dtype) + ",\"shape\":[" + extents +
              "],\"data_offsets\":[" + std::to_string(offset) + "," + std::to_string(end) + "]}";
    offset = end;
  }
  header += "}";
  header.resize((header.size() + kHeaderAlignment - 1) / kHeaderAlignment * kHeaderAlignment, ' ');
  if (header.size() > kMaxHeaderBytes) {
    throw UsageError("safetensors: a header of " + std::to_string(header.size()) + " bytes; the format allows " +
                     std::to_string(kMaxHeaderBytes));
  }
  return header;
}

std::array<std::byte, kLengthBytes> length_bytes(std::string_view header) {
  const std::uint64_t length = header.size();
  std::array<std::byte, kLengthBytes> bytes{};
  std::memcpy(bytes.data(), &length, kLengthBytes);
  return bytes;
}

/// SHA-256 of a file whose header has these digits zeroed.
std::string checksum_of(std::span<const std::byte> length, std::string_view header, std::span<const std::byte> data) {
  Sha256 hash;
  hash.update(length.data(), length.size());
  hash.update(header.data(), header.size());
  hash.update(data.data(), data.size());
  return hash.hex();
}

/// Where the checksum's digits begin; npos unless there is exactly one such entry. A quote inside a JSON string comes
/// after a backslash, so what follows '{' or ',' is a key and not the text of another string.
std::size_t find_digits(std::string_view header) {
  std::size_t digits = std::string_view::npos;
  for (std::size_t at = header.find(kChecksumText, 1); at != std::string_view::npos;
       at = header.find(kChecksumText, at + 1)) {
    if (header[at - 1] != '{' && header[at - 1] != ',') continue;
    if (digits != std::string_view::npos) return std::string_view::npos;
    digits = at + kChecksumText.size();
  }
  return digits;
}

/// The checksum. Throws FileFormatError unless `header` holds its entry once, as it is written here, with the right
/// value.
std::string verified_checksum(std::span<const std::byte> length, std::string_view header,
                              std::span<const std::byte> data, const std::string& path) {
  const std::size_t at = find_digits(header);
  if (at == std::string_view::npos || header.size() - at <= kChecksumDigits || header[at + kChecksumDigits] != '"') {
    throw FileFormatError(path + ": no \"sha256\" in the metadata; the file is damaged or was not written by dyadic");
  }
  std::string zeroed(header);
  zeroed.replace(at, kChecksumDigits, kChecksumDigits, '0');
  std::string actual = checksum_of(length, zeroed, data);
  const std::string_view stored = header.substr(at, kChecksumDigits);
  if (stored == actual) return actual;
  throw FileFormatError(path + ": damaged: its SHA-256 is " + actual + ", the file says " + quoted_for_message(stored));
}

struct Entry {
  TensorView tensor;
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

template <typename T>
const T& member(const JsonObject& object, std::string_view key, std::string_view type, const std::string& where) {
  const JsonValue* value = object.find(key);
  if (value == nullptr) throw FileFormatError(where + "no " + std::string(key));
  if (!std::holds_alternative<T>(*value))
    throw FileFormatError(where + std::string(key) + " is not " + std::string(type));
  return std::get<T>(*value);
}

/// One tensor's header entry, checked in itself. `where` begins every message.
Entry parse_entry(const std::string& name, const JsonObject& object, const std::string& where) {
  constexpr std::size_t kMembers = 3;
  Entry entry;
  entry.tensor.name = name;
  entry.tensor.dtype = member<std::string>(object, "dtype", "a string", where);
  entry.tensor.shape = member<JsonIntegers>(object, "shape", "an array of integers", where);
  const auto& offsets = member<JsonIntegers>(object, "data_offsets", "an array of integers", where);
  if (object.members.size() != kMembers) throw FileFormatError(where + "keys other than dtype, shape, data_offsets");
  if (offsets.size() != 2 || offsets[0] > offsets[1]) {
    throw FileFormatError(where + "data_offsets " + shape_text(offsets) + " are not [begin, end]");
  }
  entry.begin = offsets[0];
  entry.end = offsets[1];
  const int bits = dtype_bits(entry.tensor.dtype);
  if (bits == 0) throw FileFormatError(where + "unknown dtype " + quoted_for_message(entry.tensor.dtype));
  std::int64_t expected = 0;
  try {
    expected = data_bytes(entry.tensor.shape, bits);
  } catch (const ShapeError& error) {
    throw FileFormatError(where + "shape " + shape_text(entry.tensor.shape) + ": " + error.what());
  }
  if (expected != entry.end - entry.begin) {
    throw FileFormatError(where + "data_offsets " + shape_text(offsets) + " hold " +
                          std::to_string(entry.end - entry.begin) + " bytes, " + entry.tensor.dtype + " of shape " +
                          shape_text(entry.tensor.shape) + " takes " + std::to_string(expected));
  }
  return entry;
}

/// Sorts by place in the data and checks that the entries cover all of it, once.
void check_layout(std::vector<Entry>& entries, std::int64_t data_size, const std::string& path) {
  std::ranges::stable_sort(entries, {}, [](const Entry& entry) { return std::pair(entry.begin, entry.end); });
  std::int64_t covered = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != covered) {
      throw FileFormatError(path + ": " + tensor_text(entry.tensor.name) + ": data begin at byte " +
                            std::to_string(entry.begin) + ", the data before end at " + std::to_string(covered) +
                            (entry.begin < covered ? " (overlap)" : " (hole)"));
    }
    covered = entry.end;
  }
  if (covered != data_size) {
    throw FileFormatError(path + ": the header describes " + std::to_string(covered) + " bytes of data, the file has " +
                          std::to_string(data_size) + (data_size < covered ? " (truncated?)" : " (something follows)"));
  }
}

std::map<std::string, std::string> parse_metadata(const JsonValue& value, const std::string& path) {
  const std::string where = path + ": header: __metadata__";
  const auto* object = std::get_if<JsonObject>(&value);
  if (object == nullptr) throw FileFormatError(where + " is not an object");
  std::map<std::string, std::string> metadata;
  for (const auto& [key, entry] : object->members) {
    const auto* text = std::get_if<std::string>(&entry);
    if (text == nullptr) throw FileFormatError(where + " " + quoted_for_message(key) + " is not a string");
    metadata.emplace(key, *text);
  }
  return metadata;
}

JsonObject parse_header(std::string_view header, const std::string& path) {
  // The format allows spaces after the object and nothing else.
  const std::size_t last = header.find_last_not_of(' ');
  if (last == std::string_view::npos || header[last] != '}') {
    throw FileFormatError(path + ": header: does not end with '}' and spaces");
  }
  try {
    return parse_strict_json(header.substr(0, last + 1), 2);
  } catch (const FileFormatError& error) {
    throw FileFormatError(path + ": header: " + error.what());
  }
}

}  // namespace

const StoredTensor* SafetensorsFile::find(std::string_view name) const {
  const auto found = std::ranges::find(tensors, name, &StoredTensor::name);
  return found == tensors.end() ? nullptr : &*found;
}

int dtype_bits(std::string_view dtype) {
  const auto* found = std::ranges::find(kDtypes, dtype, &std::pair<std::string_view, int>::first);
  return found == kDtypes.end() ? 0 : found->second;
}

const TensorView* SafetensorsView::find(std::string_view name) const {
  const auto found = std::ranges::find(tensors, name, &TensorView::name);
  return found == tensors.end() ? nullptr : &*found;
}

std::vector<std::byte> serialize_safetensors(const SafetensorsFile& file) {
  std::string header = header_text(file.metadata, views_of(file));
  std::size_t data_size = 0;
  for (const StoredTensor& tensor : file.tensors) {
    const std::int64_t expected = data_bytes(tensor.shape, dtype_bits(tensor.dtype));
    if (expected != static_cast<std::int64_t>(tensor.bytes.size())) {
      throw UsageError("safetensors: " + tensor_text(tensor.name) + ": " + std::to_string(tensor.bytes.size()) +
                       " bytes given, " + tensor.dtype + " of shape " + shape_text(tensor.shape) + " takes " +
                       std::to_string(expected));
    }
    data_size += tensor.bytes.size();
  }
  std::vector<std::byte> bytes(kLengthBytes + header.size() + data_size);
  std::ranges::copy(length_bytes(header), bytes.begin());
  std::size_t at = kLengthBytes + header.size();
  for (const StoredTensor& tensor : file.tensors) {
    std::ranges::copy(tensor.bytes, bytes.begin() + static_cast<std::ptrdiff_t>(at));
    at += tensor.bytes.size();
  }
  const std::span<const std::byte> all(bytes);
  const std::string digits = checksum_of(all.first(kLengthBytes), header, all.subspan(kLengthBytes + header.size()));
  header.replace(find_digits(header), kChecksumDigits, digits);
  std::memcpy(bytes.data() + kLengthBytes, header.data(), header.size());
  return bytes;
}

struct SafetensorsWriter::State {
  AtomicFile file;
  Sha256 hash = {};
  std::size_t digits_at = 0;  // in the file
  std::int64_t left = 0;      // bytes that append() still has to bring
};

SafetensorsWriter::SafetensorsWriter(const std::string& path, const std::map<std::string, std::string>& metadata,
                                     const std::vector<TensorView>& tensors) {
  const std::string header = header_text(metadata, tensors);
  state_ = std::make_unique<State>(AtomicFile(path));
  state_->digits_at = kLengthBytes + find_digits(header);
  const auto length = length_bytes(header);
  for (const std::span<const std::byte> part : {std::span<const std::byte>(length), std::as_bytes(std::span(header))}) {
    state_->hash.update(part.data(), part.size());
    state_->file.append(part);
  }
  for (const TensorView& tensor : tensors) state_->left += bytes_of(tensor);
}

SafetensorsWriter::~SafetensorsWriter() = default;

void SafetensorsWriter::append(std::span<const std::byte> bytes) {
  if (static_cast<std::int64_t>(bytes.size()) > state_->left) {
    throw UsageError("safetensors: " + std::to_string(bytes.size()) + " bytes given where " +
                     std::to_string(state_->left) + " are left");
  }
  state_->hash.update(bytes.data(), bytes.size());
  state_->file.append(bytes);
  state_->left -= static_cast<std::int64_t>(bytes.size());
}

void SafetensorsWriter::commit() {
  if (state_->left != 0) throw UsageError("safetensors: " + std::to_string(state_->left) + " bytes are missing");
  const std::string digits = state_->hash.hex();
  state_->file.overwrite(static_cast<std::int64_t>(state_->digits_at), std::as_bytes(std::span(digits)));
  state_->file.commit();
}

SafetensorsView view_safetensors(std::span<const std::byte> bytes, const std::string& path, Checksum checksum) {
  if (bytes.size() < kLengthBytes) {
    throw FileFormatError(path + ": " + std::to_string(bytes.size()) + " bytes are too short for a safetensors file");
  }
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), kLengthBytes);
  if (length > kMaxHeaderBytes || length > bytes.size() - kLengthBytes) {
    throw FileFormatError(path + ": header length " + std::to_string(length) + " does not fit a file of " +
                          std::to_string(bytes.size()) + " bytes (truncated, or not a safetensors file)");
  }
  const auto header_size = static_cast<std::size_t>(length);
  const std::string_view header(reinterpret_cast<const char*>(bytes.data()) + kLengthBytes, header_size);
  const std::span<const std::byte> data = bytes.subspan(kLengthBytes + header_size);

  SafetensorsView file;
  if (checksum == Checksum::required) {
    file.sha256 = verified_checksum(bytes.first(kLengthBytes), header, data, path);
  }
  std::vector<Entry> entries;
  for (const auto& [name, value] : parse_header(header, path).members) {
    if (name == kMetadataKey) {
      file.metadata = parse_metadata(value, path);
      continue;
    }
    const std::string where = path + ": " + tensor_text(name) + ": ";
    const auto* object = std::get_if<JsonObject>(&value);
    if (object == nullptr) throw FileFormatError(where + "not an object");
    entries.push_back(parse_entry(name, *object, where));
  }
  check_layout(entries, static_cast<std::int64_t>(data.size()), path);
  if (checksum == Checksum::required && file.metadata.erase(std::string(kChecksumKey)) == 0) {
    throw FileFormatError(path + ": \"sha256\" is in the header, but not in its __metadata__");
  }
  for (Entry& entry : entries) {
    entry.tensor.bytes =
        data.subspan(static_cast<std::size_t>(entry.begin), static_cast<std::size_t>(entry.end - entry.begin));
    file.tensors.push_back(std::move(entry.tensor));
  }
  return file;
}

SafetensorsFile parse_safetensors(std::span<const std::byte> bytes, const std::string& path, Checksum checksum) {
  SafetensorsView view = view_safetensors(bytes, path, checksum);
  SafetensorsFile file{.metadata = std::move(view.metadata), .tensors = {}};
  for (TensorView& tensor : view.tensors) {
    file.tensors.push_back({std::move(tensor.name), std::move(tensor.dtype), std::move(tensor.shape),
                            std::vector<std::byte>(tensor.bytes.begin(), tensor.bytes.end())});
  }
  return file;
}

SafetensorsFile read_safetensors(const std::string& path, Checksum checksum) {
  return parse_safetensors(read_file(path), path, checksum);
}

void write_safetensors_atomically(const std::string& path, const SafetensorsFile& file) {
  write_file_atomically(path, serialize_safetensors(file));
}

}  // namespace dyadic
