// All 2^32 float32 inputs through the fast kernel, for formats of at most 16 bits. The expectation is a walk along the
// sorted boundaries: for each sign, boundary r is the bit pattern of the first float32 that rounds to the r-th
// magnitude or beyond, found from the half-way point of two neighbours in double, where it is exact. Between two
// boundaries every code must be the same, so that a block is checked by comparing runs. Takes about a minute per
// format: runs only when DYADIC_NIGHTLY=1.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "dyadic/formats/codec.h"
#include "dyadic/formats/format.h"
#include "dyadic/kernels/quantize.h"

namespace dyadic {
namespace {

constexpr std::uint32_t kInfinityBits = 0x7F800000;
constexpr std::uint32_t kBlock = 1U << 22;

/// From bit pattern `first` (sign clear) up to the next boundary every float has code `code`.
struct Run {
  std::uint32_t first = 0;
  std::int64_t code = 0;
};

/// Magnitudes of one sign in increasing order: code and value.
std::vector<std::pair<std::int64_t, double>> magnitudes(const Format& format, bool negative) {
  std::vector<std::pair<std::int64_t, double>> result;
  if (format.is_grid()) {
    const std::int64_t end = negative ? format.min_code : format.max_code;
    for (std::int64_t code = 0; code != end + (negative ? -1 : 1); code += negative ? -1 : 1) {
      result.emplace_back(code, std::fabs(decode(format, code)));
    }
    return result;
  }
  const std::int64_t sign = negative ? std::int64_t{1} << (format.width - 1) : 0;
  for (std::int64_t code = 0; code <= std::int64_t{max_finite_code(format)}; ++code) {
    result.emplace_back(code | sign, std::fabs(decode(format, code)));
  }
  return result;
}

/// Bit pattern of the least float32 not below x, or above x if `above`.
std::uint32_t first_float(double x, bool above) {
  const auto narrow = static_cast<float>(x);
  const auto bits = std::bit_cast<std::uint32_t>(narrow);
  const bool too_small = above ? static_cast<double>(narrow) <= x : static_cast<double>(narrow) < x;
  const bool low_enough = bits > 0 && static_cast<double>(std::bit_cast<float>(bits - 1)) >= x;
  EXPECT_FALSE(low_enough) << "conversion to float32 rounds to nearest";
  return bits + (too_small ? 1 : 0);
}

std::vector<Run> runs(const Format& format, bool negative) {
  const auto states = magnitudes(format, negative);
  std::vector<Run> result = {{0, states[0].first}};
  for (std::size_t r = 1; r < states.size(); ++r) {
    const double half_way = (states[r - 1].second + states[r].second) / 2;
    const bool tie_goes_up = format.rounding == Rounding::rna || (states[r].first & 1) == 0;
    result.push_back({first_float(half_way, !tie_goes_up), states[r].first});
  }
  if (format.overflow == Overflow::inf) {
    // The next number beyond the largest, were there no limit, is the power of two whose code is infinity's: even.
    const double largest = states.back().second;
    const double half_way = largest + (largest - states[states.size() - 2].second) / 2;
    result.push_back({first_float(half_way, false), states.back().first + 1});
  }
  return result;
}

std::int64_t read_code(const std::byte* codes, CodeType type, std::size_t i) {
  switch (type) {
    case CodeType::i8: return static_cast<std::int8_t>(codes[i]);
    case CodeType::u8: return static_cast<std::uint8_t>(codes[i]);
    case CodeType::i16: {
      std::int16_t code = 0;
      std::memcpy(&code, codes + 2 * i, 2);
      return code;
    }
    default: {
      std::uint16_t code = 0;
      std::memcpy(&code, codes + 2 * i, 2);
      return code;
    }
  }
}

class Sweep {
 public:
  explicit Sweep(const Format& format)
      : format_(format), type_(code_type(format)), width_(static_cast<std::size_t>(code_bytes(type_))) {}

