// Where the files of data sets lie.
#pragma once

#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "dyadic/data/dataset.h"

namespace dyadic {

/// What cannot be looked at counts as there: opening it then says why.
bool is_present(const std::filesystem::path& path);

/// FOLDER/NAME or, in the order given, FOLDER/NAME with an ending; empty if none is there.
std::string present_file(const std::filesystem::path& folder, std::string_view name,
                         std::initializer_list<std::string_view> endings);

/// All files of the row, plain or .gz, in the first of `folders` that has them, in the order of the row. Throws
/// MissingInputError that says which file was looked for, where, and how to get it.
std::vector<std::string> find_row_files(const DataSetRow& row, const std::vector<std::filesystem::path>& folders);

/// "get it with `dyadic data get NAME`, or name its directory with --data or DYADIC_DATA"
std::string how_to_get(const DataSetRow& row);

}  // namespace dyadic
