#include "dyadic/io/strict_json.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "dyadic/base/error.h"

namespace dyadic {
namespace {

constexpr std::size_t kMaxKeys = std::size_t{1} << 20;
constexpr std::size_t kMaxArrayLength = 64;  // shapes; NumPy's limit too
constexpr std::size_t kMessageLength = 120;

/// Receives the events of nlohmann's parser, which does not recurse, and builds the value.
class StrictHandler {
 public:
  explicit StrictHandler(int depth) : max_depth_(depth) {}

  bool null() { return refuse("null"); }
  bool boolean(bool) { return refuse("a boolean"); }
  bool number_integer(std::int64_t value) { return refuse("the negative number " + std::to_string(value)); }
  bool number_unsigned(std::uint64_t value) {
    if (!in_array_) return refuse("a number outside an array");
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      return refuse("the number " + std::to_string(value));
    }
    if (array_.size() == kMaxArrayLength) return refuse("an array longer than " + std::to_string(kMaxArrayLength));
    array_.push_back(static_cast<std::int64_t>(value));
    return true;
  }
  bool number_float(double, const std::string& text) { return refuse("the number " + quoted_for_message(text)); }
  bool string(std::string& text) {
    if (in_array_ || objects_.empty()) return refuse("a string outside an object");
    return add(std::move(text));
  }
  bool binary(std::vector<std::uint8_t>&) { return refuse("binary data"); }
  bool start_object(std::size_t) {
    if (in_array_) return refuse("an object inside an array");
    if (static_cast<int>(objects_.size()) == max_depth_) {
      return refuse("an object more than " + std::to_string(max_depth_) + " deep");
    }
    objects_.emplace_back();
    return true;
  }
  bool key(std::string& text) {
    if (++key_count_ > kMaxKeys) return refuse("more than " + std::to_string(kMaxKeys) + " keys");
    keys_.push_back(std::move(text));
    return true;
  }
  bool end_object() {
    JsonObject object = std::move(objects_.back());
    objects_.pop_back();
    std::vector<std::string_view> names;
    names.reserve(object.members.size());
    for (const auto& member : object.members) names.emplace_back(member.first);
    std::ranges::sort(names);
    const auto duplicate = std::ranges::adjacent_find(names);
    if (duplicate != names.end()) return refuse("the key " + quoted_for_message(*duplicate) + " twice");
    if (!objects_.empty()) return add(std::move(object));
    root_ = std::move(object);
    return true;
  }
  bool start_array(std::size_t) {
    if (in_array_ || objects_.empty()) return refuse("an array outside an object");
    in_array_ = true;
    return true;
  }
  bool end_array() {
    in_array_ = false;
    return add(std::exchange(array_, {}));
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) {
    error_ = "JSON syntax error at byte " + std::to_string(position);
    return false;
  }

  JsonObject result() && { return std::move(root_); }
  [[nodiscard]] const std::string& error() const { return error_; }

 private:
  bool refuse(const std::string& what) {
    error_ = what;
    if (!keys_.empty()) error_ += " (near key " + quoted_for_message(keys_.back()) + ")";
    error_ += " is not allowed";
    return false;
  }
  bool add(JsonValue value) {
    objects_.back().members.emplace_back(std::move(keys_.back()), std::move(value));
    keys_.pop_back();
    return true;
  }

  int max_depth_;
  std::size_t key_count_ = 0;
  bool in_array_ = false;
  JsonIntegers array_;
  std::vector<std::string> keys_;    // of the members being read, outermost first
  std::vector<JsonObject> objects_;  // being read, outermost first
  JsonObject root_;
  std::string error_;
};

}  // namespace

const JsonValue* JsonObject::find(std::string_view key) const {
  for (const auto& member : members) {
    if (member.first == key) return &member.second;
  }
  return nullptr;
}

JsonObject parse_strict_json(std::string_view text, int depth) {
  StrictHandler handler(depth);
  // The parser would skip a byte order mark and white space in front.
  if (!text.starts_with('{')) throw FileFormatError("JSON does not begin with '{'");
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &handler)) throw FileFormatError(handler.error());
  return std::move(handler).result();
}

std::string json_string(std::string_view text) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::exception&) {
    throw UsageError(quoted_for_message(text) + " is not UTF-8 and cannot be written as JSON");
  }
}

std::string quoted_for_message(std::string_view text) {
  const bool is_long = text.size() > kMessageLength;
  const std::string shown(text.substr(0, kMessageLength));
  return nlohmann::json(shown).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) + (is_long ? "..." : "");
}

}  // namespace dyadic
