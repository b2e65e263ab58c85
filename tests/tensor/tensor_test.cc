#include "dyadic/tensor/tensor.h"

#include <gtest/gtest.h>

#include <cstdint>

#include "dyadic/base/error.h"
#include "dyadic/formats/table.h"

namespace dyadic {
namespace {

TEST(Tensor, HoldsEveryCodeOfEveryScalarFormat) {
  for (const FormatRow& row : format_table()) {
    if (row.format.family == Family::exact) continue;
    Tensor tensor({1}, row.format);
    const std::int64_t low = row.format.is_grid() ? row.format.min_code : 0;
    const std::int64_t high = row.format.is_grid() ? row.format.max_code : (std::int64_t{1} << row.format.width) - 1;
    for (const std::int64_t code : {low, high, low + (high - low) / 3}) {
      tensor.set_code(0, code);
      EXPECT_EQ(tensor.code(0), code) << row.format.name;
    }
  }
}

TEST(Tensor, IsAligned) {
  const Tensor tensor({3, 5}, parse_format("dfx10@0"));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(tensor.data()) % kAlignment, 0U);
  EXPECT_EQ(tensor.bytes(), 30);
}

TEST(Tensor, RefusesShapesThatDoNotFit) {
  const Format format = parse_format("float32");
  EXPECT_THROW(Tensor({std::int64_t{1} << 40, std::int64_t{1} << 40}, format), ShapeError);
  EXPECT_THROW(Tensor({-1}, format), ShapeError);
}

TEST(Tensor, KeepsItsOwnFormatUntilRewritten) {
  Tensor tensor({2}, parse_format("dfx10@3"));
  tensor.set_code(1, -7);
  tensor.set_format(parse_format("dfx12@2"));
  EXPECT_EQ(tensor.code(1), -7);
  EXPECT_THROW(tensor.set_format(parse_format("dfx20@2")), ShapeError);
}

TEST(Tensor, OwnsTheExponentsOfItsBlocks) {
  Tensor tensor({5, 20}, parse_format("bfp8b32"));
  ASSERT_EQ(tensor.exponents().size(), 4U);
  EXPECT_EQ(tensor.bytes(), 104);
  EXPECT_EQ(tensor.exponents()[3], -128) << "a block of zeros";
  tensor.exponents()[3] = 7;
  const Tensor copy = tensor;
  EXPECT_EQ(copy.exponents()[3], 7);
  tensor.set_format(parse_format("bfp6b32:sat:sr"));
  EXPECT_EQ(tensor.exponents()[3], 7);
  EXPECT_THROW(tensor.set_format(parse_format("bfp8b16")), ShapeError);
  EXPECT_THROW(tensor.set_format(parse_format("int8")), ShapeError);
  tensor.reset({9}, parse_format("bfp10b8"));
  EXPECT_EQ(tensor.exponents().size(), 2U);
  EXPECT_EQ(tensor.exponents()[1], -128);
  EXPECT_EQ(tensor.bytes(), 20);
  tensor.reset({9}, parse_format("float32"));
  EXPECT_TRUE(tensor.exponents().empty());
}

}  // namespace
}  // namespace dyadic
