// What `dyadic formats` and `dyadic formats NAME` print: the table of formats and one format in full, derived from the
// rows of the table as everything else is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dyadic/formats/format.h"

namespace dyadic {

/// Numbers that people ask a format for. A dynamic fixed format without a range is described at range 0; of a block
/// format the limits are those of all exponents and the step is that of exponent 0.
struct FormatLimits {
  double lowest = 0;             // most negative finite value
  double largest = 0;            // largest finite value
  double smallest = 0;           // least positive value; floats: the least subnormal
  double smallest_normal = 0;    // floats only, else 0
  double step = 0;               // grids: distance of neighbours; floats: that of 1 and the next number, 2^-mantissa
  std::int64_t code_count = 0;   // floats: with -0, infinities and NaNs
  std::int64_t value_count = 0;  // different finite values
};

/// Throws UsageError for `exact`, which has no codes.
FormatLimits format_limits(const Format& format);

std::string_view family_name(Family family);
std::string_view code_type_name(CodeType type);

/// "inf nan", "nan" or "-": the specials of a floating format.
std::string specials_text(const Format& format);

/// All rows and families of the table, aligned, one per line. Ends in a newline.
std::string format_table_text();

/// One format: layout of its code, limits, specials, defaults, storage and, up to 8 bits, the value of every code.
std::string describe_format(const Format& format);

/// The same facts as JSON documents: {"formats": [...], "families": [...]} and one object.
std::string format_table_json();
std::string describe_format_json(const Format& format);

}  // namespace dyadic
