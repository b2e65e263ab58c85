#include "dyadic/formats/format.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "dyadic/base/error.h"
#include "dyadic/base/nearest_name.h"
#include "dyadic/formats/table.h"

namespace dyadic {
namespace {

constexpr std::array<std::pair<std::string_view, Overflow>, 5> kOverflowNames = {{{"sat", Overflow::sat},
                                                                                  {"inf", Overflow::inf},
                                                                                  {"nan", Overflow::nan},
                                                                                  {"wrap", Overflow::wrap},
                                                                                  {"error", Overflow::error}}};

struct RoundingRow {
  std::string_view name;
  Rounding rounding;
  int random_bits;
};

constexpr std::array<RoundingRow, 12> kRoundings = {{{"rne", Rounding::rne, 0},
                                                     {"rna", Rounding::rna, 0},
                                                     {"rnd", Rounding::rnd, 0},
                                                     {"rnu", Rounding::rnu, 0},
                                                     {"rtz", Rounding::rtz, 0},
                                                     {"rd", Rounding::rd, 0},
                                                     {"ru", Rounding::ru, 0},
                                                     {"ro", Rounding::ro, 0},
                                                     {"sr", Rounding::sr, 32},
                                                     {"sr16", Rounding::sr16, 16},
                                                     {"sr8", Rounding::sr8, 8},
                                                     {"srh", Rounding::srh, 16}}};

[[noreturn]] void fail(std::string_view text, const std::string& why) {
  throw UsageError("format '" + std::string(text) + "': " + why);
}

Format find_base(std::string_view name) {
  for (const FormatRow& row : format_table()) {
    if (row.format.name == name) return row.format;
  }
  for (const FormatPattern& pattern : format_patterns()) {
    Format format;
    if (pattern.parse(name, format)) return format;
  }
  std::vector<std::string> names;
  for (const FormatRow& row : format_table()) names.push_back(row.format.name);
  for (const FormatPattern& pattern : format_patterns()) {
    for (const std::string_view example : pattern.examples)
      names.emplace_back(example.substr(0, example.find_first_of("@*")));
  }
  fail(name, "unknown format; the nearest is '" + nearest_name(name, names) + "' ('dyadic formats' lists them)");
}

int parse_integer(std::string_view text, std::string_view digits, const char* what) {
  if (digits.starts_with('+') && !digits.starts_with("+-")) digits.remove_prefix(1);
  int value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    fail(text, std::string(what) + " '" + std::string(digits) + "' is not an integer");
  }
  return value;
}

/// "*SCALE[+ZERO_POINT]" of affine formats, "*H" of discrete ones.
void set_scale(std::string_view text, std::string_view parameter, Format& format) {
  float scale = 0;
  const auto [end, error] = std::from_chars(parameter.data(), parameter.data() + parameter.size(), scale);
  if (error != std::errc() || !(scale > 0) || !std::isfinite(scale) || scale < 0x1p-96F || scale > 0x1p96F) {
    fail(text, "the scale must be a number in 2^-96..2^96");
  }
  const std::string_view rest = parameter.substr(static_cast<std::size_t>(end - parameter.data()));
  int exponent = 0;
  if (std::frexp(scale, &exponent) == 0.5F) format.step_exponent += exponent - 1;
  else format.scale = scale;
  if (rest.empty()) return;
  if (format.family != Family::affine || (rest.front() != '+' && rest.front() != '-')) {
    fail(text, "'" + std::string(rest) + "' after the scale is not understood");
  }
  format.code_offset = parse_integer(text, rest, "zero point");
  if (format.code_offset < format.min_code || format.code_offset > format.max_code) {
    fail(text, "zero point " + std::to_string(format.code_offset) + " is not a code of " + format.name);
  }
}

void set_overflow(std::string_view text, Overflow overflow, Format& format) {
  if (overflow == Overflow::inf && !format.has_infinity())
    fail(text, "overflow 'inf' needs a format with infinities; use 'sat'");
  if (overflow == Overflow::nan && !format.has_nan()) fail(text, "overflow 'nan' needs a format with a NaN; use 'sat'");
  if (overflow == Overflow::wrap && (format.family != Family::fixed || format.min_code == -format.max_code)) {
    fail(text, "overflow 'wrap' needs q<I>.<F> or uq<I>.<F>; use 'sat'");
  }
  format.overflow = overflow;
}

std::string shortest(float value) {
  std::array<char, 32> buffer{};
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return {buffer.data(), end};
}

}  // namespace

std::int64_t Format::max_magnitude() const {
  return std::max(std::abs(code_multiplier * min_code - code_offset),
                  std::abs(code_multiplier * max_code - code_offset));
}

double Format::grid_limit() const {
  return std::ldexp(static_cast<double>(max_magnitude()) * static_cast<double>(scale), step_exponent);
}

std::uint32_t max_finite_code(const Format& format) {
  const int magnitude_bits = format.exponent_bits + format.mantissa_bits;
  const std::uint32_t all_ones = (1U << magnitude_bits) - 1;
  switch (format.specials) {
    case Specials::ieee: return infinity_code(format) - 1;
    case Specials::one_nan: return all_ones - 1;
    default: return all_ones;
  }
}

std::uint32_t infinity_code(const Format& format) { return ((1U << format.exponent_bits) - 1) << format.mantissa_bits; }

