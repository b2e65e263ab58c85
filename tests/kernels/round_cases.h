// Formats, inputs and comparisons shared by the tests of the rounding kernels.
#pragma once

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "dyadic/base/error.h"
#include "dyadic/base/philox.h"
#include "dyadic/formats/codec.h"
#include "dyadic/formats/table.h"
#include "dyadic/kernels/isa.h"
#include "dyadic/kernels/quantize.h"
#include "dyadic/tensor/tensor.h"

namespace dyadic {

inline constexpr Rounding kAllRoundings[] = {Rounding::rne, Rounding::rna,  Rounding::rnd, Rounding::rnu,
                                             Rounding::rtz, Rounding::rd,   Rounding::ru,  Rounding::ro,
                                             Rounding::sr,  Rounding::sr16, Rounding::sr8, Rounding::srh};

/// Restores the tier at the end of a test.
class IsaGuard {
 public:
  IsaGuard() : before_(active_isa()) {}
  ~IsaGuard() { set_isa(before_); }
  IsaGuard(const IsaGuard&) = delete;
  IsaGuard& operator=(const IsaGuard&) = delete;

 private:
  Isa before_;
};

/// Every row of the table and every example of a pattern, and parameters that matter to rounding. Codes of blocks have
/// tests of their own.
inline std::vector<std::string> base_names() {
  std::vector<std::string> names;
  for (const FormatRow& row : format_table()) {
    if (row.format.family != Family::exact) names.push_back(row.format.name);
  }
  for (const FormatPattern& pattern : format_patterns()) {
    for (const std::string_view example : pattern.examples) {
      if (!parse_format(example).has_blocks()) names.emplace_back(example);
    }
  }
  for (const char* name :
       {"int8*0.0125", "uint8*0.5+128", "uint8*0.1+3",     "int16*0.001-7",   "int4*0.3",   "uint4*1e-20+15",
        "ternary*0.5", "z1*0.75",       "float32@0",       "float32@5",       "float16@-3", "float16@15",
        "float16@-14", "bfloat16@47",   "float6_e3m2fn@0", "float8_e4m3fn@2", "q31.-1",     "q1.30",
        "q30.0s",      "q0.31s",        "q1.31s",          "q0.32",           "uq1.29",     "uq2.29",
        "uq0.32",      "q-90.96",       "q96.-90",         "dfx12@-48",       "dfx16@47",   "e7m23",
        "e8m22",       "e7m23fn",       "e1m3fn",          "e7m0fn",          "e2m0fnuz"}) {
    names.emplace_back(name);
  }
  return names;
}

/// The format with each legal overflow policy.
inline std::vector<Format> with_policies(const std::string& name) {
  std::vector<Format> formats;
  for (const char* overflow : {"sat", "inf", "nan", "wrap", "error"}) {
    try {
      formats.push_back(parse_format(name + ":" + overflow));
    } catch (const UsageError&) {  // not a policy of this format
    }
  }
  EXPECT_FALSE(formats.empty()) << name;
  return formats;
}

class Words {
 public:
  explicit Words(std::uint32_t stream) : stream_{.seed = 0x9E3779B97F4A7C15, .step = 0, .stream = stream} {}
  std::uint32_t operator()() { return random_bits(stream_, index_++, 32); }
  float uniform() { return static_cast<float>((*this)() >> 8) * 0x1p-24F; }

