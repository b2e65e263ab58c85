#include <fmt/format.h>

#include "cli/command.h"
#include "dyadic/formats/describe.h"
#include "dyadic/formats/format.h"

namespace dyadic::cli {

ExitCode run_formats(const Arguments& arguments) {
  std::string text;
  if (arguments.positionals.empty()) {
    text = arguments.json ? format_table_json() : format_table_text();
  } else {
    const Format format = parse_format(arguments.positionals[0]);
    text = arguments.json ? describe_format_json(format) : describe_format(format);
  }
  fmt::print("{}{}", text, text.ends_with('\n') ? "" : "\n");
  return ExitCode::done;
}

}  // namespace dyadic::cli
