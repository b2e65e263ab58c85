// Data sets of four idx files: training images and labels, test images and labels.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dyadic/data/dataset.h"

namespace dyadic {

/// In DIRECTORY/NAME or else in DIRECTORY itself.
std::vector<std::string> find_idx_files(const DataSetRow& row, const std::string& directory);

/// In DIRECTORY/NAME only: a folder that is not called so may hold another set's files under the same names.
std::vector<std::string> find_own_idx_files(const DataSetRow& row, const std::string& directory);

/// Reads what row.find finds.
DataSet load_idx_files(const DataSetRow& row, const std::string& directory);

/// Reads DIRECTORY/NAME if that folder exists and generates the set with its default seed otherwise.
DataSet load_or_generate_idx(const DataSetRow& row, const std::string& directory);

/// Generates the set and writes its files.
void make_idx(const DataSetRow& row, const MakeRequest& request);

/// The four files of a set.
std::vector<std::vector<std::uint8_t>> idx_contents(const DataSet& set);

}  // namespace dyadic
