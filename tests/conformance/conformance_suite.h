// The conformance suite: what every scalar format must do, written once and run on every row of the table of formats
// and on the examples of every parametric family. It is a suite parametrised by Format; a format inherits all of it by
//
//   INSTANTIATE_TEST_SUITE_P(Name, FormatConformance, testing::Values(ConformanceCase{format}), case_name);
//
// in any source file of this folder (example_new_format.cc does). The expectations come from value_line.h and from
// docs/formats.md, never from the codec.
//
//   codes_suite.cc        codes, values, limits, names, memory types
//   rounding_suite.cc     every half-way point and its neighbours, overflow policies, NaN, infinities, -0
//   stochastic_suite.cc   stochastic rounding by enumerating random words
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "dyadic/formats/format.h"
#include "value_line.h"

namespace dyadic {

struct ConformanceCase {
  Format format;
  /// parse_format knows the name. False for formats that a test makes for itself.
  bool is_listed = true;
};

std::string case_name(const testing::TestParamInfo<ConformanceCase>& info);
void PrintTo(const ConformanceCase& conformance_case, std::ostream* out);

class FormatConformance : public testing::TestWithParam<ConformanceCase> {
 protected:
  [[nodiscard]] const Format& format() const { return GetParam().format; }
};

/// Roundings without random bits.
const std::vector<Rounding>& deterministic_roundings();

/// The overflow policies that the grammar admits for `format`.
std::vector<Overflow> admitted_policies(const Format& format);

/// All ranks of formats of at most 16 bits; of wider ones those around the ends, zero and every power of two, and a few
/// hundred spread over the line.
std::vector<std::int64_t> tested_ranks(const Format& format, const ValueLine& line);

/// Input whose place on the line is `value`: x itself, or x times the float32 scale of affine formats.
double input_for(const Format& format, long double value);

/// True if decoding is exact, so that a decoded code lies on the line and directed roundings keep it.
bool decodes_exactly(const Format& format);

/// Compares encode() with the oracle for one number and one rounding; empty if they agree, else what differs.
std::string encode_mismatch(const Format& format, const ValueLine& line, double x);

/// Collects mismatches and prints the first few: a broken codec fails at millions of points.
class Mismatches {
 public:
  void add(const std::string& text);
  ~Mismatches();

 private:
  std::int64_t count_ = 0;
  std::string first_;
};

}  // namespace dyadic
