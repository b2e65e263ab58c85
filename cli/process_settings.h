// What a command line says of the process and not of the result: threads, instruction set, kernels. The same bits come
// out whatever is chosen, so none of it is a key of a recipe.
#pragma once

#include "cli/command.h"

namespace dyadic::cli {

/// Applies --isa, --threads and `--set kernels.NAME=VALUE`, and takes the latter out of `arguments`. Of commands that
/// take no recipe, other keys of --set are refused. Throws UsageError.
void apply_process_settings(const Command& command, Arguments& arguments);

}  // namespace dyadic::cli
