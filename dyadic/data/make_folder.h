// Data sets of several files: the folder appears whole or not at all, so nobody ever reads half of one set and half of
// another.
#pragma once

#include <functional>
#include <string>

namespace dyadic {

/// What `data make` says where nothing was left to do.
inline constexpr const char* kKept = "there already, the same files: kept";

/// Lets `write` fill an empty folder beside `folder`, which is then renamed to it. A folder that is there already is
/// kept if it holds the same files with the same bytes, and filled if it is empty. Throws UsageError if it holds
/// anything else, IoError if the system refuses. kill -9 leaves a hidden folder behind, which the next call removes.
/// Returns whether the folder was there already.
bool make_folder(const std::string& folder, const std::function<void(const std::string& folder)>& write);

}  // namespace dyadic
