#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "dyadic/base/parallel.h"
#include "tests/kernels/product_test.h"

namespace dyadic::product_test {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kSmallest = std::numeric_limits<float>::denorm_min();

struct FloatMatrix {
  std::int64_t rows = 0, depth = 0, row_stride = 0, depth_stride = 1;
  std::vector<float> memory;

  [[nodiscard]] float& at(std::int64_t i, std::int64_t k) {
    return memory[static_cast<std::size_t>(i * row_stride + k * depth_stride)];
  }
  [[nodiscard]] FloatOperand view() const { return {memory.data(), row_stride, depth_stride}; }
};

/// Magnitudes up to 2^8 and far below, so that the order of additions shows in the bits.
FloatMatrix make_floats(std::int64_t rows, std::int64_t depth, Order order, std::uint64_t seed) {
  constexpr int kExponents = 8;
  FloatMatrix matrix{rows,
                     depth,
                     order == Order::along    ? depth
                     : order == Order::across ? 1
                                              : 2 * depth + 3,
                     order == Order::along    ? 1
                     : order == Order::across ? rows
                                              : 2,
                     {}};
  if (rows * depth > 0) {
    const std::int64_t last = (rows - 1) * matrix.row_stride + (depth - 1) * matrix.depth_stride;
    matrix.memory.assign(static_cast<std::size_t>(last + 1), kNaN);
  }
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t k = 0; k < depth; ++k) {
      const std::uint32_t word = random_word(seed, static_cast<std::uint64_t>(i * depth + k));
      const float fraction = static_cast<float>(word >> 9) * 0x1p-22F - 1.0F;
      matrix.at(i, k) = std::ldexp(fraction, static_cast<int>(word % (2 * kExponents + 1)) - kExponents);
    }
  }
  return matrix;
}

std::vector<float> in_order(FloatMatrix& a, FloatMatrix& b) {
  std::vector<float> sums;
  for (std::int64_t i = 0; i < a.rows; ++i) {
    for (std::int64_t j = 0; j < b.rows; ++j) {
      float sum = 0.0F;
      for (std::int64_t k = 0; k < a.depth; ++k) sum = std::fma(a.at(i, k), b.at(j, k), sum);
      sums.push_back(sum);
    }
  }
  return sums;
}

/// The same bits, or both NaN: which of several NaNs survives is nobody's promise.
void expect_same_bits(FloatMatrix& a, FloatMatrix& b) {
  const std::vector<float> expected = in_order(a, b);
  const Isa before = active_isa();
  for (const Isa isa : supported_isas()) {
    set_isa(isa);
    Collected got(a.rows, b.rows, SumType::f32);
    float_product(a.rows, b.rows, a.depth, a.view(), b.view(), &Collected::consume, &got);
    got.expect_covered();
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const auto sum = std::bit_cast<float>(static_cast<std::int32_t>(got.sums[i]));
      if (std::isnan(expected[i]) && std::isnan(sum)) continue;
      ASSERT_EQ(std::bit_cast<std::uint32_t>(sum), std::bit_cast<std::uint32_t>(expected[i]))
          << isa_name(isa) << ": m " << a.rows << " n " << b.rows << " depth " << a.depth << " element " << i << ": "
          << sum << " is not " << expected[i];
    }
  }
  set_isa(before);
}

TEST(FloatProduct, AddsInOrderOfDepthAtEveryRemainderAndStride) {
  for (std::int64_t size = 0; size <= 70; ++size) {
    const Order order_a = kOrders[size % 3];
    const Order order_b = kOrders[size / 3 % 3];
    const auto seed = static_cast<std::uint64_t>(size);
    FloatMatrix a = make_floats(size, size * 29 % 71, order_a, seed);
    FloatMatrix b = make_floats(size * 41 % 70 + 1, size * 29 % 71, order_b, seed + 1000);
    expect_same_bits(a, b);
  }
}

