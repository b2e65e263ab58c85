#include "cli/parse.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <memory>
#include <variant>

#include "dyadic/base/error.h"
#include "dyadic/base/nearest_name.h"

namespace dyadic::cli {
namespace {

class UsageFormatter : public CLI::Formatter {
 public:
  explicit UsageFormatter(std::string usage) : usage_(std::move(usage)) { column_width(28); }
  std::string make_usage(const CLI::App*, std::string) const override { return "\nUsage: " + usage_ + "\n"; }
  std::string make_option_opts(const CLI::Option* option) const override {
    return option->get_type_name().empty() ? "" : " " + option->get_type_name();
  }

 private:
  std::string usage_;
};

// Positionals are not declared: they arrive as what is left over, so that negative numbers are positionals and every
// misspelt option can be answered with the nearest one.
void declare(const Command& command, Arguments& arguments, CLI::App& app) {
  app.name("dyadic " + std::string(command.name));
  app.allow_extras();
  app.formatter(std::make_shared<UsageFormatter>(usage_of(command)));
  if (!command.examples.empty()) app.footer(std::string(command.examples));
  for (const std::string_view name : command.options) {
    const Option& option = find_option(name);
    const std::string summary(option.summary);
    std::visit(
        [&](auto member) {
          using Value = std::remove_reference_t<decltype(arguments.*member)>;
          if constexpr (std::is_same_v<Value, bool>) {
            app.add_flag(std::string(name), arguments.*member, summary);
          } else {
            CLI::Option* added = app.add_option(std::string(name), arguments.*member, summary);
            added->type_name(std::string(option.value));
            added->check([](const std::string& value) { return value.empty() ? "the value is empty" : std::string(); });
            if constexpr (std::is_same_v<Value, std::vector<std::string>>) added->allow_extra_args(false);
            else added->multi_option_policy(CLI::MultiOptionPolicy::Throw);
          }
        },
        option.member);
  }
}

std::string one_line(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return std::iscntrl(static_cast<unsigned char>(c)) != 0; }, ' ');
  return text;
}

bool looks_like_option(const std::string& word) {
  const bool is_number = word.size() > 1 && (std::isdigit(static_cast<unsigned char>(word[1])) != 0 || word[1] == '.');
  return word.size() > 1 && word[0] == '-' && !is_number;
}

[[noreturn]] void fail(const Command& command, const std::string& why) {
  throw UsageError(fmt::format("{}: {}; usage: {}", command.name, why, usage_of(command)));
}

void check_positionals(const Command& command, const std::vector<std::string>& positionals) {
  if (positionals.size() < command.min_positionals) {
    // Usage names positionals one word each where their number is fixed.
    std::string_view names = command.positionals;
    for (std::size_t i = 0; i < positionals.size(); ++i) names.remove_prefix(names.find(' ') + 1);
    const bool one_word_each = command.min_positionals == command.max_positionals;
    fail(command, one_word_each ? std::string(names.substr(0, names.find(' '))) + " is missing" : "argument missing");
  }
  if (positionals.size() > command.max_positionals) {
    fail(command, "surplus argument '" + positionals[command.max_positionals] + "'");
  }
}

}  // namespace

std::optional<Arguments> parse_arguments(const Command& command, const std::vector<std::string>& words) {
  Arguments arguments;
  CLI::App app(std::string(command.summary));
  declare(command, arguments, app);
  const auto dashes = std::ranges::find(words, "--");
  std::vector<std::string> reversed(words.begin(), dashes);
  std::ranges::reverse(reversed);
  try {
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    fail(command, one_line(error.what()));
  }
  for (const std::string& word : app.remaining()) {
    if (looks_like_option(word)) {
      std::vector<std::string> names(command.options.begin(), command.options.end());
      names.emplace_back("--help");
      const std::string name = word.substr(0, word.find('='));
      throw UsageError(fmt::format("{}: unknown option {}; the nearest is {} ('dyadic {} --help' lists them)",
                                   command.name, name, nearest_name(name, names), command.name));
    }
    arguments.positionals.push_back(word);
  }
  if (dashes != words.end()) arguments.positionals.insert(arguments.positionals.end(), dashes + 1, words.end());
  check_positionals(command, arguments.positionals);
  return arguments;
}

std::string help_of(const Command& command) {
  Arguments arguments;
  CLI::App app(std::string(command.summary));
  declare(command, arguments, app);
  return app.help();
}

}  // namespace dyadic::cli
