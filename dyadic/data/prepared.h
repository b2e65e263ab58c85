// Sets of float32 values made from another set once and kept in a file: DIRECTORY/NAME/NAME.safetensors with the
// tensors train, train_labels, test, test_labels. The file is mapped, not read: a set of any size takes no memory of
// its own but its labels.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "dyadic/data/dataset.h"

namespace dyadic {

/// Examples first .. first + count - 1 of a set, as values.
using Transform =
    std::function<void(const ImageSet& set, std::int64_t first, std::int64_t count, std::span<float> out)>;

/// How a set is made.
struct Preparation {
  const char* definition;  // what was done, written into the file; a change of any bit needs another text
  Transform (*fit)(const ImageSet& train);
};

/// The file. Throws MissingInputError that names the command that makes it.
std::vector<std::string> find_prepared(const DataSetRow& row, const std::string& directory);

/// Maps it and verifies its checksum; the set's fingerprint is that checksum. Throws MissingInputError, IoError,
/// FileFormatError also for a file of another set or definition.
DataSet load_prepared(const DataSetRow& row, const Preparation& preparation, const std::string& directory);

/// Transforms `source` in blocks and writes the file, all or nothing; an interrupted call leaves nothing that would be
/// taken for a set, and the next one begins again. Does nothing if the file is there and was made from the same source.
/// `note` is told what is going on. Throws IoError, also when another process is making it.
void write_prepared(
    const DataSetRow& row, const Preparation& preparation, const DataSet& source, const std::string& folder,
    const std::function<void(const std::string&)>& note = [](const std::string&) {});

/// CIFAR-10, contrast normalised and whitened.
DataSet load_cifar10_whitened(const DataSetRow& row, const std::string& directory);
void make_cifar10_whitened(const DataSetRow& row, const MakeRequest& request);

/// SVHN, contrast normalised as a whole and locally.
DataSet load_svhn_lcn(const DataSetRow& row, const std::string& directory);
void make_svhn_lcn(const DataSetRow& row, const MakeRequest& request);

}  // namespace dyadic