 private:
  RandomStream stream_;
  std::uint64_t index_ = 0;
};

/// All exponents with mantissas at and beside the places where something can go wrong, both signs, infinities, NaNs.
inline std::vector<float> every_exponent() {
  std::vector<float> values;
  Words words(1);
  for (std::uint32_t exponent = 0; exponent < 256; ++exponent) {
    std::vector<std::uint32_t> mantissas = {0, 1, 0x3FFFFF, 0x400000, 0x400001, 0x7FFFFF, words() & 0x7FFFFF};
    mantissas.push_back(0x7FFFFF & (0x7FFFFFU << (words() % 23)));
    for (const std::uint32_t mantissa : mantissas) {
      for (const std::uint32_t sign : {0U, 0x80000000U}) {
        values.push_back(std::bit_cast<float>(sign | exponent << 23 | mantissa));
      }
    }
  }
  return values;
}

/// Codes of `format`, midpoints between neighbours and what lies next to both; random values in and around its range.
inline std::vector<float> around_codes(const Format& format, int count) {
  std::vector<float> values;
  Words words(2);
  const auto codes = static_cast<std::uint64_t>(code_count(format));
  const auto add = [&values](double x) {
    const auto value = static_cast<float>(x);
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    values.insert(values.end(), {value, std::nextafter(value, kInfinity), std::nextafter(value, -kInfinity)});
  };
  double largest = 0;
  for (int i = 0; i < count; ++i) {
    const std::uint64_t place =
        codes <= static_cast<std::uint64_t>(count) ? static_cast<std::uint64_t>(i) % codes : words() % codes;
    const std::int64_t code = static_cast<std::int64_t>(place) + (format.is_grid() ? format.min_code : 0);
    const double here = decode(format, code);
    if (!std::isfinite(here)) continue;
    largest = std::max(largest, std::fabs(here));
    add(here);
    if (place + 1 == codes) continue;
    const double next = decode(format, code + 1);
    if (std::isfinite(next)) add(here + (next - here) / 2);
  }
  for (int i = 0; i < count; ++i) values.push_back(static_cast<float>(largest * 2.4 * (words.uniform() - 0.5F)));
  for (int i = 0; i < count; ++i) values.push_back(static_cast<float>(largest * 0.01 * (words.uniform() - 0.5F)));
  return values;
}

/// What a rounding function did: bytes written, counts, or the exception.
struct Outcome {
  std::vector<std::uint8_t> bytes;
  RoundingCounts counts;
  std::string error;
  bool operator==(const Outcome&) const = default;
};

template <typename Call>
Outcome outcome(std::int64_t n, int bytes_each, const Call& call) {
  Outcome result;
  constexpr std::uint8_t kUntouched = 0xA5;
  constexpr std::size_t kGuard = 64;
  result.bytes.assign(static_cast<std::size_t>(n * bytes_each) + kGuard, kUntouched);
  try {
    result.counts = call(result.bytes.data());
  } catch (const Error& error) {
    result.error = error.what();
    result.bytes.clear();
  }
  return result;
}

inline std::string counts_text(const RoundingCounts& c) {
  return "elements " + std::to_string(c.elements) + " largest " + std::to_string(c.largest) + " half " +
         std::to_string(c.half_range) + " overflowed " + std::to_string(c.overflowed) + " zeros " +
         std::to_string(c.zeros) + " nonfinite " + std::to_string(c.nonfinite);
}

/// Fails with the first differing element.
inline void expect_same(const Outcome& got, const Outcome& want, int bytes_each, const std::string& what) {
  if (got == want) return;
  EXPECT_EQ(got.error, want.error) << what;
  EXPECT_EQ(counts_text(got.counts), counts_text(want.counts)) << what;
  for (std::size_t i = 0; i < std::min(got.bytes.size(), want.bytes.size()); ++i) {
    if (got.bytes[i] != want.bytes[i]) {
      ADD_FAILURE() << what << ": element " << i / static_cast<std::size_t>(bytes_each) << " differs";
      return;
    }
  }
}

/// Every code of a format of up to 16 bits, else the limits, those around zero, and some from everywhere.
inline Tensor many_codes(const Format& format) {
  const bool is_float = format.family == Family::floating;
  const std::int64_t low = is_float ? 0 : format.min_code;
  const std::int64_t high = is_float ? (std::int64_t{1} << format.width) - 1 : format.max_code;
  std::vector<std::int64_t> codes;
  if (high - low < 1 << 16) {
    for (std::int64_t code = low; code <= high; ++code) codes.push_back(code);
  } else {
    codes = {low, low + 1, high, high - 1};
    for (const std::int64_t code : {-1, 0, 1}) {
      if (code >= low) codes.push_back(code);
    }
    if (is_float) {
      const std::int64_t sign = std::int64_t{1} << (format.width - 1);
      const std::int64_t largest = max_finite_code(format);
      for (const std::int64_t code : {largest - 1, largest, largest + 1}) {
        codes.push_back(code);
        codes.push_back(sign | code);
      }
      codes.push_back(sign);  // -0
      codes.push_back(sign | 1);
      if (format.has_range()) {
        codes.push_back(clamp_code(format));
        codes.push_back(clamp_code(format) - 1);
      }
    }
    for (std::uint64_t i = 0; i < 3000; ++i) {
      codes.push_back(low + random_bits({.seed = 3}, i, 32) % (high - low + 1));
    }
  }
  Tensor tensor({std::ssize(codes)}, format);
  for (std::int64_t i = 0; i < tensor.size(); ++i) tensor.set_code(i, codes[static_cast<std::size_t>(i)]);
  return tensor;
}

}  // namespace dyadic
