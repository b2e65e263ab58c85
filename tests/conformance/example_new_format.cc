// How to add a number format to dyadic, as a test that compiles and runs.
//
// A scalar format is one row of the table in dyadic/formats/table.cc. The row says how the bits are divided, which
// codes are special, a line for people and the document that defines the format; for example an 8-bit float with two
// exponent bits, five mantissa bits, bias 1 and a single NaN would be
//
//   floating_row("float8_e2m5fn", 2, 5, 1, Specials::one_nan, "largest 7.75, one NaN", "example"),
//
// and an integer-coded format is whatever make_fixed, make_affine or make_discrete returns. Nothing else is written:
// names and policies ("float8_e2m5fn:sat:sr8"), the codec, packing, `dyadic formats`, the generic kernels and the
// conformance suite loop over the table. (A family with parameters in its name, such as q<I>.<F>, is a row of
// format_patterns() with a function that parses the name.)
//
// Here the rows are local, so that the table stays as it is, and the suite is instantiated on them by hand. That is all
// a new row has to pass. If a test fails, the format is not what its row says: look at value_line.h for what the suite
// takes it to be.
#include <array>

#include "conformance_suite.h"
#include "dyadic/formats/codec.h"
#include "dyadic/formats/table.h"

namespace dyadic {
namespace {

/// The arguments: name, exponent bits, mantissa bits, bias, specials.
Format float8_e2m5fn() { return make_floating("float8_e2m5fn", 2, 5, 1, Specials::one_nan); }

/// A grid by hand: 7 codes, -3/8 .. 3/8, in 3 bits. `step_exponent` is the logarithm of the distance of neighbours;
/// make_fixed derives it, the limits and the width from integer and fraction bits.
Format seven_eighths() {
  Format format = make_fixed("seven_eighths_s", 0, 3, /*is_signed=*/true, /*symmetric=*/true);
  return format;
}

// `is_listed = false`: parse_format does not know these names. Rows of the table leave it out.
INSTANTIATE_TEST_SUITE_P(Example, FormatConformance,
                         testing::Values(ConformanceCase{float8_e2m5fn(), /*is_listed=*/false},
                                         ConformanceCase{seven_eighths(), /*is_listed=*/false}),
                         case_name);

// The suite derives what it expects from the row. That the row itself is right, only the defining document can tell:
// add a line with its published limits to tests/formats/table_test.cc, as here.
TEST(ExampleNewFormat, LimitsAreThePublishedOnes) {
  const Format format = float8_e2m5fn();
  EXPECT_EQ(decode(format, max_finite_code(format)), 7.75);
  EXPECT_EQ(decode(format, 1), 0x1p-5);
  EXPECT_EQ(encode(format, 1e9).code, max_finite_code(format)) << "saturates: it has no infinity";
}

}  // namespace
}  // namespace dyadic
