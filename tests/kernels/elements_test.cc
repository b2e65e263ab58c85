// Tensors of any format read and written in pieces.
#include "dyadic/kernels/elements.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "dyadic/base/error.h"
#include "dyadic/base/philox.h"

namespace dyadic {
namespace {

constexpr RandomStream kElementsStream = {.seed = 3, .step = 1, .stream = 77};

std::vector<double> some_values(std::int64_t n) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < n; ++i) {
    const double x = random_uniform({.seed = 8}, static_cast<std::uint64_t>(i)) - 0.5;
    values.push_back(x * x * x / static_cast<double>(i % 50 + 1));
  }
  return values;
}

std::vector<double> all_of(const Tensor& tensor) {
  std::vector<double> values(static_cast<std::size_t>(tensor.size()));
  read_elements(tensor, 0, tensor.size(), values.data());
  return values;
}

std::vector<std::int64_t> codes_and_exponents(const Tensor& tensor) {
  std::vector<std::int64_t> all(tensor.exponents().begin(), tensor.exponents().end());
  for (std::int64_t i = 0; i < tensor.size(); ++i) all.push_back(tensor.code(i));
  return all;
}

TEST(Elements, PiecesOfATensorGiveTheBitsOfTheWhole) {
  for (const std::string name : {"float32", "q1.9:sat:sr", "bfp8b32:sat:sr", "bfp12b256:sat:sr8"}) {
    const Format format = parse_format(name);
    const std::int64_t n = 5000;
    const std::vector<double> values = some_values(n);
    Tensor whole({n}, format), pieces({n}, format);
    const RoundingCounts expected = write_elements(values.data(), 0, n, format, kElementsStream, whole);
    RoundingCounts counts;
    for (const std::int64_t first : {0, 2048, 4096}) {
      const std::int64_t length = std::min<std::int64_t>(2048, n - first);
      counts += write_elements(values.data() + first, first, length, format, kElementsStream, pieces);
    }
    EXPECT_EQ(counts, expected) << name;
    EXPECT_EQ(codes_and_exponents(pieces), codes_and_exponents(whole)) << name;
    std::vector<double> piece(256);
    read_elements(whole, 512, 256, piece.data());
    const std::vector<double> all = all_of(whole);
    EXPECT_EQ(piece, std::vector<double>(all.begin() + 512, all.begin() + 768)) << name;
  }
}

TEST(Elements, BlocksAreReadAndWrittenWhole) {
  Tensor tensor({100}, parse_format("bfp8b32"));
  std::vector<double> values(100, 1.0);
  const auto write = [&](std::int64_t first, std::int64_t n) {
    write_elements(values.data(), first, n, tensor.format(), kElementsStream, tensor);
  };
  EXPECT_NO_THROW(write(32, 64));
  EXPECT_NO_THROW(write(96, 4));
  EXPECT_NO_THROW(write(0, 100));
  EXPECT_THROW(write(16, 32), ShapeError);
  EXPECT_THROW(write(32, 20), ShapeError);
  EXPECT_THROW(read_elements(tensor, 1, 99, values.data()), ShapeError);
}

TEST(Elements, RequantizeTakesTensorsWithAndWithoutBlocks) {
  const std::int64_t n = 4100;
  const std::vector<double> values = some_values(n);
  Tensor floats({n}, parse_format("float32")), blocks({n}, parse_format("bfp8b32:sat:sr"));
  write_elements(values.data(), 0, n, floats.format(), kElementsStream, floats);
  requantize(floats, kElementsStream, blocks);
  const std::vector<double> stored = all_of(floats);
  Tensor expected({n}, blocks.format());
  write_elements(stored.data(), 0, n, expected.format(), kElementsStream, expected);
  EXPECT_EQ(codes_and_exponents(blocks), codes_and_exponents(expected));

  Tensor back({n}, parse_format("float32"));
  requantize(blocks, kElementsStream, back);  // every value of a block is a float32 number
  EXPECT_EQ(all_of(back), all_of(blocks));
  Tensor wider({n}, parse_format("bfp16b64"));
  requantize(blocks, kElementsStream, wider);
  const std::vector<double> narrow = all_of(blocks), wide = all_of(wider);
  // |x| < 2^-3: steps of at most 2^-17.
  for (std::size_t i = 0; i < wide.size(); ++i) ASSERT_NEAR(wide[i], narrow[i], 0x1p-18) << i;
}

}  // namespace
}  // namespace dyadic
