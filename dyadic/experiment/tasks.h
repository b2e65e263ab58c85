// The original program's command line: TASK FORMAT and numbers, sign not counted. A task is a network and its schedule,
// a format is text for [formats]; together they are the recipe that the TOML files under recipes/ spell out.
#pragma once

#include <string>
#include <vector>

namespace dyadic {

/// "TASK FORMAT [INITIAL_RANGE PROP_BITS UPDATE_BITS [UPDATE_EVERY MAX_OVERFLOW INIT_EPOCHS]]"
std::string task_grammar();

/// The recipe of a task as TOML. Throws UsageError naming the argument and the way out.
std::string task_toml(const std::vector<std::string>& arguments);

}  // namespace dyadic
