#include "dyadic/experiment/recipe_read.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <type_traits>
#include <utility>

#include "dyadic/base/error.h"
#include "dyadic/base/nearest_name.h"
#include "dyadic/experiment/recipe_schema.h"

namespace dyadic {
namespace {

using Kind = TomlNode::Kind;

[[noreturn]] void fail_type(const TomlNode& node, const std::string& key, const FieldPointer& field) {
  throw UsageError(
      fmt::format("{}: \"{}\" wants {}, not {}", node.origin, key, wanted_type(field), describe_toml(node)));
}

[[noreturn]] void fail_value(const TomlNode& node, const std::string& key, const std::string& shown,
                             const std::string& wanted) {
  throw UsageError(fmt::format("{}: \"{}\" is {}; it must be {}", node.origin, key, shown, wanted));
}

std::string last_part(const std::string& key) { return key.substr(key.rfind('.') + 1); }
std::string parent_part(const std::string& key) {
  const std::size_t dot = key.rfind('.');
  return dot == std::string::npos ? "" : key.substr(0, dot);
}

// Names are compared by their last part, so that a key in the wrong table is found too; among equals the same table
// wins.
std::string nearest_key(const std::string& key, const std::vector<std::string>& candidates) {
  std::string best;
  int best_distance = 0;
  for (const std::string& candidate : candidates) {
    const int distance =
        2 * edit_distance(last_part(key), last_part(candidate)) + (parent_part(key) == parent_part(candidate) ? 0 : 1);
    if (best.empty() || distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

// Reads tables of one kind. `names` are what the user writes, `path` what stands before them: "network.layers[2].".
class Reader {
 public:
  explicit Reader(RecipeOrigins& origins) : origins_(origins) {}

  template <typename Owner>
  void read_table(const TomlNode& table, const std::string& path, const std::vector<Field<Owner>>& fields, Owner& owner,
                  const std::string& hint = "", const std::string& skip = "") {
    read_members(table, path, "", fields, owner, hint, skip);
    for (const Field<Owner>& field : fields) {
      if (field.required && !origins_.has(path + field.key)) {
        throw UsageError(fmt::format("{}: \"{}\" is missing", table.origin, path + field.key));
      }
    }
  }

 private:
  template <typename Owner>
  void read_members(const TomlNode& table, const std::string& path, const std::string& section,
                    const std::vector<Field<Owner>>& fields, Owner& owner, const std::string& hint,
                    const std::string& skip) {
    for (const TomlMember& member : table.members) {
      const std::string key = section + member.key;
      if (key == skip) continue;
      const auto field = std::ranges::find(fields, key, &Field<Owner>::key);
      if (field != fields.end()) {
        origins_.by_key[path + key] = member.value.origin;
        read_value(member.value, path + key, field->locate(owner), field->limits);
        continue;
      }
      const bool is_section =
          std::ranges::any_of(fields, [&](const Field<Owner>& f) { return f.key.starts_with(key + "."); });
      if (!is_section) fail_unknown(member.value, path, key, fields, hint);
      if (member.value.kind != Kind::table) {
        throw UsageError(fmt::format("{}: \"{}\" wants a table, not {}", member.value.origin, path + key,
                                     describe_toml(member.value)));
      }
      read_members(member.value, path, key + ".", fields, owner, hint, skip);
    }
  }

  template <typename Owner>
  [[noreturn]] static void fail_unknown(const TomlNode& node, const std::string& path, const std::string& key,
                                        const std::vector<Field<Owner>>& fields, const std::string& hint) {
    std::vector<std::string> candidates;
    for (const Field<Owner>& field : fields) {
      candidates.push_back(field.key);
      for (std::string section = parent_part(field.key); !section.empty(); section = parent_part(section)) {
        if (std::ranges::find(candidates, section) == candidates.end()) candidates.push_back(section);
      }
    }
    throw UsageError(fmt::format("{}: unknown key \"{}\"; the nearest is \"{}\"{}", node.origin, path + key,
                                 path + nearest_key(key, candidates), hint));
  }

  void read_value(const TomlNode& node, const std::string& key, const FieldPointer& field, const Limits& limits) {
    std::visit(
        [&](auto* target) {
          using T = std::remove_pointer_t<decltype(target)>;
          if constexpr (std::is_same_v<T, bool>) {
            if (node.kind != Kind::boolean) fail_type(node, key, field);
            *target = node.boolean;
          } else if constexpr (std::is_integral_v<T>) {
            if (node.kind != Kind::integer) fail_type(node, key, field);
            check_number(node, key, static_cast<double>(node.integer), limits);
            *target = static_cast<T>(node.integer);
          } else if constexpr (std::is_same_v<T, double>) {
            if (node.kind != Kind::integer && node.kind != Kind::floating) fail_type(node, key, field);
            *target = node.kind == Kind::integer ? static_cast<double>(node.integer) : node.floating;
            check_number(node, key, *target, limits);
          } else if constexpr (std::is_same_v<T, std::string>) {
            if (node.kind != Kind::string) fail_type(node, key, field);
            check_choice(node, key, limits);
            *target = node.text;
          } else if constexpr (std::is_same_v<T, Format>) {
            if (node.kind != Kind::string) fail_type(node, key, field);
            *target = read_format(node, key);
          } else if constexpr (std::is_same_v<T, Schedule>) {
            *target = read_schedule(node, key, field, limits);
          } else if constexpr (std::is_same_v<T, Extents>) {
            *target = read_extents(node, key, field, limits);
          } else {
            if (node.kind != Kind::array) fail_type(node, key, field);
            target->clear();
            for (std::size_t i = 0; i < node.items.size(); ++i) {
              target->emplace_back();
              read_item(node.items[i], fmt::format("{}[{}]", key, i), limits, target->back());
            }
          }
        },
        field);
  }

  static void check_number(const TomlNode& node, const std::string& key, double value, const Limits& limits) {
    const bool below = limits.above_low ? value <= limits.low : value < limits.low;
    const bool above = limits.below_high ? value >= limits.high : value > limits.high;
    int exponent = 0;
    const bool wrong_power = limits.power_of_two && std::abs(std::frexp(value, &exponent)) != 0.5;
    if (below || above || wrong_power || !std::isfinite(value)) {
      const std::string shown = node.kind == Kind::integer ? std::to_string(node.integer) : toml_float(node.floating);
      const std::string text = limits_text(limits);
      fail_value(node, key, shown, text.empty() ? "finite" : text);
    }
  }

  static void check_choice(const TomlNode& node, const std::string& key, const Limits& limits) {
    if (limits.choices.empty() || std::ranges::find(limits.choices, node.text) != limits.choices.end()) return;
    throw UsageError(fmt::format("{}: \"{}\" is {}, which is unknown; the nearest is \"{}\"", node.origin, key,
                                 toml_string(node.text), nearest_name(node.text, limits.choices)));
  }

  static Format read_format(const TomlNode& node, const std::string& key) {
    Format format;
    try {
      format = parse_format(node.text);
    } catch (const UsageError& error) {
      throw UsageError(fmt::format("{}: \"{}\": {}", node.origin, key, error.what()));
    }
    if (format.has_range()) {
      throw UsageError(fmt::format(
          "{}: \"{}\": format '{}' has a range of its own, but ranges are found in training; write '{}' and set "
          "formats.range.initial",
          node.origin, key, node.text, format.name));
    }
    return format;
  }

  Schedule read_schedule(const TomlNode& node, const std::string& key, const FieldPointer& field,
                         const Limits& limits) {
    Schedule schedule;
    if (node.kind == Kind::integer || node.kind == Kind::floating) {
      schedule.start = node.kind == Kind::integer ? static_cast<double>(node.integer) : node.floating;
      check_number(node, key, schedule.start, limits);
      schedule.end = schedule.start;
      return schedule;
    }
    if (node.kind != Kind::table) fail_type(node, key, field);
    read_table(node, key + ".", schedule_fields(), schedule);
    if (node.find("end") == nullptr) schedule.end = schedule.start;
    check_factor(node, key, schedule);
    // The rows know no limits for start and end: those belong to the quantity that is scheduled.
    for (const char* name : {"start", "end"}) {
      if (const TomlNode* value = node.find(name)) {
        const double number = value->kind == Kind::integer ? static_cast<double>(value->integer) : value->floating;
        check_number(*value, key + "." + name, number, limits);
      }
    }
    return schedule;
  }

  static void check_factor(const TomlNode& node, const std::string& key, const Schedule& schedule) {
    const auto fail = [&](const std::string& what) {
      throw UsageError(fmt::format("{}: \"{}\" {}", node.origin, key, what));
    };
    if (schedule.factor == 1 && !schedule.after.empty()) fail("has `at` without `factor`, which is what happens then");
    const auto order = std::ranges::adjacent_find(schedule.after, std::greater_equal<>());
    if (order != schedule.after.end()) fail("wants the numbers of `at` in increasing order");
  }

  Extents read_extents(const TomlNode& node, const std::string& key, const FieldPointer& field, const Limits& limits) {
    Extents extents;
    if (node.kind == Kind::integer) {
      check_number(node, key, static_cast<double>(node.integer), limits);
      extents.values = {node.integer};
      return extents;
    }
    if (node.kind != Kind::array) fail_type(node, key, field);
    read_value(node, key, &extents.values, limits);
    const std::vector<std::size_t> counts = limits.counts.empty() ? std::vector<std::size_t>{1, 2} : limits.counts;
    if (std::ranges::find(counts, extents.values.size()) == counts.end()) {
      throw UsageError(fmt::format("{}: \"{}\" has {} numbers; it must have {}", node.origin, key,
                                   extents.values.size(), fmt::join(counts, " or ")));
    }
    return extents;
  }

  void read_item(const TomlNode& node, const std::string& key, const Limits& limits, std::int64_t& item) {
    read_value(node, key, &item, limits);
  }

  void read_item(const TomlNode& node, const std::string& key, const Limits&, LayerSpec& layer) {
    if (node.kind != Kind::table) {
      throw UsageError(fmt::format("{}: \"{}\" wants a table, not {}", node.origin, key, describe_toml(node)));
    }
    const TomlNode* type = node.find("type");
    std::vector<std::string> names;
    for (const LayerType& row : layer_types()) names.push_back(row.type);
    if (type == nullptr) throw UsageError(fmt::format("{}: \"{}.type\" is missing", node.origin, key));
    read_value(*type, key + ".type", &layer.type, {.choices = names});
    origins_.by_key[key] = node.origin;
    const LayerType& row = *std::ranges::find(layer_types(), layer.type, &LayerType::type);
    std::string takes;
    for (const Field<LayerSpec>& field : row.fields) takes += ", " + field.key;
    const std::string hint = fmt::format(" (a {} layer takes type{})", row.type, takes);
    read_table(node, key + ".", row.fields, layer, hint, "type");
    if (layer.stride.values.empty()) layer.stride = layer.type == "conv2d" ? Extents{{1}} : layer.size;
  }

  void read_item(const TomlNode& node, const std::string& key, const Limits&, NodeFormats& formats) {
    if (node.kind != Kind::table) {
      throw UsageError(fmt::format("{}: \"{}\" wants a table, not {}", node.origin, key, describe_toml(node)));
    }
    NodeFormatsDraft draft;
    read_table(node, key + ".", node_formats_fields(), draft);
    if (origins_.has(key + ".default")) fill_default(draft.node.roles, draft.default_format);
    origins_.by_key[key] = node.origin;
    formats = draft.node;
  }

  void read_item(const TomlNode& node, const std::string& key, const Limits&, StageSpec& stage) {
    if (node.kind != Kind::table) {
      throw UsageError(fmt::format("{}: \"{}\" wants a table, not {}", node.origin, key, describe_toml(node)));
    }
    StageDraft draft;
    read_table(node, key + ".", stage_fields(), draft);
    if (origins_.has(key + ".default")) fill_default(draft.stage.roles, draft.default_format);
    origins_.by_key[key] = node.origin;
    stage = draft.stage;
  }

 public:
  /// Gives every role that follows `default` and is not named that format; true if there was one.
  static bool fill_default(std::map<Role, Format>& roles, const Format& format) {
    bool filled = false;
    for (int i = 0; i < kRoleCount; ++i) {
      const auto role = static_cast<Role>(i);
      if (follows_default(role)) filled |= roles.emplace(role, format).second;
    }
    return filled;
  }

 private:
  RecipeOrigins& origins_;
};

}  // namespace

const std::string& RecipeOrigins::at(const std::string& key) const {
  const auto found = by_key.find(key);
  return found == by_key.end() ? file : found->second;
}

Recipe read_recipe_tree(const TomlNode& root, RecipeOrigins& origins) {
  RecipeDraft draft;
  draft.default_format = parse_format("float32");
  Reader(origins).read_table(root, "", recipe_fields(), draft);
  auto& roles = draft.recipe.formats.roles;
  // Discrete weights are kept as their states and nothing else, unless a recipe names a master beside them.
  const auto weight = roles.find(Role::weight);
  if (weight != roles.end() && weight->second.family == Family::discrete) {
    roles.emplace(Role::weight_master, weight->second);
  }
  const bool filled = Reader::fill_default(roles, draft.default_format);
  // A resolved recipe names every role; without this an override of its default would do nothing, silently.
  if (!filled && origins.at("formats.default").starts_with("--set ")) {
    throw UsageError(origins.at("formats.default") + ": every role of " + origins.file +
                     " is named, so the default does nothing; set the roles, for example formats.weight");
  }
  std::int64_t epochs = 0;
  for (const StageSpec& stage : draft.recipe.train.stages) epochs += stage.epochs;
  if (epochs > 0 && !origins.has("train.epochs")) draft.recipe.train.epochs = epochs;
  const bool floating = draft.default_format.family == Family::floating;
  roles.emplace(Role::input, parse_format(floating ? "float32" : "uq0.8"));
  return draft.recipe;
}

}  // namespace dyadic
