// What the conformance suite does not reach: exact sums with bits far apart, numbers with a sticky bit, ranges of
// floats, and rounding decisions that are known from the documents.
#include "dyadic/formats/codec.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "dyadic/base/error.h"
#include "dyadic/base/philox.h"

namespace dyadic {
namespace {

constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kGreatest = std::numeric_limits<std::int64_t>::max();

/// a * 2^gap + b in 256 bits, gap <= 190: limbs of 64 bits, two's complement.
struct WideInteger {
  std::uint64_t limb[4] = {};

  static WideInteger shifted(std::int64_t value, int by) {
    WideInteger wide;
    for (int i = 0; i < 4; ++i) {
      for (int bit = 0; bit < 64; ++bit) {
        const int from = i * 64 + bit - by;
        const bool set = from >= 0 && (from >= 64 ? value < 0 : (static_cast<std::uint64_t>(value) >> from & 1) != 0);
        if (set) wide.limb[i] |= std::uint64_t{1} << bit;
      }
    }
    return wide;
  }
  [[nodiscard]] bool negative() const { return limb[3] >> 63 != 0; }
  [[nodiscard]] WideInteger plus(const WideInteger& other) const {
    WideInteger sum;
    bool carry = false;
    for (int i = 0; i < 4; ++i) {
      const std::uint64_t partial = limb[i] + other.limb[i];
      sum.limb[i] = partial + (carry ? 1 : 0);
      carry = partial < limb[i] || (carry && sum.limb[i] == 0);
    }
    return sum;
  }
  [[nodiscard]] WideInteger magnitude() const {
    if (!negative()) return *this;
    WideInteger flipped;
    for (int i = 0; i < 4; ++i) flipped.limb[i] = ~limb[i];
    return flipped.plus(shifted(1, 0));
  }
  /// Bits from `from` upwards, and whether anything lies below.
  [[nodiscard]] std::pair<uint128, bool> split(int from) const {
    uint128 high = 0;
    bool low = false;
    for (int bit = 255; bit >= 0; --bit) {
      const bool set = (limb[bit / 64] >> (bit % 64) & 1) != 0;
      if (bit >= from) high = high << 1 | (set ? 1 : 0);
      else low = low || set;
    }
    return {high, low};
  }
};

void expect_exact_sum(std::int64_t a, int a_exponent, std::int64_t b, int b_exponent) {
  const ExactNumber sum = exact_sum(a, a_exponent, b, b_exponent);
  const int base = std::min(a_exponent, b_exponent);
  const WideInteger wide = WideInteger::shifted(a, a_exponent - base).plus(WideInteger::shifted(b, b_exponent - base));
  const auto [magnitude, below] = wide.magnitude().split(sum.exponent - base > 0 ? sum.exponent - base : 0);
  SCOPED_TRACE(std::to_string(a) + " * 2^" + std::to_string(a_exponent) + " + " + std::to_string(b) + " * 2^" +
               std::to_string(b_exponent));
  const int shift = sum.exponent < base ? base - sum.exponent : 0;
  EXPECT_TRUE(sum.magnitude == magnitude << shift);
  EXPECT_EQ(sum.sticky, below);
  EXPECT_TRUE(sum.negative == wide.negative() || (magnitude == 0 && !below));
  EXPECT_TRUE(!sum.sticky || magnitude >> 100 != 0) << "a sticky bit may stand far below the leading bit only";
}

TEST(ExactSum, IsExactOrStickyFarBelow) {
  const std::int64_t values[] = {
      0, 1, -1, 3, -5, kGreatest, kLeast, kLeast + 1, kLeast / 2, 1LL << 62, -(1LL << 62) + 1};
  for (const std::int64_t a : values) {
    for (const std::int64_t b : values) {
      for (const int gap : {0, 1, 31, 62, 63, 64, 65, 100, 125, 126, 127, 128, 150, 189}) {
        expect_exact_sum(a, gap, b, 0);
        expect_exact_sum(a, -17, b, gap - 17);
      }
    }
  }
}

TEST(ExactSum, OfRandomTermsIsExact) {
  for (std::uint64_t i = 0; i < 2000; ++i) {
    const PhiloxBlock block = random_block({.seed = 5}, i);
    const auto a = static_cast<std::int64_t>(std::uint64_t{block[0]} << 32 | block[1]) >> (block[3] % 64);
    const auto b = static_cast<std::int64_t>(std::uint64_t{block[1]} << 32 | block[2]) >> (block[3] / 64 % 64);
    expect_exact_sum(a, static_cast<int>(block[3] >> 16) % 180 - 90, b, -90);
  }
}

TEST(ExactSum, CancellationKeepsTheRest) {
  const Format format = parse_format("float32");
  EXPECT_EQ(decode(format, encode(format, exact_sum(1, 63, -kGreatest, 0)).code), 1);
  EXPECT_EQ(decode(format, encode(format, exact_sum(-1, 64, kGreatest, 1)).code), -2);
}

TEST(Encode, StickyBitBreaksTies) {
  const ExactNumber tie{.magnitude = 3, .exponent = -1};
  ExactNumber above = tie;
  above.sticky = true;
  Format format = parse_format("q8.0");
  format.rounding = Rounding::rnd;
  EXPECT_EQ(encode(format, tie).code, 1);
  EXPECT_EQ(encode(format, above).code, 2);
  const ExactNumber just_above_two{.magnitude = 2, .sticky = true};
  EXPECT_EQ(encode(parse_format("q8.0:rtz"), just_above_two).code, 2);
  EXPECT_EQ(encode(parse_format("q8.0:ru"), just_above_two).code, 3);
  EXPECT_EQ(encode(parse_format("q8.0:ro"), just_above_two).code, 3);
  const ExactNumber just_below_minus_two{.negative = true, .magnitude = 2, .sticky = true};
  EXPECT_EQ(encode(parse_format("q8.0:rd"), just_below_minus_two).code, -3);
  EXPECT_EQ(encode(parse_format("q8.0:sr"), just_below_minus_two, 0).code, -3) << "the word 0 alone keeps the lower";
  EXPECT_EQ(encode(parse_format("q8.0:sr"), just_below_minus_two, 1).code, -2);
  EXPECT_EQ(encode(parse_format("q8.0s:sr"), just_below_minus_two, 0xFFFFFFFF).code, -2);
}

TEST(Encode, RemaindersOfOddScalesBreakTies) {
  // The step is 3/8. The number lies a third of 2^-33 steps above half a step: the quotient says tie, the remainder
  // not.
  EXPECT_EQ(encode(parse_format("z2*0.75"), std::ldexp(3.0 * 0x1p32, -36)).code, 2);
  EXPECT_EQ(encode(parse_format("z2*0.75"), std::ldexp(3.0 * 0x1p32 + 1, -36)).code, 3);
  EXPECT_EQ(encode(parse_format("z2*0.75"), -std::ldexp(3.0 * 0x1p32 + 1, -36)).code, 1);
}

TEST(Encode, WideSumsWrapModuloTheWidth) {
  // 2^100 + 5 units of 2^-30 in steps of 1: the low bits come from far below 2^62 steps.
  const ExactNumber wide{.magnitude = (uint128{1} << 100) + (uint128{5} << 30) + (uint128{1} << 29), .exponent = -30};
  EXPECT_EQ(encode(parse_format("q8.0:wrap:rtz"), wide).code, 5);
  EXPECT_EQ(encode(parse_format("q8.0:wrap:rna"), wide).code, 6);
  EXPECT_THROW(encode(parse_format("q8.0:wrap"), std::numeric_limits<double>::infinity()), NonFiniteError);
  EXPECT_EQ(encode(parse_format("q8.0:wrap"), 0x1p300).code, 0);
}

// ml_dtypes casts 1.5 * 2^k to 2^(k+1) for every k, odd or even: with one digit both neighbours' significands are odd,
// and IEEE 754-2019 section 4.3.1 then asks for the larger magnitude.
TEST(Encode, TiesOfOneDigitFloatsGoToTheLargerMagnitude) {
  const Format e8m0 = parse_format("float8_e8m0fnu");
  for (const int exponent : {-127, -126, -2, -1, 0, 1, 2, 126}) {
    EXPECT_EQ(encode(e8m0, std::ldexp(1.5, exponent)).code, exponent + 128) << exponent;
  }
  const Format e3m0fn = parse_format("e3m0fn");
  EXPECT_EQ(decode(e3m0fn, encode(e3m0fn, 1.5).code), 2);
  EXPECT_EQ(decode(e3m0fn, encode(e3m0fn, -3).code), -4);
  EXPECT_EQ(decode(e3m0fn, encode(e3m0fn, 0.125).code), 0) << "zero is even, the least number is not";
}

TEST(Encode, PowersOfTwoHaveNeitherZeroNorSign) {
  for (const double x : {0.0, -0.0, -1.0, -0x1p-200, -std::numeric_limits<double>::infinity()}) {
    EXPECT_EQ(encode(parse_format("float8_e8m0fnu"), x).code, 0) << x;
    EXPECT_TRUE(encode(parse_format("float8_e8m0fnu"), x).overflowed) << x;
    EXPECT_EQ(encode(parse_format("float8_e8m0fnu:nan"), x).code, 0xFF) << x;
    EXPECT_THROW(encode(parse_format("float8_e8m0fnu:error"), x), NonFiniteError) << x;
  }
  EXPECT_EQ(encode(parse_format("float8_e8m0fnu:nan"), 0x1p-130).code, 0);
  EXPECT_FALSE(encode(parse_format("float8_e8m0fnu:nan"), 0x1p-130).overflowed);
}

TEST(Encode, ThresholdsOfE4m3fnAreThoseOfMlDtypes) {
  const Format to_nan = parse_format("float8_e4m3fn:nan");
  EXPECT_EQ(decode(to_nan, encode(to_nan, 464).code), 448) << "a tie between 448 and 480 goes to the even 448";
  EXPECT_TRUE(std::isnan(decode(to_nan, encode(to_nan, std::nextafter(464.0, 500.0)).code)));
  EXPECT_EQ(decode(to_nan, encode(parse_format("float8_e4m3fn"), 1e30).code), 448);
}

TEST(Encode, DirectedModesOverflowAsIeeeSays) {
  struct Row {
    const char* format;
    double x;
    double value;
  };
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const Row rows[] = {
      {"float16:rtz", 1e9, 65504},      {"float16:rtz", -1e9, -65504},         {"float16:rd", 1e9, 65504},
      {"float16:rd", -1e9, -kInfinity}, {"float16:ru", 1e9, kInfinity},        {"float16:ru", -1e9, -65504},
      {"float16:ro", 1e9, 65504},       {"float16:rtz", kInfinity, kInfinity}, {"float16:rd", kInfinity, kInfinity},
      {"float16", 65519.99, 65504},     {"float16", 65520, kInfinity},         {"float16:rnd", 65520, 65504},
      {"float16:rnu", -65520, -65504},  {"float16:sat", kInfinity, 65504},     {"float16:ru", 65504.5, kInfinity}};
  for (const Row& row : rows) {
    const Format format = parse_format(row.format);
    EXPECT_EQ(decode(format, encode(format, row.x).code), row.value) << row.format << " of " << row.x;
  }
}

TEST(Encode, FloatRangesClampAtThePowerOfTwo) {
  const Format format = parse_format("float32@3");
  for (const double sign : {1.0, -1.0}) {
    EXPECT_EQ(decode(format, encode(format, sign * 7.9999995).code), sign * 7.9999995231628418);
    EXPECT_EQ(decode(format, encode(format, sign * 8).code), sign * 8);
    EXPECT_FALSE(encode(format, sign * 8).overflowed);
    EXPECT_EQ(decode(format, encode(format, sign * 8.000001).code), sign * 8);
    EXPECT_TRUE(encode(format, sign * 8.000001).overflowed);
    EXPECT_EQ(decode(format, encode(format, sign * std::numeric_limits<double>::infinity()).code), sign * 8);
  }
}

// y = rne(x / scale) + zero point with a float32 division (ONNX QuantizeLinear): 0.35f / 0.1f is below 3.5 in exact
// arithmetic and 3.5 in float32, a tie that goes to 4; 0.85f / 0.1f is above 8.5 and ties to 8.
TEST(Encode, AffineScalesDivideInFloat32) {
  EXPECT_EQ(encode(parse_format("int8*0.1"), double{0.35F}).code, 4);
  EXPECT_EQ(encode(parse_format("int8*0.1"), double{0.85F}).code, 8);
  EXPECT_EQ(encode(parse_format("int8*0.1+5"), double{-0.35F}).code, 1);
  EXPECT_EQ(encode(parse_format("uint8*0.5+3"), -0.25).code, 3) << "ties to even before the zero point is added";
  EXPECT_EQ(encode(parse_format("uint8*0.5+3"), 0.25).code, 3);
  EXPECT_EQ(encode(parse_format("uint8*0.5+3"), 0.75).code, 5);
  EXPECT_EQ(encode(parse_format("int8*0.1"), 1e30).code, 127);
}

TEST(Encode, DiscreteTiesGoToTheEvenIndex) {
  const Format ternary = parse_format("ternary");
  EXPECT_EQ(encode(ternary, 0.5).code, 2);
  EXPECT_EQ(encode(ternary, -0.5).code, 0);
  const Format binary = parse_format("binary");
  EXPECT_EQ(encode(binary, 0.0).code, 0);
  EXPECT_EQ(encode(binary, -0.0).code, 0);
  EXPECT_EQ(encode(binary, 0x1p-1074).code, 1);
  const Format z2 = parse_format("z2");
  EXPECT_EQ(encode(z2, 0.25).code, 2);
  EXPECT_EQ(encode(z2, 0.75).code, 4);
}

TEST(Encode, StochasticRoundingOfTwosComplementMeasuresFromTheLowerNeighbour) {
  // -0.25 in steps of 1 lies 0.75 above -1: it moves up, to 0, iff word + 192 carries out of 8 bits.
  const Format twos_complement = parse_format("q8.0:sr8");
  EXPECT_EQ(encode(twos_complement, -0.25, 63).code, -1);
  EXPECT_EQ(encode(twos_complement, -0.25, 64).code, 0);
  // Symmetric formats measure from 0: it moves to -1 iff word + 64 carries.
  const Format symmetric = parse_format("q8.0s:sr8");
  EXPECT_EQ(encode(symmetric, -0.25, 191).code, 0);
  EXPECT_EQ(encode(symmetric, -0.25, 192).code, -1);
}

TEST(Encode, NeverRoundsThroughASecondFormat) {
  // Half a step above 1 and a little more, which float32 would lose: the tie would go down.
  const double x = 1 + 0x1p-11 + 0x1p-50;
  EXPECT_EQ(decode(parse_format("float16"), encode(parse_format("float16"), x).code), 1 + 0x1p-10);
  EXPECT_EQ(encode(parse_format("q2.10"), x).code, 1025);
}

TEST(Encode, ExactIsNoFormatToRoundTo) { EXPECT_THROW(encode(parse_format("exact"), 1.0), UsageError); }

}  // namespace
}  // namespace dyadic
