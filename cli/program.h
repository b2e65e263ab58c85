// The command line: finds the command, reads its options, runs it, turns what it throws into one line on stderr and an
// exit code.
#pragma once

#include <string>
#include <vector>

namespace dyadic::cli {

/// `arguments` without the program's name. Returns the exit code; never throws.
int run_program(const std::vector<std::string>& arguments);

}  // namespace dyadic::cli
