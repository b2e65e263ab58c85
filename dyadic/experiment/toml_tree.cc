#include "dyadic/experiment/toml_tree.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>

#include "dyadic/base/error.h"

namespace dyadic {
namespace {

std::string origin_of(const toml::node& node, const std::string& file) {
  const auto line = node.source().begin.line;
  return line == 0 ? file : fmt::format("{}:{}", file, line);
}

// `origin`: overrides the file and line for values that come from an assignment.
TomlNode convert(const toml::node& node, const std::string& file, const std::string& origin) {
  TomlNode result;
  result.origin = origin.empty() ? origin_of(node, file) : origin;
  if (const auto* table = node.as_table()) {
    result.kind = TomlNode::Kind::table;
    std::vector<std::tuple<std::uint32_t, std::uint32_t, std::string>> order;
    for (const auto& [key, value] : *table) {
      order.emplace_back(key.source().begin.line, key.source().begin.column, std::string(key.str()));
    }
    std::ranges::sort(order);
    for (const auto& [line, column, key] : order) {
      result.members.push_back({key, convert(*table->get(key), file, origin)});
      // A value may start on a later line than its key; the key is what people look for.
      if (origin.empty() && line != 0) result.members.back().value.origin = fmt::format("{}:{}", file, line);
    }
  } else if (const auto* array = node.as_array()) {
    result.kind = TomlNode::Kind::array;
    for (const toml::node& item : *array) result.items.push_back(convert(item, file, origin));
  } else if (const auto* text = node.as_string()) {
    result.kind = TomlNode::Kind::string;
    result.text = text->get();
  } else if (const auto* integer = node.as_integer()) {
    result.kind = TomlNode::Kind::integer;
    result.integer = integer->get();
  } else if (const auto* floating = node.as_floating_point()) {
    result.kind = TomlNode::Kind::floating;
    result.floating = floating->get();
  } else if (const auto* boolean = node.as_boolean()) {
    result.kind = TomlNode::Kind::boolean;
    result.boolean = boolean->get();
  } else {
    result.kind = TomlNode::Kind::date;
  }
  return result;
}

std::string one_line(std::string_view text) {
  std::string line(text);
  std::ranges::replace_if(
      line, [](char c) { return std::iscntrl(static_cast<unsigned char>(c)) != 0; }, ' ');
  return line;
}

// The text as one TOML value; nothing if it is not exactly one.
std::optional<TomlNode> toml_value(const std::string& text, const std::string& origin) {
  try {
    const toml::table table = toml::parse("value = " + text);
    if (table.size() != 1 || table.get("value") == nullptr) return std::nullopt;
    return convert(*table.get("value"), "", origin);
  } catch (const toml::parse_error&) {
    return std::nullopt;
  }
}

TomlNode assigned_value(const std::string& text, const std::string& origin) {
  if (auto value = toml_value(text, origin)) return *value;
  if (text.empty() || std::string_view("[{\"'").find(text.front()) != std::string_view::npos) {
    throw UsageError(origin + ": the value is not TOML");
  }
  TomlNode value;
  value.kind = TomlNode::Kind::string;
  value.origin = origin;
  value.text = text;
  return value;
}

TomlNode& item_at(TomlNode& array, const std::string& path, const std::string& index, const std::string& origin) {
  const bool is_number =
      !index.empty() && index.size() < 7 && std::ranges::all_of(index, [](char c) { return c >= '0' && c <= '9'; });
  if (!is_number || std::stoul(index) >= array.items.size()) {
    throw UsageError(fmt::format("{}: \"{}\" is an array of {} items; write {}.0 to {}.{}", origin, path,
                                 array.items.size(), path, path,
                                 array.items.empty() ? std::size_t{0} : array.items.size() - 1));
  }
  return array.items[std::stoul(index)];
}

}  // namespace

const TomlNode* TomlNode::find(const std::string& key) const {
  const auto found = std::ranges::find(members, key, &TomlMember::key);
  return found == members.end() ? nullptr : &found->value;
}

TomlNode parse_toml(const std::string& text, const std::string& file_name) {
  try {
    return convert(toml::parse(text), file_name, "");
  } catch (const toml::parse_error& error) {
    const auto& begin = error.source().begin;
    throw UsageError(
        fmt::format("{}:{}:{}: not TOML: {}", file_name, begin.line, begin.column, one_line(error.description())));
  }
}

void set_toml(TomlNode& root, const std::string& assignment) {
  const std::string origin = "--set " + one_line(assignment);
  const std::size_t equals = assignment.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw UsageError(origin + ": write KEY=VALUE, for example --set train.epochs=40");
  }
  const std::string key = assignment.substr(0, equals);
  TomlNode* node = &root;
  std::string path;
  for (std::size_t begin = 0; begin <= key.size();) {
    const std::size_t dot = std::min(key.find('.', begin), key.size());
    const std::string part = key.substr(begin, dot - begin);
    if (part.empty()) throw UsageError(origin + ": the key has an empty part");
    if (node->kind == TomlNode::Kind::array) {
      node = &item_at(*node, path, part, origin);
    } else if (node->kind == TomlNode::Kind::table) {
      const auto found = std::ranges::find(node->members, part, &TomlMember::key);
      if (found != node->members.end()) {
        node = &found->value;
      } else {
        TomlNode created;
        created.origin = origin;
        node->members.push_back({part, created});
        node = &node->members.back().value;
      }
    } else {
      throw UsageError(fmt::format("{}: \"{}\" is {} here, not a table", origin, path, describe_toml(*node)));
    }
    path += (path.empty() ? "" : ".") + part;
    begin = dot + 1;
  }
  *node = assigned_value(assignment.substr(equals + 1), origin);
}

std::string describe_toml(const TomlNode& node) {
  switch (node.kind) {
    case TomlNode::Kind::string: return "the string " + toml_string(node.text);
    case TomlNode::Kind::integer: return "the integer " + std::to_string(node.integer);
    case TomlNode::Kind::floating: return "the number " + toml_float(node.floating);
    case TomlNode::Kind::boolean: return node.boolean ? "true" : "false";
    case TomlNode::Kind::array: return "an array";
    case TomlNode::Kind::table: return "a table";
    default: return "a date or time";
  }
}

std::string toml_string(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      quoted += fmt::format("\\u{:04X}", static_cast<unsigned>(c));
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

std::string toml_float(double value) {
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

}  // namespace dyadic