std::uint32_t nan_code(const Format& format) {
  switch (format.specials) {
    case Specials::ieee: return infinity_code(format) | 1U << (format.mantissa_bits - 1);
    case Specials::uz: return 1U << (format.width - 1);
    default: return (1U << (format.exponent_bits + format.mantissa_bits)) - 1;
  }
}

CodeType code_type(const Format& format) {
  if (format.family == Family::floating) {
    if (format.width == 32) return CodeType::f32;
    return format.width <= 8 ? CodeType::u8 : format.width <= 16 ? CodeType::u16 : CodeType::u32;
  }
  if (format.family == Family::exact) return CodeType::f32;
  if (format.min_code < 0) return format.width <= 8 ? CodeType::i8 : format.width <= 16 ? CodeType::i16 : CodeType::i32;
  return format.width <= 8 ? CodeType::u8 : format.width <= 16 ? CodeType::u16 : CodeType::u32;
}

Format parse_format(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view head = text.substr(0, colon);
  const std::size_t mark = head.find_first_of("@*");
  Format format = find_base(head.substr(0, mark));
  if (mark != std::string_view::npos) {
    const std::string_view parameter = head.substr(mark + 1);
    if (head[mark] == '@') {
      format = with_range(format, parse_integer(text, parameter, "range"));
    } else if (format.family == Family::affine || format.family == Family::discrete) {
      set_scale(text, parameter, format);
    } else {
      fail(text, "a scale belongs to affine and discrete formats only");
    }
  }
  std::optional<Rounding> rounding;
  std::optional<Overflow> overflow;
  for (std::size_t at = colon; at != std::string_view::npos;) {
    const std::size_t next = text.find(':', at + 1);
    const std::string_view word = text.substr(at + 1, next == std::string_view::npos ? next : next - at - 1);
    at = next;
    const auto* o = std::ranges::find(kOverflowNames, word, &std::pair<std::string_view, Overflow>::first);
    const auto* r = std::ranges::find(kRoundings, word, &RoundingRow::name);
    if (o != kOverflowNames.end()) {
      if (overflow) fail(text, "two overflow policies");
      if (rounding)
        fail(text,
             "overflow comes before rounding: NAME:" + std::string(word) + ":" + std::string(rounding_name(*rounding)));
      overflow = o->second;
    } else if (r != kRoundings.end()) {
      if (rounding) fail(text, "two roundings");
      rounding = r->rounding;
    } else {
      std::vector<std::string> names;
      for (const auto& row : kOverflowNames) names.emplace_back(row.first);
      for (const RoundingRow& row : kRoundings) names.emplace_back(row.name);
      fail(text, fmt::format("'{}' is neither an overflow policy nor a rounding; the nearest is '{}'", word,
                             nearest_name(word, names)));
    }
  }
  if (format.family == Family::exact && (overflow || rounding)) fail(text, "'exact' does not round");
  if (overflow) set_overflow(text, *overflow, format);
  if (rounding) format.rounding = *rounding;
  return format;
}

std::string format_name(const Format& format) {
  std::string text = format.name;
  if (format.family == Family::exact) return text;
  if (format.has_range()) text += fmt::format("@{}", format.range);
  if (format.family == Family::affine || format.family == Family::discrete) {
    const Format base = find_base(format.name);
    const float scale = std::ldexp(format.scale, format.step_exponent - base.step_exponent);
    const bool has_zero_point = format.family == Family::affine && format.code_offset != 0;
    if (scale != 1.0F || has_zero_point) text += fmt::format("*{}", shortest(scale));
    if (has_zero_point) text += fmt::format("{:+}", format.code_offset);
  }
  return fmt::format("{}:{}:{}", text, overflow_name(format.overflow), rounding_name(format.rounding));
}

Format with_range(const Format& format, int range) {
  constexpr int kMaxRange = 47;
  if (format.family != Family::dynamic_fixed && format.family != Family::floating) {
    fail(format.name, "only dfx formats (and floats, for clamping) take a range");
  }
  if (range < -48 || range > kMaxRange) fail(format.name, "range " + std::to_string(range) + " is outside -48..47");
  if (format.family == Family::floating) {
    const int largest = static_cast<int>(max_finite_code(format) >> format.mantissa_bits) - format.bias;
    if (!format.has_zero || range < format.min_exponent() || range > largest) {
      fail(format.name, "range " + std::to_string(range) + " is no exponent of its normal numbers");
    }
  }
  Format ranged = format;
  ranged.range = range;
  if (format.family == Family::dynamic_fixed) ranged.step_exponent = range - format.width + 1;
  return ranged;
}

std::string_view overflow_name(Overflow overflow) { return kOverflowNames[static_cast<std::size_t>(overflow)].first; }

std::string_view rounding_name(Rounding rounding) { return kRoundings[static_cast<std::size_t>(rounding)].name; }

int random_bits_per_element(Rounding rounding) { return kRoundings[static_cast<std::size_t>(rounding)].random_bits; }

std::int64_t code_count(const Format& format) {
  if (format.family == Family::exact) return 0;
  if (format.is_grid()) return format.max_code - format.min_code + 1;
  return std::int64_t{1} << format.width;
}

}  // namespace dyadic
