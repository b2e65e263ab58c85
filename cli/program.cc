#include "cli/program.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>
#include <new>
#include <string>

#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/parse.h"
#include "cli/process_settings.h"
#include "dyadic/base/error.h"
#include "dyadic/base/nearest_name.h"

namespace dyadic::cli {
namespace {

constexpr std::string_view kFirstLine =
    "dyadic " DYADIC_VERSION ": train and run neural networks in any number format, exactly";

std::string program_help() {
  std::string text = std::string(kFirstLine) + "\n\nUsage: dyadic COMMAND [ARGUMENTS] [OPTIONS]\n\nCommands:\n";
  for (const Command& command : command_table()) text += fmt::format("  {:<10} {}\n", command.name, command.summary);
  text +=
      "\n'dyadic COMMAND --help' shows the arguments of one; 'dyadic --version' the version.\n"
      "\nExample, 5 epochs in 10-bit dynamic fixed point on generated digits:\n"
      "  dyadic train PI_DIGITS DFXP 5 9 11 100 0.0001 2 --epochs 5\n"
      "\nExit codes: 0 done, 2 usage or recipe error, 3 non-finite or diverged, 65 malformed input file, 66 missing\n"
      "input, 70 internal error, 74 I/O error, 75 stopped and resumable, 130 interrupted twice.\n";
  return text;
}

const Command& find_command(const std::string& name) {
  const auto table = command_table();
  const auto found = std::ranges::find(table, name, &Command::name);
  if (found != table.end()) return *found;
  std::vector<std::string> names;
  for (const Command& command : table) names.emplace_back(command.name);
  if (name.starts_with('-')) {
    throw UsageError(fmt::format("option {} comes before the command; write dyadic COMMAND [OPTIONS]", name));
  }
  throw UsageError(fmt::format("unknown command '{}'; the nearest is '{}' ('dyadic --help' lists them)", name,
                               nearest_name(name, names)));
}

ExitCode dispatch(const std::vector<std::string>& words) {
  if (words.empty()) {
    fmt::print("{}", program_help());
    return ExitCode::usage;
  }
  if (words[0] == "help" || words[0] == "--help" || words[0] == "-h" || words[0] == "--version") {
    fmt::print("{}", words[0] == "--version" ? "dyadic " DYADIC_VERSION "\n" : program_help());
    return ExitCode::done;
  }
  const Command& command = find_command(words[0]);
  auto arguments = parse_arguments(command, {words.begin() + 1, words.end()});
  if (!arguments) {
    fmt::print("{}", help_of(command));
    return ExitCode::done;
  }
  apply_process_settings(command, *arguments);
  const ExitCode code = command.run(*arguments);
  if (std::fflush(stdout) != 0) throw IoError(system_error_text("standard output", "write"));
  return code;
}

int report(const std::string& message, ExitCode code) {
  std::string line = message;
  std::ranges::replace(line, '\n', ' ');
  std::fflush(stdout);
  fmt::print(stderr, "dyadic: {}\n", line);
  return static_cast<int>(code);
}

}  // namespace

int run_program(const std::vector<std::string>& arguments) {
  std::signal(SIGXFSZ, SIG_IGN);  // a file beyond `ulimit -f` is a failed write like any other
  try {
    return static_cast<int>(dispatch(arguments));
  } catch (const std::bad_alloc&) {
    return report("out of memory: smaller layers, pictures or batches (train.batch) take less", ExitCode::internal);
  } catch (const std::exception& error) {
    const ExitCode code = exit_code_of(error);
    const char* prefix = code == ExitCode::internal ? "internal error: " : "";
    return report(prefix + std::string(error.what()), code);
  } catch (...) {
    return report("internal error: unknown exception", ExitCode::internal);
  }
}

}  // namespace dyadic::cli
