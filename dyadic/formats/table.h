// The table of formats. A named format is one row; a parametric family is one row with a function from its parameters
// to a Format. Adding a scalar format means adding one row to table.cc: the codec, packing, `dyadic formats`, the
// generic kernels and the conformance suite follow. tests/conformance/example_new_format.cc shows it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dyadic/formats/format.h"

namespace dyadic {

struct FormatRow {
  Format format;             // default policies
  std::string_view summary;  // one line for people
  std::string_view source;   // the document that defines it
};

struct FormatPattern {
  std::string_view pattern;  // "q<I>.<F>"
  std::string_view summary;
  std::string_view source;
  /// Members on which documentation and the conformance suite run.
  std::vector<std::string_view> examples;
  /// True and fills `format` if `name` belongs to the family; throws UsageError if it does but its parameters are
  /// wrong.
  bool (*parse)(std::string_view name, Format& format);
};

std::span<const FormatRow> format_table();
std::span<const FormatPattern> format_patterns();

/// Row builders: the only places that know how parameters become limits.
Format make_floating(std::string_view name, int exponent_bits, int mantissa_bits, int bias, Specials specials);
Format make_fixed(std::string_view name, int integer_bits, int fraction_bits, bool is_signed, bool symmetric);
Format make_dynamic_fixed(std::string_view name, int width);
Format make_affine(std::string_view name, int width, bool is_signed);
Format make_discrete(std::string_view name, int log2_intervals);
Format make_block(std::string_view name, int width, int block_size);

}  // namespace dyadic
