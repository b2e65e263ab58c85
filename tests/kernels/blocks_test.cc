// Rounding to block floating point against a slow reference in long double that shares nothing with the codec.
#include "dyadic/kernels/blocks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "dyadic/base/error.h"
#include "dyadic/base/philox.h"
#include "dyadic/kernels/decode.h"
#include "dyadic/kernels/isa.h"
#include "dyadic/tensor/tensor.h"
#include "tests/kernels/round_cases.h"

namespace dyadic {
namespace {

constexpr RandomStream kBlocksStream = {.seed = 9, .step = 4, .stream = 0x30901};
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

struct Rounded {
  std::vector<std::int64_t> codes;
  std::vector<int> exponents;
  RoundingCounts counts;
  bool operator==(const Rounded&) const = default;
};

const std::vector<std::string>& all_roundings() {
  static const std::vector<std::string> kNames = {"rne", "rna", "rnd", "rnu",  "rtz", "rd",
                                                  "ru",  "ro",  "sr",  "sr16", "sr8", "srh"};
  return kNames;
}

/// Steps from zero: |x| = whole + fraction, rounded by the page on formats.
std::int64_t reference_magnitude(const std::string& rounding, long double steps, bool negative, std::uint32_t word) {
  const long double whole = std::floor(steps);
  const long double fraction = steps - whole;
  const auto low = static_cast<std::int64_t>(whole);
  if (fraction == 0) return low;
  const bool odd = low % 2 != 0;
  if (rounding == "rtz") return low;
  if (rounding == "rd") return low + (negative ? 1 : 0);
  if (rounding == "ru") return low + (negative ? 0 : 1);
  if (rounding == "ro") return low + (odd ? 0 : 1);
  if (rounding.starts_with("sr")) {
    const int bits = rounding == "sr" ? 32 : rounding == "sr8" ? 8 : 16;
    const long double t = std::floor(std::ldexp(fraction, bits) + (rounding == "srh" ? 0.5L : 0.0L));
    return low + (static_cast<long double>(word) + t >= std::ldexp(1.0L, bits) ? 1 : 0);
  }
  if (fraction != 0.5L) return low + (fraction > 0.5L ? 1 : 0);
  if (rounding == "rne") return low + (odd ? 1 : 0);
  if (rounding == "rna") return low + 1;
  return low + (negative == (rounding == "rnd") ? 1 : 0);
}

Rounded reference(const std::vector<double>& values, int width, std::size_t size, const std::string& rounding,
                  std::uint64_t first_index) {
  const std::int64_t most = (std::int64_t{1} << (width - 1)) - 1;
  const int bits = rounding == "sr" ? 32 : rounding == "sr8" ? 8 : rounding.starts_with("sr") ? 16 : 0;
  Rounded result;
  for (std::size_t first = 0; first < values.size(); first += size) {
    const std::size_t end = std::min(values.size(), first + size);
    long double largest = 0;
    for (std::size_t i = first; i < end; ++i) {
      if (!std::isnan(values[i])) largest = std::max(largest, std::fabs(static_cast<long double>(values[i])));
    }
    int exponent = -128;
    while (exponent < 127 && largest > std::ldexp(static_cast<long double>(most), exponent - width + 2)) ++exponent;
    result.exponents.push_back(exponent);
    for (std::size_t i = first; i < end; ++i) {
      ++result.counts.elements;
      const bool negative = std::signbit(values[i]);
      std::int64_t code = 0;
      if (std::isnan(values[i])) {
        ++result.counts.nonfinite;
      } else if (std::isinf(values[i])) {
        code = most + 1;
      } else {
        const long double steps = std::ldexp(std::fabs(static_cast<long double>(values[i])), width - 2 - exponent);
        const std::uint32_t word = bits == 0 ? 0 : random_bits(kBlocksStream, first_index + i, bits);
        code = steps > 1e6L ? most + 1 : reference_magnitude(rounding, steps, negative, word);
      }
      result.counts.overflowed += code > most ? 1 : 0;
      code = std::min(code, most);
      result.counts.largest += code == most ? 1 : 0;
      result.counts.zeros += code == 0 ? 1 : 0;
      result.codes.push_back(negative ? -code : code);
    }
  }
  return result;
}

Format block_format(int width, std::size_t size, const std::string& rounding) {
  return parse_format("bfp" + std::to_string(width) + "b" + std::to_string(size) + ":sat:" + rounding);
}

Rounded rounded(const std::vector<double>& values, const Format& format, std::uint64_t first_index = 0) {
  Tensor tensor({std::ssize(values)}, format);
  Rounded result;
  result.counts = quantize_blocks(values.data(), tensor.size(), format, tensor.data(), tensor.exponents().data(),
                                  {.stream = kBlocksStream, .first_index = first_index});
  for (std::int64_t i = 0; i < tensor.size(); ++i) result.codes.push_back(tensor.code(i));
  result.exponents.assign(tensor.exponents().begin(), tensor.exponents().end());
  return result;
}

std::vector<double> decoded(const Rounded& codes, const Format& format) {
  Tensor tensor({std::ssize(codes.codes)}, format);
  for (std::int64_t i = 0; i < tensor.size(); ++i) tensor.set_code(i, codes.codes[static_cast<std::size_t>(i)]);
  std::ranges::copy(codes.exponents, tensor.exponents().begin());
  std::vector<double> values(codes.codes.size());
  decode_blocks(tensor.data(), tensor.exponents().data(), format, tensor.size(), values.data());
  return values;
}

/// Blocks whose elements span a few or very many binades, with halves, whole steps and zeros among them.
std::vector<double> random_values(std::size_t n, std::size_t size) {
  Words words(7);
  std::vector<double> values;
  int scale = 0, spread = 1;
  while (values.size() < n) {
    if (values.size() % size == 0) {
      scale = static_cast<int>(words() % 320) - 170;
      spread = static_cast<int>(words() % 3 == 0 ? 900 : words() % 12 + 1);
    }
    const std::uint32_t kind = words() % 8;
    double x = std::ldexp(words() + words() * 0x1p-32 + 1,
                          -32 + scale - static_cast<int>(words() % static_cast<std::uint32_t>(spread)));
    if (kind == 0) x = 0;
    if (kind == 1) x = std::ldexp(static_cast<double>(words() % 512), scale - 10);  // whole steps and halves
    values.push_back(words() % 2 == 0 ? x : -x);
  }
  return values;
}

TEST(Blocks, AgreeWithTheSlowReferenceInEveryRounding) {
  const IsaGuard guard;
  for (const Isa isa : supported_isas()) {
    set_isa(isa);
    for (const int width : {2, 3, 7, 8, 9, 16}) {
      for (const std::size_t size : {std::size_t{8}, std::size_t{32}, std::size_t{256}}) {
        const std::vector<double> values = random_values(2048 + 3 * size + 5, size);
        for (const std::string& rounding : all_roundings()) {
          const Rounded got = rounded(values, block_format(width, size, rounding), 2048);
          const Rounded want = reference(values, width, size, rounding, 2048);
          ASSERT_EQ(got.exponents, want.exponents) << width << " " << size << " " << rounding;
          for (std::size_t i = 0; i < values.size(); ++i) {
            ASSERT_EQ(got.codes[i], want.codes[i]) << isa_name(isa) << " bfp" << width << "b" << size << ":" << rounding
                                                   << " element " << i << ": " << values[i];
          }
          ASSERT_EQ(counts_text(got.counts), counts_text(want.counts)) << width << " " << size << " " << rounding;
        }
      }
    }
  }
}

// Below 2^127 the choice of the exponent leaves nothing to saturate.
TEST(Blocks, NothingSaturatesBelowTheLargestExponent) {
  for (const std::string& rounding : all_roundings()) {
    std::vector<double> values = random_values(4096, 16);
    for (double& value : values) value = std::clamp(value, -0x1p126, 0x1p126);
    EXPECT_EQ(rounded(values, block_format(5, 16, rounding)).counts.overflowed, 0) << rounding;
  }
}

// Beside the largest code, which fixes the exponent, every code keeps its place in every rounding.
TEST(Blocks, EveryCodeDecodesToItsValueAndBack) {
  for (const int width : {2, 4, 5}) {
    const std::int64_t most = (1 << (width - 1)) - 1;
    for (int exponent = -128; exponent <= 127; ++exponent) {
      Rounded block = {.codes = {most}, .exponents = {exponent}, .counts = {}};
      for (std::int64_t code = -most; code <= most; ++code) block.codes.push_back(code);
      const std::vector<double> values = decoded(block, block_format(width, 32, "rne"));
      for (std::size_t i = 0; i < values.size(); ++i) {
        ASSERT_EQ(values[i], std::ldexp(static_cast<double>(block.codes[i]), exponent - width + 2)) << exponent;
      }
      for (const std::string& rounding : all_roundings()) {
        const Rounded again = rounded(values, block_format(width, 32, rounding));
        ASSERT_EQ(again.codes, block.codes) << width << " " << exponent << " " << rounding;
        ASSERT_EQ(again.exponents, block.exponents) << width << " " << rounding;
      }
    }
  }
}

// Rounding moved a block's largest number down: its exponent falls, its values stay.
TEST(Blocks, StoredValuesNeverMoveAgain) {
  for (const std::string& rounding : all_roundings()) {
    const Format format = block_format(6, 8, rounding);
    const Rounded once = rounded(random_values(800, 8), format);
    const std::vector<double> values = decoded(once, format);
    EXPECT_EQ(decoded(rounded(values, format, 77), format), values) << rounding;
  }
}

// All 256 words of sr8 are met; t = floor(frac 2^8) of them, the largest, move a number away from zero.
TEST(Blocks, RandomWordsMoveExactlyTheirShare) {
  const Format format = block_format(8, 256, "sr8");
  for (const double fraction : {1 / 512.0, 1 / 256.0, 0.3, 0.5, 0.75, 255 / 256.0}) {
    const auto t = static_cast<std::uint32_t>(fraction * 256);
    std::vector<int> seen(256, 0);
    for (std::uint64_t first = 0; first < 256 * 20; first += 256) {
      std::vector<double> values(256, 5 + fraction);
      for (std::size_t i = 1; i < 256; i += 2) values[i] = -5 - fraction;
      values[0] = 127;
      const Rounded got = rounded(values, format, first);
      ASSERT_EQ(got.exponents[0], 6);
      for (std::size_t i = 1; i < 256; ++i) {
        const std::uint32_t word = random_bits(kBlocksStream, first + i, 8);
        ++seen[word];
        ASSERT_EQ(std::abs(got.codes[i]), 5 + (word + t >= 256 ? 1 : 0)) << fraction << " word " << word;
        ASSERT_EQ(got.codes[i] < 0, i % 2 == 1);
      }
    }
    EXPECT_EQ(std::ranges::count(seen, 0), 0) << "words that no element had";
  }
}

TEST(Blocks, TheLastMayBeShort) {
  const Format format = block_format(4, 8, "rne");
  const Rounded got = rounded({1, 2, 3, 4, 5, 6, 7, -7, 0.25}, format);
  EXPECT_EQ(got.codes, (std::vector<std::int64_t>{1, 2, 3, 4, 5, 6, 7, -7, 4}));
  EXPECT_EQ(got.exponents, (std::vector<int>{2, -2}));
  EXPECT_EQ(decoded(got, format).back(), 0.25);
  EXPECT_EQ(rounded({}, format).counts, RoundingCounts{});
}

TEST(Blocks, ZerosTakeTheLeastExponent) {
  const Rounded got = rounded({0, -0.0, 0}, block_format(8, 8, "ru"));
  EXPECT_EQ(got.codes, (std::vector<std::int64_t>{0, 0, 0}));
  EXPECT_EQ(got.exponents, (std::vector<int>{-128}));
  EXPECT_EQ(got.counts.zeros, 3);
}

// Below the least exponent values are rounded there: 2^-134 is the step of 8 bits.
TEST(Blocks, TinyValuesAreRoundedAtTheLeastExponent) {
  const double least = std::numeric_limits<double>::denorm_min();
  const std::vector<double> values = {0x1p-135, 0x1.8p-134, -0x1p-136, least, -least};
  const auto codes = [&](const char* rounding) {
    const Rounded got = rounded(values, block_format(8, 8, rounding));
    EXPECT_EQ(got.exponents, (std::vector<int>{-128}));
    return got.codes;
  };
  EXPECT_EQ(codes("rne"), (std::vector<std::int64_t>{0, 2, 0, 0, 0}));
  EXPECT_EQ(codes("ru"), (std::vector<std::int64_t>{1, 2, 0, 1, 0}));
  EXPECT_EQ(codes("rd"), (std::vector<std::int64_t>{0, 1, -1, 0, -1}));
  EXPECT_EQ(codes("ro"), (std::vector<std::int64_t>{1, 1, -1, 1, -1}));
}

// A number that vanishes in float64 when it is divided by the step of its block is still no zero to directed modes.
TEST(Blocks, TinyBesideHugeIsNotZero) {
  const double least = std::numeric_limits<double>::denorm_min();
  for (const Isa isa : supported_isas()) {
    const IsaGuard guard;
    set_isa(isa);
    const Rounded up = rounded({0x1p127, least, -least}, block_format(8, 8, "ru"));
    EXPECT_EQ(up.codes, (std::vector<std::int64_t>{64, 1, 0}));
    EXPECT_EQ(up.exponents, (std::vector<int>{127}));
    EXPECT_EQ(rounded({0x1p127, least, -least}, block_format(8, 8, "sr")).codes, (std::vector<std::int64_t>{64, 0, 0}));
  }
}

TEST(Blocks, HugeValuesAndInfinitiesSaturate) {
  const Rounded huge = rounded({1e300, -1e39, 0x1p127, 1}, block_format(8, 8, "rne"));
  EXPECT_EQ(huge.codes, (std::vector<std::int64_t>{127, -127, 64, 0}));
  EXPECT_EQ(huge.exponents, (std::vector<int>{127}));
  EXPECT_EQ(huge.counts.overflowed, 2);
  const Rounded infinite = rounded({-kInfinity, 3}, block_format(8, 8, "rne"));
  EXPECT_EQ(infinite.codes, (std::vector<std::int64_t>{-127, 0}));
  EXPECT_EQ(infinite.exponents, (std::vector<int>{127}));
  EXPECT_EQ(infinite.counts.overflowed, 1);
  EXPECT_EQ(infinite.counts.nonfinite, 0);
  Format strict = block_format(8, 8, "rne");
  strict.overflow = Overflow::error;
  try {
    rounded({1e300}, strict);
    FAIL();
  } catch (const NonFiniteError& error) {
    EXPECT_NE(std::string(error.what()).find("bfp8b8:error:rne"), std::string::npos) << error.what();
  }
}

// As in every format without NaN: zero, and counted, so that the caller stops with the tensor's name.
TEST(Blocks, NanIsCountedAndLeavesItsBlockAlone) {
  const Rounded got = rounded({kNan, 1, -kNan, 1.984375}, block_format(8, 8, "rne"));
  EXPECT_EQ(got.codes, (std::vector<std::int64_t>{0, 64, 0, 127}));
  EXPECT_EQ(got.exponents, (std::vector<int>{0}));
  EXPECT_EQ(got.counts.nonfinite, 2);
  EXPECT_EQ(rounded({kNan}, block_format(8, 8, "rne")).exponents, (std::vector<int>{-128}));
}

TEST(Blocks, OtherKernelsRefuseThem) {
  const Format format = block_format(8, 8, "rne");
  std::vector<double> values(8, 1);
  std::vector<float> floats(8, 1);
  std::vector<std::int8_t> codes(8);
  EXPECT_THROW(quantize(values.data(), 8, format, codes.data(), {}), UsageError);
  EXPECT_THROW(round_values(floats.data(), 8, format, floats.data(), {}), UsageError);
  EXPECT_THROW(dequantize(codes.data(), 8, format, floats.data()), UsageError);
  EXPECT_THROW(decode_values(codes.data(), format, 0, 8, values.data()), UsageError);
  EXPECT_THROW(count_codes(codes.data(), 8, format), UsageError);
}

}  // namespace
}  // namespace dyadic