TEST(FloatProduct, AddsInOrderAcrossTilesAndBlocks) {
  struct Shape {
    std::int64_t m, n, depth;
  };
  for (const Shape& shape : {Shape{300, 70, 450}, Shape{70, 410, 450}, Shape{290, 410, 61}, Shape{3, 5, 2000}}) {
    FloatMatrix a = make_floats(shape.m, shape.depth, Order::across, 1);
    FloatMatrix b = make_floats(shape.n, shape.depth, Order::along, 2);
    expect_same_bits(a, b);
  }
}

TEST(FloatProduct, OrderWouldShowInTheBits) {
  FloatMatrix a = make_floats(4, 300, Order::along, 1);
  FloatMatrix b = make_floats(4, 300, Order::along, 2);
  const std::vector<float> forwards = in_order(a, b);
  for (FloatMatrix* matrix : {&a, &b}) {
    for (std::int64_t i = 0; i < 4; ++i) {
      for (std::int64_t k = 0; k < 150; ++k) std::swap(matrix->at(i, k), matrix->at(i, 299 - k));
    }
  }
  EXPECT_NE(forwards, in_order(a, b));
}

TEST(FloatProduct, KeepsSubnormals) {
  for (const std::int64_t depth : {1, 9, 500}) {
    FloatMatrix a = make_floats(11, depth, Order::along, 3);
    FloatMatrix b = make_floats(50, depth, Order::across, 4);
    for (float& value : a.memory) value *= 0x1p-80F;
    for (float& value : b.memory) value *= 0x1p-63F;
    a.at(0, 0) = kSmallest;
    b.at(0, 0) = 1.0F;
    expect_same_bits(a, b);
    bool any = false;
    for (const float sum : in_order(a, b)) any = any || std::fpclassify(sum) == FP_SUBNORMAL;
    EXPECT_TRUE(any);
  }
}

TEST(FloatProduct, SumsOfNegativeZerosArePositiveZero) {
  for (const std::int64_t depth : {0, 1, 2, 7, 300}) {
    FloatMatrix a = make_floats(11, depth, Order::along, 3);
    FloatMatrix b = make_floats(50, depth, Order::along, 4);
    for (float& value : a.memory) value = -0.0F;
    for (float& value : b.memory) value = std::abs(value);
    for (const float sum : in_order(a, b)) ASSERT_EQ(std::bit_cast<std::uint32_t>(sum), 0U);
    expect_same_bits(a, b);
  }
}

TEST(FloatProduct, PropagatesInfinitiesAndNaNsToTheirOwnSumsOnly) {
  for (const Order order : {Order::along, Order::across}) {
    FloatMatrix a = make_floats(13, 203, order, 5);
    FloatMatrix b = make_floats(61, 203, order, 6);
    a.at(2, 7) = kNaN;
    b.at(60, 202) = kNaN;
    a.at(5, 100) = kInfinity;  // times a number
    b.at(9, 100) = 0.0F;       // times zero: NaN
    b.at(20, 0) = -kInfinity;
    b.at(30, 3) = kInfinity;
    a.at(12, 3) = 0x1p100F;
    b.at(31, 3) = 0x1p100F;  // overflows
    a.at(6, 0) = -1.0F;
    expect_same_bits(a, b);
    std::int64_t finite = 0;
    for (const float sum : in_order(a, b)) finite += std::isfinite(sum) ? 1 : 0;
    EXPECT_GT(finite, 9 * 50);
  }
}

TEST(FloatProduct, IsTheSameOnAnyNumberOfThreads) {
  const int before = thread_count();
  for (const bool wide : {false, true}) {
    FloatMatrix a = make_floats(wide ? 90 : 300, 350, Order::along, 7);
    FloatMatrix b = make_floats(wide ? 300 : 90, 350, Order::across, 8);
    for (const int threads : {1, 2, 3, 7}) {
      set_thread_count(threads);
      expect_same_bits(a, b);
    }
  }
  set_thread_count(before);
}

}  // namespace
}  // namespace dyadic::product_test
