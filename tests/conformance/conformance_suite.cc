#include "conformance_suite.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>

#include "dyadic/base/error.h"
#include "dyadic/base/philox.h"
#include "dyadic/formats/codec.h"

namespace dyadic {
namespace {

std::string hexadecimal(double x) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%a (%.17g)", x, x);
  return buffer;
}

}  // namespace

std::string case_name(const testing::TestParamInfo<ConformanceCase>& info) {
  std::string name = format_name(info.param.format);
  name.resize(name.find(':'));
  for (char& c : name) {
    if (c == '-') c = 'n';
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
}

void PrintTo(const ConformanceCase& conformance_case, std::ostream* out) {
  *out << format_name(conformance_case.format);
}

const std::vector<Rounding>& deterministic_roundings() {
  static const std::vector<Rounding> roundings = {Rounding::rne, Rounding::rna, Rounding::rnd, Rounding::rnu,
                                                  Rounding::rtz, Rounding::rd,  Rounding::ru,  Rounding::ro};
  return roundings;
}

std::vector<Overflow> admitted_policies(const Format& format) {
  std::vector<Overflow> policies = {Overflow::sat, Overflow::error};
  const bool is_float = format.family == Family::floating;
  if (is_float && format.specials == Specials::ieee) policies.push_back(Overflow::inf);
  if (is_float && format.specials != Specials::none) policies.push_back(Overflow::nan);
  const bool whole_word = format.max_code - format.min_code + 1 == std::int64_t{1} << format.width;
  if (format.family == Family::fixed && whole_word) policies.push_back(Overflow::wrap);
  return policies;
}

std::vector<std::int64_t> tested_ranks(const Format& format, const ValueLine& line) {
  std::vector<std::int64_t> ranks;
  if (format.width <= 16) {
    for (std::int64_t rank = line.first(); rank <= line.last(); ++rank) ranks.push_back(rank);
    return ranks;
  }
  const auto add_around = [&](std::int64_t center) {
    for (std::int64_t rank = center - 3; rank <= center + 3; ++rank) {
      if (rank >= line.first() && rank <= line.last()) ranks.push_back(rank);
    }
  };
  for (int bit = 0; bit <= format.width; ++bit) {
    const std::int64_t distance = std::int64_t{1} << bit;
    for (const std::int64_t origin : {std::int64_t{0}, line.first(), line.last(), format.code_offset}) {
      add_around(origin + distance);
      add_around(origin - distance);
    }
  }
  const auto count = static_cast<std::uint64_t>(line.last() - line.first() + 1);
  for (std::uint64_t i = 0; i < 500; ++i) {
    add_around(line.first() + static_cast<std::int64_t>(random_bits({.seed = 1}, i, 32) % count));
  }
  std::ranges::sort(ranks);
  ranks.erase(std::ranges::unique(ranks).begin(), ranks.end());
  return ranks;
}

double input_for(const Format& format, long double value) {
  const bool scaled = line_format(format) != format;
  return static_cast<double>(scaled ? value * static_cast<long double>(format.scale) : value);
}

bool decodes_exactly(const Format& format) { return !format.is_grid() || format.is_dyadic_grid(); }

std::string encode_mismatch(const Format& format, const ValueLine& line, double x) {
  const ExpectedCode expected = expected_code(format, line, x);
  const auto describe = [&](const std::string& got) {
    return format_name(format) + " of " + hexadecimal(x) + ": " + got + ", expected " +
           (expected.throws ? "an error" : std::to_string(expected.code) + (expected.overflowed ? " overflowed" : ""));
  };
  try {
    const Encoded got = encode(format, x);
    const bool same = !expected.throws && got.code == expected.code && got.overflowed == expected.overflowed;
    if (same && !got.not_a_number) return {};
    return describe("code " + std::to_string(got.code) + (got.overflowed ? " overflowed" : ""));
  } catch (const NonFiniteError& error) {
    return expected.throws ? std::string() : describe(error.what());
  }
}

void Mismatches::add(const std::string& text) {
  if (text.empty()) return;
  if (++count_ <= 5) first_ += "\n  " + text;
}

Mismatches::~Mismatches() {
  if (count_ != 0) ADD_FAILURE() << count_ << " mismatches, the first of them:" << first_;
}

}  // namespace dyadic
