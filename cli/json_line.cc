#include "cli/json_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "dyadic/base/error.h"
#include "dyadic/io/strict_json.h"

namespace dyadic::cli {

JsonLine& JsonLine::raw(std::string_view key, std::string_view json) {
  body_ += fmt::format("{}{}: {}", body_.empty() ? "" : ", ", json_text(key), json);
  return *this;
}

JsonLine& JsonLine::text(std::string_view key, std::string_view value) { return raw(key, json_text(value)); }

JsonLine& JsonLine::number(std::string_view key, double value) {
  if (!std::isfinite(value)) return raw(key, "null");
  const std::string text = fmt::format("{}", value);
  return raw(key, text.find_first_of(".e") == std::string::npos ? text + ".0" : text);
}

JsonLine& JsonLine::integer(std::string_view key, std::int64_t value) { return raw(key, std::to_string(value)); }

JsonLine& JsonLine::boolean(std::string_view key, bool value) { return raw(key, value ? "true" : "false"); }

JsonLine& JsonLine::members(std::string_view object) {
  // A newline in JSON stands between tokens only; the spaces after it are indentation.
  std::string line;
  bool indents = false;
  for (const char c : object) {
    indents = c == '\n' || (indents && c == ' ');
    if (!indents) line += c;
  }
  const std::size_t begin = line.find('{');
  const std::size_t end = line.rfind('}');
  if (begin == std::string::npos || end == std::string::npos) throw Error("not a JSON object: " + line);
  body_ += (body_.empty() ? "" : ", ") + line.substr(begin + 1, end - begin - 1);
  return *this;
}

std::string json_array(const std::vector<std::string>& values) {
  std::string text;
  for (const std::string& value : values) text += (text.empty() ? "" : ", ") + value;
  return "[" + text + "]";
}

std::string json_text(std::string_view text) {
  try {
    return json_string(text);
  } catch (const UsageError&) {
    std::string ascii(text);
    std::ranges::replace_if(
        ascii, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
    return json_string(ascii);
  }
}

}  // namespace dyadic::cli
