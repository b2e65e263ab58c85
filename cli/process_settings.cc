#include "cli/process_settings.h"

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

#include "dyadic/base/error.h"
#include "dyadic/base/parallel.h"
#include "dyadic/kernels/isa.h"
#include "dyadic/kernels/product_choice.h"

namespace dyadic::cli {
namespace {

constexpr std::string_view kKernels = "kernels.";
constexpr std::string_view kTernary = "kernels.ternary";

/// A TOML string, or the bare word that people type.
std::string_view unquoted(std::string_view value) {
  const bool quoted =
      value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front();
  return quoted ? value.substr(1, value.size() - 2) : value;
}

void apply_kernel(std::string_view setting) {
  const std::size_t equals = setting.find('=');
  const std::string_view key = setting.substr(0, equals);
  if (key != kTernary || equals == std::string_view::npos) {
    throw UsageError(fmt::format("--set {}: of kernels there is kernels.ternary=auto|bytes|bitplanes", setting));
  }
  set_ternary_kernel(parse_ternary_kernel(unquoted(setting.substr(equals + 1))));
}

}  // namespace

void apply_process_settings(const Command& command, Arguments& arguments) {
  if (!arguments.isa.empty()) set_isa(parse_isa(arguments.isa));
  if (const auto threads = integer_option("--threads", arguments.threads, 1, 1024)) {
    set_thread_count(static_cast<int>(*threads));
  }
  std::vector<std::string> rest;
  for (const std::string& setting : arguments.set) {
    if (std::string_view(setting).starts_with(kKernels)) apply_kernel(setting);
    else rest.push_back(setting);
  }
  if (!command.takes_recipe && !rest.empty()) {
    throw UsageError(fmt::format("{}: --set {}: the recipe of a run is fixed; only kernels.ternary can be set",
                                 command.name, rest.front()));
  }
  arguments.set = rest;
}

}  // namespace dyadic::cli
