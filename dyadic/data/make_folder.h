// Data sets of several files: the folder appears whole or not at all, so nobody ever reads half of one set and half of
// another.
#pragma once

#include <functional>
#include <string>

#include "dyadic/data/dataset.h"

namespace dyadic {

/// Lets `write` fill an empty folder beside `folder`, which is then renamed to it. A folder that is there already is
/// kept if it holds the same files with the same bytes, and filled if it is empty. Throws UsageError if it holds
/// anything else, IoError if the system refuses. kill -9 leaves a hidden folder behind, which the next call removes.
/// Returns whether the folder was there already.
bool make_folder(const std::string& folder, const std::function<void(const std::string& folder)>& write);

/// DataSetRow::make of a generated set whose files `write` writes.
void make_generated(const DataSetRow& row, const MakeRequest& request,
                    void (*write)(const DataSet& set, const std::string& folder));

}  // namespace dyadic
