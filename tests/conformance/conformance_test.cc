// Runs the suite on every row of the table of formats, on every example of the parametric families, and on some
// formats whose parameters reach corners that the examples leave out.
#include "conformance_suite.h"
#include "dyadic/formats/block.h"
#include "dyadic/formats/table.h"

namespace dyadic {
namespace {

std::vector<ConformanceCase> rows() {
  std::vector<ConformanceCase> cases;
  for (const FormatRow& row : format_table()) {
    if (row.format.family != Family::exact) cases.push_back({row.format});
  }
  return cases;
}

std::vector<ConformanceCase> examples() {
  std::vector<ConformanceCase> cases;
  for (const FormatPattern& pattern : format_patterns()) {
    for (const std::string_view example : pattern.examples) {
      const Format format = parse_format(example);
      // A block has codes like any grid; which exponent it has is for the tests of blocks.
      if (format.has_blocks()) cases.push_back({block_grid(format, 5), /*is_listed=*/false});
      else cases.push_back({format});
    }
  }
  return cases;
}

std::vector<ConformanceCase> corners() {
  std::vector<ConformanceCase> cases;
  for (const char* name : {"int8*0.0125", "uint8*0.02+128", "uint8*0.5+3", "int4*0.25-3",  "int16*3e-05", "binary*0.75",
                           "binary*0.25", "ternary*0.3",    "ternary*4",   "z3*0.0078125", "z20",         "q31.1",
                           "q1.1s",       "q-80.96",        "q127.-96",    "uq2.0",        "uq0.32",      "dfx10",
                           "dfx32@47",    "dfx3@-48",       "e1m2fn",      "e2m0fn",       "e2m3fnuz",    "e3m0fnuz",
                           "e8m0fn",      "e8m22fnuz",      "e7m23fn",     "e8m23",        "e2m23"}) {
    cases.push_back({parse_format(name)});
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Rows, FormatConformance, testing::ValuesIn(rows()), case_name);
INSTANTIATE_TEST_SUITE_P(Examples, FormatConformance, testing::ValuesIn(examples()), case_name);
INSTANTIATE_TEST_SUITE_P(Corners, FormatConformance, testing::ValuesIn(corners()), case_name);

}  // namespace
}  // namespace dyadic
