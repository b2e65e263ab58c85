// Labelled images in memory, and the table of data sets that recipes can name.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dyadic/tensor/tensor.h"

namespace dyadic {

/// Examples of one kind: bytes as they are stored, where k means k/256 when a network wants numbers
/// (docs/numerics.md), or float32 values that a preparation has made (docs/data.md), taken as they are.
struct ImageSet {
  std::string name;
  Shape shape;                       // of one example, rows x columns x channels
  std::vector<std::uint8_t> pixels;  // count() examples one after the other, each row by row; empty in a set of floats
  std::vector<std::uint8_t> labels;  // one per example, 0 .. classes - 1
  int classes = 0;
  std::span<const float> floats;      // the same for a set of floats; empty in a set of bytes
  std::shared_ptr<const void> owner;  // keeps what `floats` looks at: a mapped file or a vector

  [[nodiscard]] bool is_float() const { return !floats.empty(); }
  [[nodiscard]] std::int64_t count() const { return static_cast<std::int64_t>(labels.size()); }
  [[nodiscard]] std::int64_t values() const { return element_count(shape); }
  /// The pixels of example `index` of a set of bytes; no check of the index.
  [[nodiscard]] std::span<const std::uint8_t> example(std::int64_t index) const {
    const auto size = static_cast<std::size_t>(values());
    return std::span(pixels).subspan(static_cast<std::size_t>(index) * size, size);
  }
  /// The values of example `index` of a set of floats; no check of the index.
  [[nodiscard]] std::span<const float> example_values(std::int64_t index) const {
    const auto size = static_cast<std::size_t>(values());
    return floats.subspan(static_cast<std::size_t>(index) * size, size);
  }
};

/// How many examples carry each label.
std::vector<std::int64_t> label_histogram(const ImageSet& set);

/// SHA-256 of train pixels (or float32 values, little-endian), train labels, test pixels, test labels, one after the
/// other. A run stores it and compares it on resume: other data is another experiment.
std::string data_fingerprint(const ImageSet& train, const ImageSet& test);

struct DataSet {
  std::string name;
  std::string origin;  // where it came from, for people: a directory, or "generated, seed 1"
  ImageSet train;
  ImageSet test;
  std::string fingerprint;
};

/// One file of a data set, unpacked. On disk it may be packed; if both are there the plain one is read.
struct DataFile {
  const char* name;
  std::int64_t bytes;
  const char* sha256;
};

/// One file that `dyadic data get` fetches, from an address that is a mirror and this name.
struct DataDownload {
  const char* name;
  std::int64_t bytes;
  const char* sha256;
};

/// Of generated sets.
inline constexpr std::uint64_t kDefaultSeed = 1;

/// What `dyadic data make` is asked for.
struct MakeRequest {
  std::string data;    // the directory of data sets, where a preparation finds its source
  std::string folder;  // to write into
  std::uint64_t seed = kDefaultSeed;
  std::function<void(const std::string&)> note =
      {};  // what is going on, for people, where it takes minutes; may be null
};

/// One row per data set: all that `data list`, `get`, `make`, `check` and training need to know of it.
struct DataSetRow {
  const char* name;
  const char* description;
  Shape shape;
  int classes;
  std::int64_t train_count;
  std::int64_t test_count;
  const char* source = nullptr;                // of a prepared set: the set that it is made from
  std::int64_t train_count_without_extra = 0;  // of a set with an optional file; 0: there is none
  std::vector<DataFile> files;                 // what it consists of; `check` compares the hashes that are known
  std::vector<DataDownload> downloads;
  std::vector<const char*> mirrors;  // addresses that end in a slash
  /// The files to read, below a directory. Throws MissingInputError that says what was looked for and how to get it.
  std::vector<std::string> (*find)(const DataSetRow& row, const std::string& directory);
  DataSet (*load)(const DataSetRow& row, const std::string& directory);
  DataSet (*generate)(std::uint64_t seed);                          // null unless generated
  void (*make)(const DataSetRow& row, const MakeRequest& request);  // null unless generated or prepared
  /// The files of `files`, in its order, as this set would fill them; null where they are not compared.
  std::vector<std::vector<std::uint8_t>> (*contents)(const DataSet& set);
};

/// Whether these are the numbers of examples of the published set, with or without its optional file.
bool has_published_counts(const DataSetRow& row, std::int64_t train, std::int64_t test);

std::span<const DataSetRow> data_set_table();

/// Throws UsageError with the nearest name.
const DataSetRow& data_set_row(std::string_view name);

/// Where data sets live: `option` (the user's --data) if not empty, else the environment variable DYADIC_DATA, else
/// "data" in the current directory.
std::string data_directory(const std::string& option);

/// Reads or generates a data set. `directory` is what the user gave as --data, or empty. A generated set is read from
/// DIRECTORY/NAME if that folder exists (`dyadic data make` writes it) and made with its default seed otherwise. Throws
/// UsageError, MissingInputError, IoError, FileFormatError.
DataSet load_dataset(const std::string& name, const std::string& directory);

}  // namespace dyadic