  void run() {
    for (const bool negative : {false, true}) {
      const std::vector<Run> boundaries = runs(format_, negative);
      std::size_t at = 0;
      for (std::uint64_t begin = 0; begin <= kInfinityBits; begin += kBlock) {
        const std::uint64_t end = std::min<std::uint64_t>(begin + kBlock, std::uint64_t{kInfinityBits} + 1);
        round_block(static_cast<std::uint32_t>(begin), static_cast<std::size_t>(end - begin), negative);
        check_finite(begin, end, boundaries, at);
      }
      for (std::uint64_t begin = std::uint64_t{kInfinityBits} + 1; begin < 0x80000000; begin += kBlock) {
        const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(kBlock, 0x80000000 - begin));
        round_block(static_cast<std::uint32_t>(begin), count, negative);
        check_nan(count);
      }
    }
    EXPECT_EQ(checked_, std::uint64_t{1} << 32);
  }

 private:
  void round_block(std::uint32_t first, std::size_t count, bool negative) {
    values_.resize(count);
    codes_.resize(count * width_);
    const std::uint32_t sign = negative ? 0x80000000 : 0;
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint32_t bits = sign | (first + static_cast<std::uint32_t>(i));
      std::memcpy(&values_[i], &bits, sizeof bits);  // a copy through a float register may quieten a NaN
    }
    counts_ = quantize(values_.data(), static_cast<std::int64_t>(count), format_, codes_.data(), RoundingRandom{});
    checked_ += count;
  }

  /// Codes of [begin, end) run by run: the first of a run by value, the rest by comparison with it.
  void check_finite(std::uint64_t begin, std::uint64_t end, const std::vector<Run>& boundaries, std::size_t& at) {
    for (std::uint64_t position = begin; position < end;) {
      while (at + 1 < boundaries.size() && boundaries[at + 1].first <= position) ++at;
      const std::uint64_t stop =
          at + 1 < boundaries.size() ? std::min<std::uint64_t>(end, boundaries[at + 1].first) : end;
      const std::byte* const first = codes_.data() + (position - begin) * width_;
      const std::size_t bytes = static_cast<std::size_t>(stop - position) * width_;
      const bool first_is_right =
          read_code(codes_.data(), type_, static_cast<std::size_t>(position - begin)) == boundaries[at].code;
      const bool rest_is_equal = std::memcmp(first, first + width_, bytes - width_) == 0;
      if (!first_is_right || !rest_is_equal) {
        ADD_FAILURE() << format_name(format_) << ": codes of the float32 patterns " << std::hex << position << " .. "
                      << stop - 1 << " (sign left aside) are not all " << std::dec << boundaries[at].code;
        stop_after_a_few();
      }
      position = stop;
    }
  }

  void check_nan(std::size_t count) {
    if (!format_.has_nan()) {
      EXPECT_EQ(counts_.nonfinite, static_cast<std::int64_t>(count));
      return;
    }
    for (std::size_t i = 0; i < count; ++i) {
      if (!std::isnan(decode(format_, read_code(codes_.data(), type_, i)))) {
        ADD_FAILURE() << format_name(format_) << ": a NaN became code " << read_code(codes_.data(), type_, i);
        stop_after_a_few();
      }
    }
  }

  /// A broken kernel fails everywhere: stop after a few.
  void stop_after_a_few() {
    if (++failures_ >= 10) throw std::runtime_error("too many mismatches");
  }

  Format format_;
  CodeType type_;
  std::size_t width_;
  std::vector<float> values_;
  std::vector<std::byte> codes_;
  RoundingCounts counts_;
  std::uint64_t checked_ = 0;
  int failures_ = 0;
};

class EveryFloat32 : public testing::TestWithParam<const char*> {};

TEST_P(EveryFloat32, RoundsAsTheBoundariesSay) {
  const char* nightly = std::getenv("DYADIC_NIGHTLY");
  if (nightly == nullptr || std::string(nightly) != "1") GTEST_SKIP() << "ALL 2^32 INPUTS run when DYADIC_NIGHTLY=1";
  Sweep(parse_format(GetParam())).run();
}

INSTANTIATE_TEST_SUITE_P(Formats, EveryFloat32,
                         testing::Values("float16:inf:rne", "bfloat16:inf:rne", "float8_e4m3fn:sat:rne",
                                         "float8_e5m2:inf:rne", "q2.14:sat:rne", "q6.4s:sat:rne", "q6.4s:sat:rna"),
                         [](const testing::TestParamInfo<const char*>& row) {
                           std::string name = row.param;
                           for (char& c : name) c = c == '.' || c == ':' ? '_' : c;
                           return name;
                         });

}  // namespace
}  // namespace dyadic
