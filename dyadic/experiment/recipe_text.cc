// A recipe as complete TOML, and the reference of all keys, written along the same rows that a recipe is read by.
#include <fmt/format.h>

#include <map>
#include <string>
#include <type_traits>

#include "dyadic/experiment/recipe_schema.h"
#include "dyadic/experiment/toml_tree.h"

namespace dyadic {
namespace {

std::string toml_text(const FieldPointer& field);

/// True for a key that says no more than its absence would.
template <typename Owner>
bool is_silent(const Field<Owner>& field, Owner& owner) {
  if (!field.implied) return false;
  Owner other;
  return toml_text(field.locate(owner)) == toml_text(field.locate(other));
}

template <typename Owner>
std::string inline_members(const std::vector<Field<Owner>>& fields, Owner& owner) {
  std::string text;
  for (const Field<Owner>& field : fields) {
    if (is_silent(field, owner)) continue;
    text += fmt::format("{}{} = {}", text.empty() ? "" : ", ", field.key, toml_text(field.locate(owner)));
  }
  return text;
}

std::string item_text(std::int64_t& item) { return std::to_string(item); }

std::string item_text(LayerSpec& layer) {
  for (const LayerType& type : layer_types()) {
    if (type.type == layer.type) {
      const std::string members = inline_members(type.fields, layer);
      return fmt::format("\n  {{ type = {}{}{} }}", toml_string(layer.type), members.empty() ? "" : ", ", members);
    }
  }
  return "\n  { type = " + toml_string(layer.type) + " }";
}

std::string roles_text(const std::map<Role, Format>& roles) {
  std::string text;
  for (const auto& [role, format] : roles) {
    text += fmt::format(", {} = {}", role_name(role), toml_string(format_name(format)));
  }
  return text;
}

std::string item_text(NodeFormats& node) {
  return fmt::format("\n  {{ match = {}{} }}", toml_string(node.match), roles_text(node.roles));
}

std::string item_text(StageSpec& stage) {
  return fmt::format("\n  {{ epochs = {}{} }}", stage.epochs, roles_text(stage.roles));
}

std::string toml_text(const FieldPointer& field) {
  return std::visit(
      [](auto* value) -> std::string {
        using T = std::remove_pointer_t<decltype(value)>;
        if constexpr (std::is_same_v<T, std::string>) {
          return toml_string(*value);
        } else if constexpr (std::is_same_v<T, bool>) {
          return *value ? "true" : "false";
        } else if constexpr (std::is_integral_v<T>) {
          return std::to_string(*value);
        } else if constexpr (std::is_same_v<T, double>) {
          return toml_float(*value);
        } else if constexpr (std::is_same_v<T, Format>) {
          return toml_string(format_name(*value));
        } else if constexpr (std::is_same_v<T, Schedule>) {
          return "{ " + inline_members(schedule_fields(), *value) + " }";
        } else if constexpr (std::is_same_v<T, Extents>) {
          return toml_text(&value->values);
        } else {
          std::string text;
          for (auto& item : *value) {
            const std::string next = item_text(item);
            text += (text.empty() ? "" : next.starts_with('\n') ? "," : ", ") + next;
          }
          return "[" + text + (text.starts_with("\n") ? ",\n]" : "]");
        }
      },
      field);
}

// Tables of the file; a key that belongs to none stands before the first.
std::string table_of(const std::string& key) {
  if (key.starts_with("formats.range.")) return "formats.range";
  const std::size_t dot = key.find('.');
  return dot == std::string::npos ? "" : key.substr(0, dot);
}

/// ", default 5": what holds where the key is absent. Formats follow `default` and the role; empty values say nothing.
template <typename Owner>
std::string default_text(const Field<Owner>& field, const FieldPointer& pointer) {
  if (field.required || field.derived || std::holds_alternative<Format*>(pointer)) return "";
  const std::string text = toml_text(pointer);
  return text == "\"\"" || text == "[]" ? "" : ", default " + text;
}

template <typename Owner>
void add_reference(const std::vector<Field<Owner>>& fields, std::string& text) {
  Owner owner;
  for (const Field<Owner>& field : fields) {
    const FieldPointer pointer = field.locate(owner);
    const std::string limits = limits_text(field.limits);
    text += fmt::format("  {:<31} {}{}{}{}{}{}\n", field.key, wanted_type(pointer), limits.empty() ? "" : ", ", limits,
                        field.required ? ", required" : "", default_text(field, pointer),
                        field.summary.empty() ? "" : ": " + field.summary);
  }
}

}  // namespace

std::string recipe_text(const Recipe& recipe) {
  RecipeDraft draft{.recipe = recipe, .default_format = {}};
  std::string text;
  std::string table;
  for (const Field<RecipeDraft>& field : recipe_fields()) {
    if (field.key == "formats.default") continue;
    if (field.key == "formats.node" && recipe.formats.nodes.empty()) continue;
    if (is_silent(field, draft)) continue;
    const std::string owner = table_of(field.key);
    if (owner != table) {
      text += "\n[" + owner + "]\n";
      table = owner;
    }
    const std::string key = owner.empty() ? field.key : field.key.substr(owner.size() + 1);
    text += key + " = " + toml_text(field.locate(draft)) + "\n";
  }
  return text;
}

std::string recipe_reference_text() {
  std::string text = "recipe keys\n";
  add_reference(recipe_fields(), text);
  text += "\nschedules (train.learning_rate, train.momentum)\n";
  add_reference(schedule_fields(), text);
  text += "\n[[formats.node]]\n";
  add_reference(node_formats_fields(), text);
  text += "\ntrain.stages\n";
  add_reference(stage_fields(), text);
  for (const LayerType& type : layer_types()) {
    text += fmt::format("\nlayer type \"{}\": {}\n", type.type, type.summary);
    add_reference(type.fields, text);
  }
  return text;
}

}  // namespace dyadic
