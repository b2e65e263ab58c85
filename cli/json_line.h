// One JSON object on one line, for --json.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dyadic::cli {

class JsonLine {
 public:
  JsonLine& text(std::string_view key, std::string_view value);
  /// NaN and infinities, which JSON lacks, become null.
  JsonLine& number(std::string_view key, double value);
  JsonLine& integer(std::string_view key, std::int64_t value);
  JsonLine& boolean(std::string_view key, bool value);
  /// `json` is JSON already.
  JsonLine& raw(std::string_view key, std::string_view json);
  /// The members of an object that is JSON already.
  JsonLine& members(std::string_view object);

  [[nodiscard]] std::string str() const { return "{" + body_ + "}"; }

 private:
  std::string body_;
};

/// "[a, b]" of values that are JSON already.
std::string json_array(const std::vector<std::string>& values);

/// A JSON string, quotes included; bytes that are not UTF-8 become '?'.
std::string json_text(std::string_view text);

}  // namespace dyadic::cli
