#include "dyadic/experiment/recipe.h"

#include <algorithm>

#include "dyadic/base/error.h"
#include "dyadic/base/math.h"
#include "dyadic/experiment/name_match.h"
#include "dyadic/experiment/recipe_read.h"
#include "dyadic/experiment/toml_tree.h"
#include "dyadic/io/file.h"

namespace dyadic {

const Format& FormatPlan::at(const std::string& node, Role role) const {
  for (auto exception = nodes.rbegin(); exception != nodes.rend(); ++exception) {
    const auto format = exception->roles.find(role);
    if (format != exception->roles.end() && name_matches(exception->match, node)) return format->second;
  }
  return roles.at(role);
}

bool FormatPlan::uses_ranges() const {
  const auto has_range = [](const std::map<Role, Format>& formats) {
    return std::ranges::any_of(formats, [](const auto& row) { return row.second.family == Family::dynamic_fixed; });
  };
  return has_range(roles) || std::ranges::any_of(nodes, [&](const NodeFormats& node) { return has_range(node.roles); });
}

std::map<Role, Format> roles_without_default() {
  static const Format float32 = parse_format("float32");
  std::map<Role, Format> roles;
  for (int i = 0; i < kRoleCount; ++i) {
    const auto role = static_cast<Role>(i);
    if (role != Role::input && !follows_default(role)) roles.emplace(role, float32);
  }
  return roles;
}

double Schedule::at(std::int64_t epoch, std::int64_t epochs) const {
  const double progress = std::min(1.0, static_cast<double>(epoch) / (until_fraction * static_cast<double>(epochs)));
  double value = start + (end - start) * progress;
  if (curve == "geometric") {
    value = progress == 1  ? end
            : end <= start ? start * exp64(progress * log64(end / start))
                           : start / exp64(progress * log64(start / end));
  }
  if (factor == 1) return value;
  const std::int64_t times = after.empty() ? epoch : std::ranges::count_if(after, [&](auto e) { return e <= epoch; });
  for (std::int64_t i = 0; i < times; ++i) value *= factor;
  return value;
}

std::size_t Recipe::stage_at(std::int64_t epoch) const {
  std::size_t stage = 0;
  while (stage + 1 < train.stages.size() && epoch >= train.stages[stage].epochs) epoch -= train.stages[stage++].epochs;
  return stage;
}

FormatPlan Recipe::formats_of_stage(std::size_t stage) const {
  FormatPlan plan = formats;
  if (stage >= train.stages.size()) return plan;
  for (const auto& [role, format] : train.stages[stage].roles) plan.roles[role] = format;
  return plan;
}

Recipe parse_recipe(const std::string& text, const std::string& file_name, const std::vector<Override>& overrides) {
  TomlNode root = parse_toml(text, file_name);
  for (const Override& assignment : overrides) set_toml(root, assignment);
  RecipeOrigins origins{.file = file_name, .by_key = {}};
  Recipe recipe = read_recipe_tree(root, origins);
  check_recipe(recipe, origins);
  return recipe;
}

Recipe read_recipe(const std::string& path, const std::vector<Override>& overrides) {
  constexpr std::int64_t kMaxBytes = 1 << 20;
  return parse_recipe(read_text_file(path, kMaxBytes), path, overrides);
}

}  // namespace dyadic
