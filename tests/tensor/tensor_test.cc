#include "dyadic/tensor/tensor.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <vector>

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

TEST(CompressedTensor, KeepsCodesAtTheirWidth) {
  for (const char* name : {"binary", "ternary", "z2", "z3", "z7", "z8"}) {
    const Format format = parse_format(name);
    Tensor plain({5, 11}, format);
    for (std::int64_t i = 0; i < plain.size(); ++i) plain.set_code(i, (i * 7 + i / 3) % (format.max_code + 1));
    Tensor tensor = plain;
    tensor.compress();
    EXPECT_TRUE(tensor.is_compressed());
    EXPECT_EQ(tensor.bytes(), (55 * format.width + 7) / 8) << name;
    EXPECT_THROW(static_cast<void>(tensor.data()), Error);
    std::vector<std::byte> codes(static_cast<std::size_t>(plain.bytes()));
    tensor.read(0, 55, codes.data());
    EXPECT_EQ(std::memcmp(codes.data(), plain.data(), codes.size()), 0) << name;
    tensor.read(16, 39, codes.data());
    const std::int64_t bytes = code_bytes(code_type(format));
    EXPECT_EQ(std::memcmp(codes.data(), static_cast<const std::byte*>(plain.data()) + 16 * bytes,
                          static_cast<std::size_t>(39 * bytes)),
              0)
        << name;
  }
}

TEST(CompressedTensor, RewritesAStretchAndNothingBesideIt) {
  const Format format = parse_format("ternary");
  Tensor tensor({64}, format);
  for (std::int64_t i = 0; i < 64; ++i) tensor.set_code(i, i % 3);
  tensor.compress();
  const std::vector<std::uint8_t> twos(16, 2);
  tensor.write(24, 16, twos.data());
  std::vector<std::uint8_t> codes(64);
  tensor.read(0, 64, codes.data());
  for (std::size_t i = 0; i < 64; ++i) EXPECT_EQ(codes[i], i >= 24 && i < 40 ? 2 : i % 3) << i;
}

TEST(CompressedTensor, IsPlainAgainAfterReset) {
  Tensor tensor({8}, parse_format("ternary"));
  tensor.compress();
  tensor.reset({8}, parse_format("float32"));
  EXPECT_FALSE(tensor.is_compressed());
  EXPECT_EQ(tensor.bytes(), 32);
  EXPECT_THROW(tensor.compress(), Error);  // of discrete formats alone
}

}  // namespace
}  // namespace dyadic
