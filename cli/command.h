// Commands and options as tables. A command is a row with a function; an option is a row that fills one member of
// Arguments, and a command lists the options that it takes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "cli/exit_code.h"

namespace dyadic::cli {

/// Everything a command line can say. Numbers stay text until a command reads them, so that errors quote them.
struct Arguments {
  std::vector<std::string> positionals;
  std::vector<std::string> set;
  std::string data;
  std::string seed;
  std::string threads;
  std::string out;
  std::string epochs;
  std::string isa;
  std::string max_steps;
  std::string on_nonfinite;
  std::string init_from;
  std::string format;
  std::string range;
  std::string examples;
  std::string to;
  std::string output;
  std::string pack;
  bool codes = false;
  bool keys = false;
  bool json = false;
  bool quiet = false;
};

struct Option {
  std::string_view name;
  std::string_view value;  // what help shows for it, as in "--data DIR"; empty for flags
  std::string_view summary;
  std::variant<std::string Arguments::*, bool Arguments::*, std::vector<std::string> Arguments::*> member;
};

struct Command {
  std::string_view name;
  std::string_view positionals;  // as usage shows them
  std::string_view summary;
  std::size_t min_positionals;
  std::size_t max_positionals;
  std::vector<std::string_view> options;
  std::string_view examples;
  ExitCode (*run)(const Arguments& arguments);
  bool takes_recipe = false;  // --set may change its keys, and not only kernels
};

std::span<const Command> command_table();
const Option& find_option(std::string_view name);

/// "dyadic eval RUN [OPTIONS]"
std::string usage_of(const Command& command);

/// The value of an option as an integer in [low, high]; none if it was not given. Throws UsageError naming it.
std::optional<std::int64_t> integer_option(std::string_view name, const std::string& text, std::int64_t low,
                                           std::int64_t high);

/// --on-nonfinite: true for `count`, false for `stop` and if not given. Throws UsageError.
bool counts_nonfinite(const Arguments& arguments);

ExitCode run_train(const Arguments& arguments);
ExitCode run_resume(const Arguments& arguments);
ExitCode run_eval(const Arguments& arguments);
ExitCode run_export(const Arguments& arguments);
ExitCode run_analyze(const Arguments& arguments);
ExitCode run_quantize(const Arguments& arguments);
ExitCode run_formats(const Arguments& arguments);
ExitCode run_data(const Arguments& arguments);
ExitCode run_info(const Arguments& arguments);

}  // namespace dyadic::cli
