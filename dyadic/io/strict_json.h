// The small part of JSON that file headers use, read so that two readers cannot disagree about it: objects of strings,
// of arrays of non-negative integers and of further objects down to a given depth. Duplicate keys, other types, deeper
// nesting, invalid UTF-8, comments and anything after the end are errors.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace dyadic {

struct JsonObject;
using JsonIntegers = std::vector<std::int64_t>;
using JsonValue = std::variant<std::string, JsonIntegers, JsonObject>;

struct JsonObject {
  std::vector<std::pair<std::string, JsonValue>> members;  // in the order of the file
  /// nullptr if there is none.
  [[nodiscard]] const JsonValue* find(std::string_view key) const;
};

/// Objects may nest `depth` deep. At most 2^20 keys in all and 64 integers in an array, which bounds the memory a
/// hostile header can take. Throws FileFormatError whose text says what is wrong and at which byte; the caller adds the
/// file.
JsonObject parse_strict_json(std::string_view text, int depth);

/// `text` between quotes, escaped. Throws UsageError if it is not UTF-8.
std::string json_string(std::string_view text);

/// The same for messages: bytes that are not UTF-8 are replaced, long texts cut.
std::string quoted_for_message(std::string_view text);

}  // namespace dyadic
