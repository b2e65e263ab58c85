// Exit codes that scripts hold on to. 65, 66, 70, 74 and 75 are those of sysexits.h.
#pragma once

#include <exception>

namespace dyadic::cli {

enum class ExitCode : int {
  done = 0,
  usage = 2,             // wrong command line or recipe
  non_finite = 3,        // a value that is no number, or a run that diverged
  malformed_input = 65,  // a file whose bytes are not what they should be
  missing_input = 66,    // a file or data set that is not there
  internal = 70,         // a defect of this program, or memory that ran out
  io = 74,               // the system refused to read, write, lock or sync
  stopped = 75,          // stopped on request; `dyadic resume` goes on
  interrupted = 130,     // interrupted twice
};

/// By the error's type (dyadic/base/error.h); `internal` for every other.
ExitCode exit_code_of(const std::exception& error);

}  // namespace dyadic::cli
