// Labelled images in memory, and the table of data sets that recipes can name.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dyadic/tensor/tensor.h"

namespace dyadic {

/// Bytes as they are stored: a value k means k/256 where a network wants numbers (numerics.md section 2).
struct ImageSet {
  std::string name;
  Shape shape;                       // of one example, rows x columns x channels
  std::vector<std::uint8_t> pixels;  // count() examples one after the other, each row by row
  std::vector<std::uint8_t> labels;  // one per example, 0 .. classes - 1
  int classes = 0;

  [[nodiscard]] std::int64_t count() const { return static_cast<std::int64_t>(labels.size()); }
  [[nodiscard]] std::int64_t values() const { return element_count(shape); }
  /// The pixels of example `index`; no check of the index.
  [[nodiscard]] std::span<const std::uint8_t> example(std::int64_t index) const {
    const auto size = static_cast<std::size_t>(values());
    return std::span(pixels).subspan(static_cast<std::size_t>(index) * size, size);
  }
};

/// How many examples carry each label.
std::vector<std::int64_t> label_histogram(const ImageSet& set);

/// SHA-256 of train pixels, train labels, test pixels, test labels, one after the other. A run stores it and compares
/// it on resume: other data is another experiment.
std::string data_fingerprint(const ImageSet& train, const ImageSet& test);

struct DataSet {
  std::string name;
  std::string origin;  // where it came from, for people: a directory, or "generated, seed 1"
  ImageSet train;
  ImageSet test;
  std::string fingerprint;
};

/// One file of a data set. On disk it may be packed (NAME.gz) or plain (NAME); if both are there the plain one is read.
struct DataFile {
  const char* name;
  std::int64_t packed_bytes;  // of NAME.gz, 0 where there is none
  const char* packed_sha256;  // of NAME.gz
  std::int64_t bytes;
  const char* sha256;
};

/// One row per data set: all that `data list`, `get`, `check` and training need to know of it.
struct DataSetRow {
  const char* name;
  const char* description;
  Shape shape;
  int classes;
  std::int64_t train_count;
  std::int64_t test_count;
  std::vector<DataFile> files;
  std::vector<const char*> mirrors;  // addresses that end in a slash; empty for generated sets
  DataSet (*load)(const DataSetRow& row, const std::string& directory);
  DataSet (*make)(std::uint64_t seed);  // null for sets that are not generated
};

std::span<const DataSetRow> data_set_table();

/// Throws UsageError with the nearest name.
const DataSetRow& data_set_row(std::string_view name);

/// Where data sets live: `option` (the user's --data) if not empty, else the environment variable DYADIC_DATA, else
/// "data" in the current directory.
std::string data_directory(const std::string& option);

/// The files of a row in DIRECTORY/NAME or else in DIRECTORY itself, in the order of the row. Throws MissingInputError
/// that says which file was looked for, where, and how to get it.
std::vector<std::string> find_data_files(const DataSetRow& row, const std::string& directory);

/// Reads or generates a data set. `directory` is what the user gave as --data, or empty. A generated set is read from
/// DIRECTORY/NAME if that folder exists (`dyadic data make` writes it) and made with its default seed otherwise. Throws
/// UsageError, MissingInputError, IoError, FileFormatError.
DataSet load_dataset(const std::string& name, const std::string& directory);

}  // namespace dyadic
