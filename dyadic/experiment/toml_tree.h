// TOML as a plain tree in which every value knows where it came from, so that an error can name line and key. The TOML
// library stays behind this file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace dyadic {

struct TomlMember;

struct TomlNode {
  enum class Kind : std::uint8_t { string, integer, floating, boolean, array, table, date };
  Kind kind = Kind::table;
  std::string origin;  // "FILE:LINE", or "--set KEY=VALUE"
  std::string text;
  std::int64_t integer = 0;
  double floating = 0;
  bool boolean = false;
  std::vector<TomlNode> items;      // of an array
  std::vector<TomlMember> members;  // of a table, in the order of the file

  [[nodiscard]] const TomlNode* find(const std::string& key) const;
};

struct TomlMember {
  std::string key;
  TomlNode value;
};

/// The root table. Throws UsageError "FILE:LINE:COLUMN: ..." if the text is not TOML.
TomlNode parse_toml(const std::string& text, const std::string& file_name);

/// Applies "key=value": dotted key, a number counts the items of an array, tables on the way are created; the value is
/// TOML, or a string if it is not. Throws UsageError naming the assignment.
void set_toml(TomlNode& root, const std::string& assignment);

/// What a value is, for error messages: 'the string "many"', 'the integer 3', 'a table'.
std::string describe_toml(const TomlNode& node);

/// A TOML basic string, quotes included.
std::string toml_string(const std::string& text);

/// The shortest TOML float that reads back as the same number.
std::string toml_float(double value);

}  // namespace dyadic
