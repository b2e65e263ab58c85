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
#include <memory>
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

/// A tensor where it lies in a file's bytes.
struct TensorView {
  std::string name;
  std::string dtype;
  Shape shape;
  std::span<const std::byte> bytes = {};
};

/// A file looked at in place, for those that are too large to copy.
struct SafetensorsView {
  std::map<std::string, std::string> metadata;  // as in SafetensorsFile
  std::vector<TensorView> tensors;              // in the order of their data
  std::string sha256;                           // the checksum, verified; empty if it was ignored

  /// nullptr if there is none.
  [[nodiscard]] const TensorView* find(std::string_view name) const;
};

/// Bits of one element; 0 for an unknown dtype.
int dtype_bits(std::string_view dtype);

/// The bytes of the file: a function of `file` alone, tensors in the order given, metadata sorted. Throws UsageError if
/// `file` is not one that parse_safetensors() accepts: duplicate or reserved names, unknown dtype, bytes that do not
/// fit the shape.
std::vector<std::byte> serialize_safetensors(const SafetensorsFile& file);

/// A file written piece by piece, for data that do not fit in memory. It is there whole or not at all, as with
/// write_file_atomically(), and has the bytes that serialize_safetensors() would give.
class SafetensorsWriter {
 public:
  /// `tensors` say name, dtype and shape. Throws UsageError as serialize_safetensors() does, IoError.
  SafetensorsWriter(const std::string& path, const std::map<std::string, std::string>& metadata,
                    const std::vector<TensorView>& tensors);
  ~SafetensorsWriter();
  SafetensorsWriter(const SafetensorsWriter&) = delete;
  SafetensorsWriter& operator=(const SafetensorsWriter&) = delete;

  /// The next bytes of the data, all tensors one after the other. Throws UsageError for too many, IoError.
  void append(std::span<const std::byte> bytes);
  /// Puts the file in its place. Throws UsageError unless all bytes are there, IoError.
  void commit();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Looks at a file's bytes, which must outlive the view. Throws as parse_safetensors() does.
SafetensorsView view_safetensors(std::span<const std::byte> bytes, const std::string& path,
                                 Checksum checksum = Checksum::required);

/// Throws FileFormatError naming `path`, the tensor, what is wrong and where.
SafetensorsFile parse_safetensors(std::span<const std::byte> bytes, const std::string& path,
                                  Checksum checksum = Checksum::required);

/// read_file() and parse_safetensors().
SafetensorsFile read_safetensors(const std::string& path, Checksum checksum = Checksum::required);

/// serialize_safetensors() and write_file_atomically().
void write_safetensors_atomically(const std::string& path, const SafetensorsFile& file);

}  // namespace dyadic
