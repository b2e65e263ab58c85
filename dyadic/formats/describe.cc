#include "dyadic/formats/describe.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "dyadic/formats/block.h"
#include "dyadic/formats/codec.h"
#include "dyadic/formats/table.h"

namespace dyadic {
namespace {

using Json = nlohmann::ordered_json;

/// The shortest decimal that names the number among the floats, or, if it is none of them, among the doubles.
std::string number_text(double value) {
  if (std::isnan(value)) return "nan";
  std::array<char, 32> buffer{};
  char* const last = buffer.data() + buffer.size();
  const auto narrow = static_cast<float>(value);
  const bool is_float = static_cast<double>(narrow) == value;
  return {buffer.data(),
          is_float ? std::to_chars(buffer.data(), last, narrow).ptr : std::to_chars(buffer.data(), last, value).ptr};
}

/// JSON has no infinities and NaNs: they are written as strings.
Json json_number(double value) { return std::isfinite(value) ? Json(value) : Json(number_text(value)); }

/// Name with its parameters, without policies.
std::string short_name(const Format& format) {
  const std::string name = format_name(format);
  return name.substr(0, name.find(':'));
}

/// One letter per bit of the code, most significant first.
std::string layout_text(const Format& format) {
  const auto bits = [](char letter, int count) { return std::string(static_cast<std::size_t>(count), letter); };
  const std::string sign = format.is_signed ? "s" : "";
  switch (format.family) {
    case Family::floating:
      return fmt::format("{}{}{}{}{}", sign, sign.empty() ? "" : " ", bits('e', format.exponent_bits),
                         format.mantissa_bits > 0 ? " " : "", bits('m', format.mantissa_bits));
    case Family::fixed: {
      const int fraction_bits = -format.step_exponent;
      const int integer_bits = format.width - fraction_bits - (format.is_signed ? 1 : 0);
      if (fraction_bits >= 0 && integer_bits >= 0)
        return sign + bits('i', integer_bits) + "." + bits('f', fraction_bits);
      return fmt::format("{}{} * 2^{}", sign, bits('i', format.width - (format.is_signed ? 1 : 0)),
                         format.step_exponent);
    }
    case Family::dynamic_fixed: return fmt::format("s{} * 2^(R-{})", bits('i', format.width - 1), format.width - 1);
    case Family::block: return fmt::format("s{} * 2^(E-{})", bits('i', format.width - 1), format.width - 2);
    case Family::affine:
      return fmt::format("({}{} - zero point) * scale", sign, bits('i', format.width - (format.is_signed ? 1 : 0)));
    default: return bits('i', format.width) + " (index of a state)";
  }
}

std::string layout_key(const Format& format) {
  switch (format.family) {
    case Family::floating:
      if (!format.is_signed) return "e exponent";
      return format.mantissa_bits == 0 ? "s sign, e exponent" : "s sign, e exponent, m mantissa";
    case Family::fixed:
      return format.is_signed ? "two's complement: s sign, i integer, f fraction" : "i integer, f fraction";
    case Family::dynamic_fixed: return "two's complement: s sign, i integer; R is the range";
    case Family::block: return "two's complement: s sign, i integer; E is the block's exponent, -128..127";
    case Family::affine: return format.is_signed ? "two's complement: s sign, i integer" : "i integer";
    default: return "i index from the lowest state";
  }
}

std::string rules_text(const Format& format) {
  switch (format.family) {
    case Family::fixed:
      if (!format.is_signed) return "unsigned";
      return format.min_code == -format.max_code ? "symmetric, no -0" : "two's complement, no -0";
    case Family::dynamic_fixed: return "symmetric, no -0; limits and step scale with 2^R";
    case Family::block: return "symmetric, no -0; E is the least that its block's largest number does not saturate";
    case Family::affine: return fmt::format("zero point {}", format.code_offset);
    case Family::discrete: return "ties to the even index";
    default: break;
  }
  if (!format.has_zero) return "no zero, no sign, one NaN (all ones)";
  switch (format.specials) {
    case Specials::ieee: return "infinities, NaNs, -0";
    case Specials::one_nan: return "NaN is all ones, no infinity, -0";
    case Specials::uz: return "NaN is the code of -0, no infinity, no -0";
    default: return "every code is finite, -0";
  }
}

/// Whose codes have the values that are printed: the format, or its block at exponent 0.
Format printed_codes(const Format& format) { return format.has_blocks() ? block_grid(format, 0) : format; }

/// The value of every code, eight or sixteen to a line.
std::string code_grid(const Format& format) {
  const std::int64_t first = format.is_grid() ? format.min_code : 0;
  const std::int64_t count = code_count(format);
  std::vector<std::string> cells;
  std::size_t widest = 0;
  for (std::int64_t code = first; code < first + count; ++code) {
    cells.push_back(number_text(decode(format, code)));
    widest = std::max(widest, cells.back().size());
  }
  const std::int64_t columns = widest <= 6 ? 16 : 8;
  std::string text;
  for (std::int64_t row = 0; row < count; row += columns) {
    text += format.is_grid() ? fmt::format("  {:>4} |", first + row) : fmt::format("  0x{:02x} |", row);
    for (std::int64_t i = row; i < std::min(row + columns, count); ++i) {
      text += fmt::format(" {:>{}}", cells[static_cast<std::size_t>(i)], widest);
    }
    text += '\n';
  }
  return text;
}

std::string aligned(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const std::vector<std::string>& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const std::vector<std::string>& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) line += fmt::format("{:<{}}  ", row[i], widths[i]);
    line.resize(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

const FormatRow* row_of(const Format& format) {
  for (const FormatRow& row : format_table()) {
    if (row.format.name == format.name) return &row;
  }
  return nullptr;
}

/// Summary and source: the row's, else those of the family that parses the name.
std::pair<std::string, std::string> summary_and_source(const Format& format) {
  if (const FormatRow* row = row_of(format)) return {std::string(row->summary), std::string(row->source)};
  for (const FormatPattern& pattern : format_patterns()) {
    Format parsed;
    if (pattern.parse(format.name, parsed)) return {std::string(pattern.summary), std::string(pattern.source)};
  }
  return {};
}

Json facts(const Format& format) {
  const auto [summary, source] = summary_and_source(format);
  Json object;
  object["name"] = short_name(format);
  object["full_name"] = format_name(format);
  object["family"] = family_name(format.family);
  object["summary"] = summary;
  object["source"] = source;
  object["bits"] = format.width;
  if (format.family == Family::exact) return object;
  const FormatLimits limits = format_limits(format);
  object["layout"] = layout_text(format);
  object["lowest"] = limits.lowest;
  object["largest"] = limits.largest;
  object["smallest"] = limits.smallest;
  if (format.family == Family::floating) {
    object["smallest_normal"] = limits.smallest_normal;
    object["epsilon"] = limits.step;
    object["exponent_bits"] = format.exponent_bits;
    object["mantissa_bits"] = format.mantissa_bits;
    object["bias"] = format.bias;
  } else {
    object["step"] = limits.step;
    object["min_code"] = format.min_code;
    object["max_code"] = format.max_code;
    object["zero_point"] = format.code_multiplier == 1 ? Json(format.code_offset) : Json(nullptr);
    if (format.has_blocks()) object["block_size"] = format.block_size;
  }
  if (format.family == Family::dynamic_fixed || format.has_range()) {
    object["range"] = format.has_range() ? Json(format.range) : Json(nullptr);
  }
  object["codes"] = limits.code_count;
  object["values"] = limits.value_count;
  object["infinity"] = format.has_infinity();
  object["nan"] = format.has_nan();
  object["overflow"] = overflow_name(format.overflow);
  object["rounding"] = rounding_name(format.rounding);
  object["code_type"] = code_type_name(code_type(format));
  return object;
}

FormatLimits block_limits(const Format& format) {
  const Format large = block_grid(format, kLargestBlockExponent);
  const Format small = block_grid(format, kLeastBlockExponent);
  FormatLimits limits;
  limits.code_count = code_count(format);
  limits.lowest = decode(large, large.min_code);
  limits.largest = decode(large, large.max_code);
  limits.smallest = std::ldexp(1.0, small.step_exponent);
  limits.step = std::ldexp(1.0, block_grid(format, 0).step_exponent);
  // Each exponent adds the codes whose doubles the one below does not have.
  const std::int64_t added = 2 * (format.max_code - format.max_code / 2);
  limits.value_count = limits.code_count + (kLargestBlockExponent - kLeastBlockExponent) * added;
  return limits;
}

}  // namespace

std::string_view family_name(Family family) {
  constexpr std::array<std::string_view, 7> kNames = {"float",    "fixed", "dynamic fixed", "affine",
                                                      "discrete", "exact", "block"};
  return kNames[static_cast<std::size_t>(family)];
}

std::string_view code_type_name(CodeType type) {
  constexpr std::array<std::string_view, 7> kNames = {"int8", "uint8", "int16", "uint16", "int32", "uint32", "float32"};
  return kNames[static_cast<std::size_t>(type)];
}

std::string specials_text(const Format& format) {
  if (format.has_infinity()) return "inf nan";
  return format.has_nan() ? "nan" : "-";
}

FormatLimits format_limits(const Format& format) {
  FormatLimits limits;
  if (format.has_blocks()) return block_limits(format);
  limits.code_count = code_count(format);
  if (format.is_grid()) {
    limits.lowest = decode(format, format.min_code);
    limits.largest = decode(format, format.max_code);
    limits.smallest = std::ldexp(static_cast<double>(format.scale), format.step_exponent);
    limits.step = limits.smallest * static_cast<double>(format.code_multiplier);
    limits.value_count = limits.code_count;
    return limits;
  }
  const std::uint32_t largest = max_finite_code(format);
  limits.largest = decode(format, largest);
  limits.lowest = format.is_signed ? -limits.largest : decode(format, 0);
  limits.smallest = decode(format, format.has_zero ? 1 : 0);
  limits.smallest_normal = format.has_zero ? std::ldexp(1.0, format.min_exponent()) : limits.smallest;
  limits.step = std::ldexp(1.0, -format.mantissa_bits);
  limits.value_count = (format.is_signed ? 2 : 1) * std::int64_t{largest} + 1;
  return limits;
}

std::string format_table_text() {
  std::vector<std::vector<std::string>> rows = {
      {"name", "family", "bits", "smallest", "largest", "step/epsilon", "specials", "source"}};
  for (const FormatRow& row : format_table()) {
    const Format& format = row.format;
    std::vector<std::string> cells = {format.name, std::string(family_name(format.family))};
    if (format.family == Family::exact) {
      cells.insert(cells.end(), {"-", "-", "-", "-", "-"});
    } else {
      const FormatLimits limits = format_limits(format);
      cells.insert(cells.end(), {std::to_string(format.width), number_text(limits.smallest),
                                 number_text(limits.largest), number_text(limits.step), specials_text(format)});
    }
    cells.emplace_back(row.source);
    rows.push_back(std::move(cells));
  }
  std::vector<std::vector<std::string>> families = {{"family of names", "examples", "meaning", "source"}};
  for (const FormatPattern& pattern : format_patterns()) {
    std::string examples;
    for (std::size_t i = 0; i < std::min<std::size_t>(pattern.examples.size(), 3); ++i) {
      examples += fmt::format("{}{}", i > 0 ? " " : "", pattern.examples[i]);
    }
    families.push_back(
        {std::string(pattern.pattern), examples, std::string(pattern.summary), std::string(pattern.source)});
  }
  return aligned(rows) + "\n" + aligned(families) +
         "\nNAME[@RANGE|*SCALE[+ZERO_POINT]][:overflow][:rounding]\n"
         "overflow: sat inf nan wrap error    rounding: rne rna rnd rnu rtz rd ru ro sr sr16 sr8 srh\n";
}

std::string describe_format(const Format& format) {
  const auto [summary, source] = summary_and_source(format);
  std::vector<std::vector<std::string>> rows = {{"name", format_name(format)},
                                                {"family", std::string(family_name(format.family))}};
  const auto add = [&](std::string key, std::string value) { rows.push_back({std::move(key), std::move(value)}); };
  if (!summary.empty()) add("summary", summary);
  if (!source.empty()) add("source", source);
  if (format.family == Family::exact) return aligned(rows);
  const FormatLimits limits = format_limits(format);
  add("bits", std::to_string(format.width));
  add("layout", layout_text(format) + "    " + layout_key(format));
  const bool floats = format.family == Family::floating;
  if (floats) add("bias", std::to_string(format.bias));
  const bool no_range = format.family == Family::dynamic_fixed && !format.has_range();
  if (no_range) add("range", "not set: the limits below are those of R = 0 and scale with 2^R");
  if (format.has_range()) add("range", std::to_string(format.range) + (floats ? " (values are clamped to +-2^R)" : ""));
  if (format.has_blocks()) {
    add("block", fmt::format("{} elements share an exponent of 8 bits: {} bits an element", format.block_size,
                             number_text(format.width + 8.0 / format.block_size)));
  }
  add("lowest", number_text(limits.lowest));
  add("largest", number_text(limits.largest));
  if (floats) add("smallest normal", number_text(limits.smallest_normal));
  if (floats && format.mantissa_bits > 0) add("smallest subnormal", number_text(limits.smallest));
  add(floats ? "epsilon" : "step", number_text(limits.step) + (format.has_blocks() ? " * 2^E" : ""));
  add("codes", fmt::format("{} ({} finite values)", limits.code_count, limits.value_count));
  add("rules", rules_text(format));
  add("overflow", std::string(overflow_name(format.overflow)));
  add("rounding", std::string(rounding_name(format.rounding)));
  add("in memory", std::string(code_type_name(code_type(format))));
  std::string text = aligned(rows);
  if (format.width <= 8) {
    text += std::string("values by code") + (format.has_blocks() ? " at E = 0" : "") + "\n";
    text += code_grid(printed_codes(format));
  }
  return text;
}

std::string format_table_json() {
  Json json;
  json["formats"] = Json::array();
  for (const FormatRow& row : format_table()) json["formats"].push_back(facts(row.format));
  json["families"] = Json::array();
  for (const FormatPattern& pattern : format_patterns()) {
    json["families"].push_back({{"pattern", pattern.pattern},
                                {"summary", pattern.summary},
                                {"source", pattern.source},
                                {"examples", pattern.examples}});
  }
  return json.dump(2) + "\n";
}

std::string describe_format_json(const Format& format) {
  Json json = facts(format);
  if (format.family != Family::exact && format.width <= 8) {
    const std::int64_t first = format.is_grid() ? format.min_code : 0;
    for (std::int64_t code = first; code < first + code_count(format); ++code) {
      json["values_by_code"].push_back({{"code", code}, {"value", json_number(decode(printed_codes(format), code))}});
    }
  }
  return json.dump(2) + "\n";
}

}  // namespace dyadic
