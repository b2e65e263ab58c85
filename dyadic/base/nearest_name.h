// "did you mean": the nearest valid name to one that a user misspelt.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace dyadic {

/// Edit distance (insert, delete, replace, swap of neighbours), case ignored.
int edit_distance(std::string_view a, std::string_view b);

/// The candidate at the least distance from `name`; empty if `candidates` is. Ties: the earliest.
std::string nearest_name(std::string_view name, std::span<const std::string> candidates);

}  // namespace dyadic
