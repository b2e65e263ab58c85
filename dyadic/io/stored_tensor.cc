#include "dyadic/io/stored_tensor.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include "dyadic/base/error.h"
#include "dyadic/formats/packing.h"
#include "dyadic/formats/trits.h"
#include "dyadic/io/strict_json.h"

namespace dyadic {
namespace {

constexpr std::string_view kMetadataPrefix = "tensor.";

constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kFloatingDtypes = {{{"float32", "F32"},
                                                                                           {"float16", "F16"},
                                                                                           {"bfloat16", "BF16"},
                                                                                           {"float8_e4m3fn", "F8_E4M3"},
                                                                                           {"float8_e5m2", "F8_E5M2"}}};

/// By CodeType.
constexpr std::array<std::string_view, 7> kGridDtypes = {"I8", "U8", "I16", "U16", "I32", "U32", "F32"};

struct Storage {
  std::string_view dtype;
  Shape shape;
};

bool is_ternary(const Format& format) {
  return format.family == Family::discrete && format.min_code == 0 && format.max_code == 2;
}

/// How a tensor of this format and shape lies in the file.
Storage storage_of(const Format& format, const Shape& shape, Packing packing) {
  if (packing == Packing::trits) return {"U8", {trit_bytes(element_count(shape))}};
  const auto* floating = std::ranges::find(kFloatingDtypes, std::string_view(format.name),
                                           &std::pair<std::string_view, std::string_view>::first);
  if (floating != kFloatingDtypes.end()) return {floating->second, shape};
  const CodeType type = code_type(format);
  if (format.is_grid() && format.width == 8 * code_bytes(type)) {
    return {kGridDtypes[static_cast<std::size_t>(type)], shape};
  }
  return {"U8", {packed_bytes(element_count(shape), format.width)}};
}

std::string description(const Format& format, const Shape& shape, Packing packing) {
  std::string extents;
  for (const std::int64_t extent : shape) extents += (extents.empty() ? "" : ",") + std::to_string(extent);
  return "{\"format\":" + json_string(format_name(format)) + ",\"shape\":[" + extents + "]" +
         (packing == Packing::trits ? ",\"packing\":\"trits\"" : "") + "}";
}

bool name_spells_out(const Format& format) {
  try {
    return parse_format(format_name(format)) == format;
  } catch (const UsageError&) {
    return false;
  }
}

struct Description {
  Format format;
  Shape shape;
  Packing packing = Packing::bits;
};

Description parse_description(const std::string& text, const std::string& where) {
  try {
    const JsonObject object = parse_strict_json(text, 1);
    const JsonValue* format = object.find("format");
    const JsonValue* shape = object.find("shape");
    const JsonValue* packing = object.find("packing");
    if (format == nullptr || shape == nullptr || object.members.size() != (packing != nullptr ? 3U : 2U) ||
        !std::holds_alternative<std::string>(*format) || !std::holds_alternative<JsonIntegers>(*shape)) {
      throw FileFormatError("not {\"format\":NAME,\"shape\":[...]}");
    }
    Description result = {parse_format(std::get<std::string>(*format)), std::get<JsonIntegers>(*shape)};
    if (packing == nullptr) return result;
    const auto* name = std::get_if<std::string>(packing);
    if (name == nullptr || *name != "trits" || !is_ternary(result.format)) {
      throw FileFormatError("the packing is not that of trits, or the format not ternary");
    }
    result.packing = Packing::trits;
    return result;
  } catch (const Error& error) {  // also a format that this version does not know
    throw FileFormatError(where + "metadata: " + error.what());
  }
}

/// Of a block format; every byte is an exponent.
void unpack_exponents(const SafetensorsFile& file, const std::string& name, Tensor& tensor) {
  const std::string exponents_name = name + std::string(kExponentsSuffix);
  const StoredTensor* stored = file.find(exponents_name);
  if (stored == nullptr) throw FileFormatError(quoted_for_message(exponents_name) + " is not in the file");
  const Shape expected = {std::ssize(tensor.exponents())};
  if (stored->dtype != "I8" || stored->shape != expected || std::ssize(stored->bytes) != expected[0]) {
    throw FileFormatError(quoted_for_message(exponents_name) + " is " + stored->dtype + " of shape " +
                          shape_text(stored->shape) + ", but the exponents of " + tensor.format().name + " of shape " +
                          shape_text(tensor.shape()) + " are stored as I8 of shape " + shape_text(expected));
  }
  // Not memcpy: an empty tensor has no memory.
  std::ranges::copy(std::as_bytes(std::span(stored->bytes)), std::as_writable_bytes(tensor.exponents()).begin());
}

}  // namespace

void pack_tensor(SafetensorsFile& file, const std::string& name, const Tensor& tensor, Packing packing) {
  const Format& format = tensor.format();
  const std::string where = "tensor " + quoted_for_message(name) + ": ";
  if (format.family == Family::exact || !name_spells_out(format)) {
    throw UsageError(where + "format '" + format_name(format) + "' cannot be stored");
  }
  const bool in_trits = packing == Packing::trits;
  if (in_trits && !is_ternary(format)) {
    throw UsageError(where + "trits hold ternary, not " + format_name(format) + "; leave out --pack trits");
  }
  const std::int64_t invalid = tensor.is_compressed() ? -1 : first_invalid_code(tensor.data(), format, tensor.size());
  if (invalid >= 0) {
    throw UsageError(where + "element " + std::to_string(invalid) + " is " + std::to_string(tensor.code(invalid)) +
                     ", which is no code of " + format_name(format));
  }
  Storage storage = storage_of(format, tensor.shape(), packing);
  StoredTensor stored{name, std::string(storage.dtype), std::move(storage.shape), {}};
  stored.bytes.resize(
      static_cast<std::size_t>(in_trits ? trit_bytes(tensor.size()) : packed_bytes(tensor.size(), format.width)));
  if (in_trits) {
    std::vector<std::uint8_t> codes(static_cast<std::size_t>(tensor.size()));
    tensor.read(0, tensor.size(), codes.data());
    pack_trits(codes, stored.bytes);
  } else if (tensor.is_compressed()) {
    std::ranges::copy(tensor.compressed_bytes(), stored.bytes.begin());
  } else {
    pack_codes(tensor.data(), format, tensor.size(), stored.bytes);
  }
  file.metadata[std::string(kMetadataPrefix) + name] = description(format, tensor.shape(), packing);
  file.tensors.push_back(std::move(stored));
  if (!format.has_blocks()) return;
  const auto exponents = std::as_bytes(tensor.exponents());
  file.tensors.push_back(
      {name + std::string(kExponentsSuffix), "I8", {std::ssize(exponents)}, {exponents.begin(), exponents.end()}});
}

Tensor unpack_tensor(const SafetensorsFile& file, const std::string& name, const std::string& path) {
  const std::string where = path + ": tensor " + quoted_for_message(name) + ": ";
  const StoredTensor* stored = file.find(name);
  if (stored == nullptr) throw FileFormatError(where + "not in the file");
  const auto entry = file.metadata.find(std::string(kMetadataPrefix) + name);
  if (entry == file.metadata.end()) {
    throw FileFormatError(where + "no \"tensor." + name + "\" in the metadata; dyadic did not write it");
  }
  const auto [format, shape, packing] = parse_description(entry->second, where);
  try {
    if (format.family == Family::exact) throw FileFormatError("format 'exact' has no codes");
    const Storage expected = storage_of(format, shape, packing);
    if (stored->dtype != expected.dtype || stored->shape != expected.shape) {
      throw FileFormatError(stored->dtype + " of shape " + shape_text(stored->shape) + ", but " + format_name(format) +
                            " of shape " + shape_text(shape) + " is stored as " + std::string(expected.dtype) +
                            " of shape " + shape_text(expected.shape));
    }
    const std::int64_t count = element_count(shape);
    const bool in_trits = packing == Packing::trits;
    // Before memory is allocated on the word of the shape.
    if ((in_trits ? trit_bytes(count) : packed_bytes(count, format.width)) !=
        static_cast<std::int64_t>(stored->bytes.size())) {
      throw FileFormatError(std::to_string(stored->bytes.size()) + " bytes for " + std::to_string(count) + " codes");
    }
    Tensor tensor(shape, format);
    if (in_trits) unpack_trits(stored->bytes, tensor.codes<std::uint8_t>());
    else unpack_codes(stored->bytes, format, count, tensor.data());
    const std::int64_t invalid = first_invalid_code(tensor.data(), format, count);
    if (invalid >= 0) {
      throw FileFormatError("element " + std::to_string(invalid) + " is " + std::to_string(tensor.code(invalid)) +
                            ", which is no code of " + format_name(format));
    }
    if (format.has_blocks()) unpack_exponents(file, name, tensor);
    return tensor;
  } catch (const Error& error) {  // ShapeError too: the shape comes from the file
    throw FileFormatError(where + error.what());
  }
}

}  // namespace dyadic
