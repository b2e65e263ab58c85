#include "cli/run_command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <iterator>
#include <limits>
#include <utility>
#include <vector>

#include "cli/json_line.h"
#include "cli/signals.h"
#include "dyadic/base/sha256.h"

namespace dyadic::cli {
namespace {

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// The seed stands beside the hash, so that the seeds of one recipe share it.
std::string recipe_hash(Recipe recipe, const std::string& init_from) {
  recipe.seed = 0;
  const std::string text = recipe_text(recipe) + init_from;
  return sha256_hex({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}).substr(0, 8);
}

/// "weight q2.14; all others q6.10"; every role by name where some besides `input` have no format.
std::string roles_in_short(const std::map<Role, Format>& roles) {
  std::vector<std::pair<std::string, std::vector<std::string>>> groups;
  for (const auto& [role, format] : roles) {
    const std::string name = format_name(format);
    auto group = std::ranges::find(groups, name, &std::pair<std::string, std::vector<std::string>>::first);
    if (group == groups.end()) group = groups.insert(groups.end(), {name, {}});
    group->second.emplace_back(role_name(role));
  }
  std::ranges::stable_sort(groups, {}, [](const auto& group) { return group.second.size(); });
  const bool has_input = roles.contains(Role::input);
  bool is_complete = true;
  for (int i = 0; i < kRoleCount; ++i) {
    const auto role = static_cast<Role>(i);
    is_complete &= !follows_default(role) || roles.contains(role);
  }
  std::string text;
  for (const auto& [name, names] : groups) {
    std::string words;
    for (const std::string& role : names) words += (words.empty() ? "" : ", ") + role;
    if (is_complete && &name == &groups.back().first)
      words = groups.size() > 1 ? "all others" : has_input ? "all" : "all but input";
    text += (text.empty() ? "" : "; ") + words + " " + name;
  }
  return text;
}

void print_summary(const RunSummary& s, const std::string& run_directory) {
  fmt::print(
      "test error {:.2f} % at the best validation error, epoch {}; after the last epoch: test {:.2f} %, validation "
      "{:.2f} %\n",
      s.test_error_at_best_validation, s.best_epoch, s.test_error, s.validation_error);
  if (s.best_test_error < s.test_error_at_best_validation && s.best_test_error < s.test_error) {
    fmt::print("least test error of any epoch {:.2f} %: chosen by the test set, so no estimate\n", s.best_test_error);
  }
  fmt::print("{} epochs, {} steps in {}, {:.0f} samples/s, {} thread{}, {}\n", s.epochs, s.steps,
             duration_text(s.seconds), s.samples_per_second, s.threads, s.threads == 1 ? "" : "s", s.isa);
  fmt::print("{:.3g} bytes per parameter in training, {:.3g} bits in the checkpoint, sha256 {}\n",
             s.bytes_per_parameter, s.checkpoint_bits_per_parameter, s.checkpoint_sha256);
  fmt::print("run {}\n", run_directory);
}

}  // namespace

RunOptions run_options(const Arguments& arguments, const std::string& run_directory) {
  RunOptions options;
  options.run_directory = run_directory;
  options.data_directory = arguments.data;
  options.max_steps = integer_option("--max-steps", arguments.max_steps, 0, std::numeric_limits<std::int32_t>::max());
  options.count_nonfinite = counts_nonfinite(arguments);
  options.init_from = arguments.init_from;
  options.stop_requested = &stop_on_signals();
  return options;
}

ExitCode report_outcome(const RunOutcome& outcome, const RunOptions& options, ProgressStyle style) {
  const std::string& run_directory = options.run_directory;
  if (style == ProgressStyle::json) {
    JsonLine line;
    line.text("event", outcome.finished ? "summary" : "stopped").text("run", run_directory);
    if (outcome.finished) line.members(summary_json(outcome.summary));
    else line.integer("steps", outcome.summary.steps);
    fmt::print("{}\n", line.str());
  } else if (outcome.finished) {
    if (outcome.was_finished) fmt::print("already done; its result:\n");
    print_summary(outcome.summary, run_directory);
  } else {
    fmt::print("stopped after step {}; resume with: dyadic resume {}{}\n", outcome.summary.steps, run_directory,
               options.data_directory.empty() ? "" : " --data " + options.data_directory);
  }
  return outcome.finished ? ExitCode::done : ExitCode::stopped;
}

std::string formats_in_short(const FormatPlan& plan) {
  std::string text = roles_in_short(plan.roles);
  for (const NodeFormats& node : plan.nodes) {
    for (const auto& [role, format] : node.roles) {
      text += fmt::format("; {} of {} {}", role_name(role), node.match, format_name(format));
    }
  }
  return text;
}

namespace {

/// "8x5" of two numbers that differ, else "8".
std::string extents_in_short(const Extents& extents) {
  return extents.height() == extents.width() ? std::to_string(extents.height())
                                             : fmt::format("{}x{}", extents.height(), extents.width());
}

std::string pool_in_short(const LayerSpec& layer) {
  return fmt::format("{} {}/{}", layer.type, extents_in_short(layer.size), extents_in_short(layer.stride));
}

std::string type_in_short(const LayerSpec& layer) { return layer.type; }

struct ShortForm {
  std::string_view type;
  std::string (*text)(const LayerSpec& layer);
};

constexpr ShortForm kShortForms[] = {
    {"dense", [](const LayerSpec& layer) { return fmt::format("{} {}", layer.name, layer.units); }},
    {"conv2d",
     [](const LayerSpec& layer) {
       return fmt::format("{} {}({})", layer.name, layer.channels, extents_in_short(layer.kernel));
     }},
    {"maxout", [](const LayerSpec& layer) { return fmt::format("maxout {}", layer.pieces); }},
    {"dropout", [](const LayerSpec& layer) { return fmt::format("dropout {}", layer.keep); }},
    {"max_pool", pool_in_short},
    {"average_pool", pool_in_short},
    {"global_average_pool", type_in_short},
    {"relu", type_in_short},
    {"flatten", type_in_short},
};

}  // namespace

std::string network_in_short(const NetworkSpec& network) {
  std::string text = fmt::format("{}", fmt::join(network.input, "x"));
  for (const LayerSpec& layer : network.layers) {
    const auto* form = std::ranges::find(kShortForms, layer.type, &ShortForm::type);
    text += " - " + (form == std::end(kShortForms) ? layer.type : form->text(layer));
  }
  return text;
}

std::string stages_in_short(const std::vector<StageSpec>& stages) {
  std::string text;
  for (const StageSpec& stage : stages) {
    const std::string formats = stage.roles.empty() ? "as in formats" : roles_in_short(stage.roles);
    text += fmt::format("{}{} epochs: {}", text.empty() ? "" : " - ", stage.epochs, formats);
  }
  return text;
}

std::string default_run_directory(const Arguments& arguments, const Recipe& recipe, bool is_file) {
  std::string name;
  if (is_file) {
    name = std::filesystem::path(arguments.positionals[0]).stem().string();
  } else {
    for (const std::string& word : arguments.positionals)
      name += fmt::format("{}{}", name.empty() ? "" : "-", lower(word));
    if (!arguments.epochs.empty()) name += fmt::format("-e{}", recipe.train.epochs);
  }
  if (is_file || !arguments.set.empty() || !arguments.init_from.empty()) {
    name += fmt::format("-{}", recipe_hash(recipe, arguments.init_from));
  }
  return fmt::format("runs/{}-s{}", name, recipe.seed);
}

}  // namespace dyadic::cli
