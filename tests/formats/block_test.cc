// Block floating point as data: names, limits, and the exponent of a block against a search over all of them.
#include "dyadic/formats/block.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "dyadic/base/error.h"
#include "dyadic/formats/codec.h"
#include "dyadic/formats/describe.h"

namespace dyadic {
namespace {

using testing::HasSubstr;

std::string error_of(const std::string& name) {
  try {
    parse_format(name);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

TEST(BlockFormat, NameIsWidthAndBlock) {
  for (int width = 2; width <= 16; ++width) {
    for (int size = 8; size <= 256; size *= 2) {
      const std::string name = "bfp" + std::to_string(width) + "b" + std::to_string(size);
      const Format format = parse_format(name + ":sat:sr");
      EXPECT_EQ(format.family, Family::block);
      EXPECT_EQ(format.width, width);
      EXPECT_EQ(format.block_size, size);
      EXPECT_EQ(format.max_code, (1 << (width - 1)) - 1);
      EXPECT_EQ(format.min_code, -format.max_code);
      EXPECT_EQ(format_name(format), name + ":sat:sr");
      EXPECT_EQ(parse_format(format_name(format)), format);
    }
  }
  EXPECT_EQ(parse_format("bfp08b032").name, "bfp8b32");
  EXPECT_EQ(parse_format("bfp8b32").overflow, Overflow::sat);
  EXPECT_EQ(code_type(parse_format("bfp8b32")), CodeType::i8);
  EXPECT_EQ(code_type(parse_format("bfp9b32")), CodeType::i16);
}

TEST(BlockFormat, ErrorsSayWhatIsPossible) {
  EXPECT_EQ(error_of("bfp1b32"), "format 'bfp1b32': width 1 is outside 2..16");
  EXPECT_EQ(error_of("bfp17b32"), "format 'bfp17b32': width 17 is outside 2..16");
  EXPECT_EQ(error_of("bfp8b4"), "format 'bfp8b4': blocks of 4 elements are no power of two in 8..256");
  EXPECT_EQ(error_of("bfp8b512"), "format 'bfp8b512': blocks of 512 elements are no power of two in 8..256");
  EXPECT_EQ(error_of("bfp8b24"), "format 'bfp8b24': blocks of 24 elements are no power of two in 8..256");
  EXPECT_THAT(error_of("bfp8"), HasSubstr("the nearest is 'bfp8b32'"));
  EXPECT_THAT(error_of("bpf8b32"), HasSubstr("the nearest is 'bfp8b32'"));
  EXPECT_THAT(error_of("bfp8b32@3"), HasSubstr("only dfx formats"));
  EXPECT_THAT(error_of("bfp8b32*2"), HasSubstr("a scale belongs to"));
  for (const char* policy : {"inf", "nan", "wrap"}) {
    EXPECT_THAT(error_of(std::string("bfp8b32:") + policy), HasSubstr("use 'sat'"));
  }
}

TEST(BlockFormat, ACodeHasNoValueWithoutItsBlock) {
  const Format format = parse_format("bfp8b32");
  EXPECT_THROW(decode(format, 1), UsageError);
  EXPECT_THROW(encode(format, 1.0), UsageError);
  EXPECT_FALSE(format.is_dyadic_grid());
  const Format grid = block_grid(format, 0);
  EXPECT_EQ(decode(grid, 127), 127.0 / 64);
  EXPECT_EQ(decode(block_grid(format, -3), -1), -1.0 / 512);
  EXPECT_TRUE(grid.is_dyadic_grid());
  EXPECT_TRUE(grid.is_sign_symmetric());
}

TEST(BlockFormat, BlocksCountTheShortOne) {
  const Format format = parse_format("bfp8b32");
  EXPECT_EQ(block_count(format, 0), 0);
  EXPECT_EQ(block_count(format, 1), 1);
  EXPECT_EQ(block_count(format, 32), 1);
  EXPECT_EQ(block_count(format, 33), 2);
  EXPECT_EQ(block_count(parse_format("int8"), 33), 0);
}

/// The definition: the least exponent whose grid reaches `largest`.
int searched_exponent(int width, double largest) {
  int exponent = -128;
  while (exponent < 127 && static_cast<long double>(largest) >
                               std::ldexp(static_cast<long double>((1 << (width - 1)) - 1), exponent - (width - 2))) {
    ++exponent;
  }
  return exponent;
}

TEST(BlockFormat, ExponentIsTheLeastWhoseGridReachesTheLargestMagnitude) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const int width : {2, 3, 4, 8, 11, 16}) {
    const Format format = parse_format("bfp" + std::to_string(width) + "b8");
    const double most = (1 << (width - 1)) - 1;
    std::vector<double> sizes = {0, kInfinity, std::numeric_limits<double>::denorm_min(),
                                 std::numeric_limits<double>::max()};
    for (int power = -300; power <= 300; power += power > -160 && power < 140 ? 1 : 20) {
      for (const double size : {1.0, 1.25, most, most + 0.25, most + 1}) {
        const double here = std::ldexp(size, power);
        sizes.insert(sizes.end(), {here, std::nextafter(here, kInfinity), std::nextafter(here, 0)});
      }
    }
    for (const double size : sizes) {
      ASSERT_EQ(block_exponent(format, size), searched_exponent(width, size)) << width << " bits, " << size;
    }
  }
}

TEST(BlockFormat, EveryValueIsAFloat32Number) {
  for (const char* name : {"bfp2b8", "bfp8b32", "bfp16b256"}) {
    const Format format = parse_format(name);
    for (const int exponent : {kLeastBlockExponent, kLargestBlockExponent}) {
      const Format grid = block_grid(format, exponent);
      for (const std::int64_t code : {std::int64_t{1}, grid.max_code, grid.min_code}) {
        const double value = decode(grid, code);
        EXPECT_EQ(static_cast<double>(static_cast<float>(value)), value) << name;
        EXPECT_TRUE(std::isfinite(value) && value != 0) << name;
      }
    }
  }
}

TEST(BlockFormat, IsDescribedInFull) {
  const FormatLimits limits = format_limits(parse_format("bfp3b8"));
  EXPECT_EQ(limits.largest, std::ldexp(3.0, 126));
  EXPECT_EQ(limits.lowest, -limits.largest);
  EXPECT_EQ(limits.smallest, std::ldexp(1.0, -129));
  EXPECT_EQ(limits.code_count, 7);
  // 0 and +-1, 2, 3 steps at the least exponent; 4 and 6 steps, which are codes 2 and 3, at the next, and so on.
  EXPECT_EQ(limits.value_count, 7 + 255 * 4);
  const std::string text = describe_format(parse_format("bfp4b16:sat:sr"));
  for (const char* part : {"bfp4b16:sat:sr\n", "siii * 2^(E-2)", "16 elements share an exponent of 8 bits: 4.5 bits",
                           "0.25 * 2^E\n", "values by code at E = 0\n", " 1.75\n"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
  EXPECT_THAT(describe_format_json(parse_format("bfp4b16")), HasSubstr("\"block_size\": 16"));
}

}  // namespace
}  // namespace dyadic
