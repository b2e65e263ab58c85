// safetensors files (https://github.com/huggingface/safetensors, "Format"): 8 bytes little-endian header length, a JSON
// header padded with spaces, the data of all tensors one after the other. Checkpoints and models are such files; other
// tools can open them.
//
// The reader is strict, whoever wrote the file: header at most 100 MB and beginning with '{', no duplicate keys, no
// nesting beyond the format's, string values only in __metadata__, known dtypes, sizes that multiply without overflow,
// data_offsets that follow one another without holes or overlaps from 0 to the end of the file, bytes = shape * dtype.
// Nothing is allocated on the word of a header.
//
// Integrity. serialize_safetensors() writes the metadata entry "sha256": the SHA-256, in lower-case hexadecimal, of the
// whole file with the 64 digits of that entry replaced by 64 times the digit 0. So length, header, padding and data are
// covered: one changed bit anywhere, or a missing or additional byte, is an error when the file is read with
// Checksum::required, as everything written here is. It is a protection against accidents, not against forgery.
// `sed` (to zero the digits) and `sha256sum` verify a file without dyadic.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dyadic/tensor/tensor.h"

namespace dyadic {

/// One entry of a file, in the file's terms. dyadic/io/stored_tensor.h turns Tensors into these and back.
struct StoredTensor {
  std::string name;
  std::string dtype;  // "F32", "U8", ...: dtype_bits() knows them
  Shape shape;
  std::vector<std::byte> bytes;  // row-major, little-endian; element_count(shape) * dtype_bits(dtype) / 8 of them
  bool operator==(const StoredTensor&) const = default;
};

struct SafetensorsFile {
  std::map<std::string, std::string>
      metadata;  // without "sha256", which serialize_safetensors() adds and parse_safetensors() takes away
  std::vector<StoredTensor> tensors;  // in the order of their data

  /// nullptr if there is none.
  [[nodiscard]] const StoredTensor* find(std::string_view name) const;
  bool operator==(const SafetensorsFile&) const = default;
};

enum class Checksum {
  required,  // a file of ours: refuse it without a correct "sha256"
  ignored,   // a file of somebody else: "sha256", if there, is metadata like any other
};

/// Bits of one element; 0 for an unknown dtype.
int dtype_bits(std::string_view dtype);

/// The bytes of the file: a function of `file` alone, tensors in the order given, metadata sorted. Throws UsageError if
/// `file` is not one that parse_safetensors() accepts: duplicate or reserved names, unknown dtype, bytes that do not
/// fit the shape.
std::vector<std::byte> serialize_safetensors(const SafetensorsFile& file);

/// Throws FileFormatError naming `path`, the tensor, what is wrong and where.
SafetensorsFile parse_safetensors(std::span<const std::byte> bytes, const std::string& path,
                                  Checksum checksum = Checksum::required);

/// read_file() and parse_safetensors().
SafetensorsFile read_safetensors(const std::string& path, Checksum checksum = Checksum::required);

/// serialize_safetensors() and write_file_atomically().
void write_safetensors_atomically(const std::string& path, const SafetensorsFile& file);

}  // namespace dyadic
