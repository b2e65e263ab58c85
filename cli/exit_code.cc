#include "cli/exit_code.h"

#include <array>
#include <system_error>

#include "dyadic/base/error.h"

namespace dyadic::cli {
namespace {

template <typename E>
bool is_a(const std::exception& error) {
  return dynamic_cast<const E*>(&error) != nullptr;
}

// std::system_error: a print that failed, a file system function of the standard library.
struct Row {
  bool (*matches)(const std::exception& error);
  ExitCode code;
};

constexpr std::array<Row, 6> kRows = {{{is_a<UsageError>, ExitCode::usage},
                                       {is_a<NonFiniteError>, ExitCode::non_finite},
                                       {is_a<FileFormatError>, ExitCode::malformed_input},
                                       {is_a<MissingInputError>, ExitCode::missing_input},
                                       {is_a<IoError>, ExitCode::io},
                                       {is_a<std::system_error>, ExitCode::io}}};

}  // namespace

ExitCode exit_code_of(const std::exception& error) {
  for (const Row& row : kRows) {
    if (row.matches(error)) return row.code;
  }
  return ExitCode::internal;
}

}  // namespace dyadic::cli
