// Reads the options of one command. The option parser (CLI11) stays behind this file.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/command.h"

namespace dyadic::cli {

/// The arguments after the command's name. None if the user asked for help. Throws UsageError: unknown option (with the
/// nearest), missing value, missing or surplus positional.
std::optional<Arguments> parse_arguments(const Command& command, const std::vector<std::string>& words);

/// What `dyadic COMMAND --help` prints.
std::string help_of(const Command& command);

}  // namespace dyadic::cli
