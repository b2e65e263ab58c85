#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "dyadic/base/parallel.h"
#include "tests/kernels/convolution_test.h"

namespace dyadic::convolution_test {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kSmallest = std::numeric_limits<float>::denorm_min();

/// Magnitudes between 2^-8 and 2^8 times `scale`, so that the order of additions shows in the bits.
std::vector<float> floats(std::int64_t n, std::uint64_t seed, float scale = 1.0F) {
  std::vector<float> values;
  for (std::int64_t i = 0; i < n; ++i) {
    const std::uint32_t word = random_word(seed, static_cast<std::uint64_t>(i));
    const float fraction = 0x1p-23F * static_cast<float>(word >> 9) + 1.0F;
    values.push_back(std::ldexp((word & 1) != 0 ? -fraction : fraction, static_cast<int>(word % 17) - 8) * scale);
  }
  return values;
}

using Run = std::function<void(SumConsumer, void*)>;

/// The sums' bits; every NaN is the same.
std::vector<std::uint32_t> bits_of(ConvolutionProduct product, const ConvolutionShape& shape, const Run& run) {
  Collected sums(convolution_rows(product, shape), convolution_columns(product, shape), SumType::f32);
  run(&Collected::consume, &sums);
  sums.expect_covered();
  std::vector<std::uint32_t> bits;
  for (const std::int64_t sum : sums.sums) {
    const auto word = static_cast<std::uint32_t>(sum);
    bits.push_back(std::isnan(std::bit_cast<float>(word)) ? 0x7FC00000U : word);
  }
  return bits;
}

std::vector<std::uint32_t> definition(ConvolutionProduct product, const ConvolutionShape& shape,
                                      const std::vector<float>& a, const std::vector<float>& b) {
  return bits_of(product, shape, [&](SumConsumer consume, void* context) {
    ref::float_convolution(product, shape, a.data(), b.data(), consume, context);
  });
}

std::vector<std::uint32_t> with_options(ConvolutionProduct product, const ConvolutionShape& shape,
                                        const std::vector<float>& a, const std::vector<float>& b,
                                        const convolution::Options& options) {
  return bits_of(product, shape, [&](SumConsumer consume, void* context) {
    convolution::run_float(avx2::product_engines(), product, shape, a.data(), b.data(), options, consume, context);
  });
}

void expect_same_bits(ConvolutionProduct product, const ConvolutionShape& shape, const std::vector<float>& a,
                      const std::vector<float>& b) {
  const std::vector<std::uint32_t> expected = definition(product, shape, a, b);
  const Isa before = active_isa();
  for (const Isa isa : supported_isas()) {
    set_isa(isa);
    const std::vector<std::uint32_t> got = bits_of(product, shape, [&](SumConsumer consume, void* context) {
      float_convolution(product, shape, a.data(), b.data(), consume, context);
    });
    ASSERT_EQ(got, expected) << isa_name(isa) << ", product " << static_cast<int>(product) << ", shape "
                             << shape_text(shape);
  }
  set_isa(before);
  if (!cpu_features().avx2) return;
  for (const std::int64_t shared_bytes : {product::kSharedBytes, kManyRounds}) {
    ASSERT_EQ(with_options(product, shape, a, b, {.split = true, .shared_bytes = shared_bytes}), expected)
        << "split, product " << static_cast<int>(product) << ", shape " << shape_text(shape);
  }
}

bool multiplies_zeros(ConvolutionProduct product, const std::vector<float>& a, const std::vector<float>& b) {
  const bool pads_b = product == ConvolutionProduct::weight_gradient;
  const std::vector<float>& padded = pads_b ? b : a;
  const std::vector<float>& other = pads_b ? a : b;
  return convolution::zeros_are_harmless(padded.data(), std::ssize(padded), other.data(), std::ssize(other));
}

TEST(FloatConvolution, AddsInOrderOfDepthForEveryShape) {
  for (const ConvolutionShape& shape : shapes()) {
    for (const ConvolutionProduct product : kProducts) {
      const std::vector<float> a = floats(a_size(product, shape), 1);
      const std::vector<float> b = floats(b_size(product, shape), 2);
      EXPECT_TRUE(multiplies_zeros(product, a, b));
      expect_same_bits(product, shape, a, b);
      if (!cpu_features().avx2) continue;
      EXPECT_EQ(with_options(product, shape, a, b, {.split = false, .shared_bytes = kManyRounds}),
                definition(product, shape, a, b));
    }
  }
}

TEST(FloatConvolution, AddsInOrderAcrossTilesAndBlocks) {
  for (const ConvolutionShape& shape : {ConvolutionShape{1, 6, 5, 150, 130, 3, 3, 1, 1, 1, 1, 1, 1},
                                        ConvolutionShape{2, 20, 19, 9, 12, 3, 3, 1, 1, 1, 1, 1, 1}}) {
    for (const ConvolutionProduct product : kProducts) {
      expect_same_bits(product, shape, floats(a_size(product, shape), 1), floats(b_size(product, shape), 2));
    }
  }
}

// A padded zero times infinity would be NaN.
TEST(FloatConvolution, PaddingMeetsNoInfinitiesAndNaNs) {
  for (const ConvolutionShape& shape : shapes()) {
    if (shape.batch == 0) continue;
    for (const ConvolutionProduct product : kProducts) {
      for (const float special : {kInfinity, -kInfinity, kNaN}) {
        std::vector<float> a = floats(a_size(product, shape), 3);
        std::vector<float> b = floats(b_size(product, shape), 4);
        a[a.size() / 2] = special;
        expect_same_bits(product, shape, a, b);
        EXPECT_EQ(multiplies_zeros(product, a, b), product != ConvolutionProduct::weight_gradient);
        b[b.size() / 3] = special;
        expect_same_bits(product, shape, a, b);
        a[a.size() / 2] = 0.0F;
        expect_same_bits(product, shape, a, b);
        EXPECT_EQ(multiplies_zeros(product, a, b), product == ConvolutionProduct::weight_gradient);
      }
    }
  }
}

// Products that underflow to -0 after a +0 of nothing: x w = -2^-149 * 2^-10 rounds to -0, and a padded zero afterwards
// would make +0 of it.
TEST(FloatConvolution, PaddingKeepsNegativeZeros) {
  const ConvolutionShape shape = {1, 3, 3, 2, 2, 3, 3, 1, 1, 1, 1, 1, 1};
  for (const ConvolutionProduct product : kProducts) {
    const bool pads_b = product == ConvolutionProduct::weight_gradient;
    const std::vector<float> a(static_cast<std::size_t>(a_size(product, shape)), pads_b ? 0x1p-10F : -kSmallest);
    const std::vector<float> b(static_cast<std::size_t>(b_size(product, shape)), pads_b ? -kSmallest : 0x1p-10F);
    EXPECT_FALSE(multiplies_zeros(product, a, b));
    const std::vector<std::uint32_t> expected = definition(product, shape, a, b);
    EXPECT_EQ(expected, std::vector<std::uint32_t>(expected.size(), 0x80000000U));
    expect_same_bits(product, shape, a, b);
    if (!cpu_features().avx2) continue;
    EXPECT_NE(with_options(product, shape, a, b, {}), expected) << "the split would not be needed";
  }
}

TEST(FloatConvolution, KeepsSubnormalsOnBothSidesOfTheBound) {
  for (const ConvolutionShape& shape : shapes()) {
    if (shape.batch == 0) continue;
    for (const ConvolutionProduct product : kProducts) {
      for (const float scale : {0x1p-40F, 0x1p-42F, 0x1p-44F, 0x1p-66F, 0x1p-70F}) {
        std::vector<float> a = floats(a_size(product, shape), 5, scale);
        std::vector<float> b = floats(b_size(product, shape), 6, scale);
        a[0] = 0x1p-8F * scale;
        b[0] = -0x1p-8F * scale;
        EXPECT_EQ(multiplies_zeros(product, a, b), scale >= 0x1p-42F);
        for (std::size_t i = 3; i < a.size(); i += 5) a[i] = i % 2 == 0 ? 0.0F : -0.0F;
        expect_same_bits(product, shape, a, b);
      }
    }
  }
}

TEST(FloatConvolution, ZerosAreHarmlessDownToTheBound) {
  const auto harmless = [](float x, float w) {
    const std::vector<float> padded = {0.0F, x, kInfinity, 1.0F, kNaN};
    const std::vector<float> other = {-0.0F, 3.0F, -w};
    return convolution::zeros_are_harmless(padded.data(), std::ssize(padded), other.data(), std::ssize(other));
  };
  EXPECT_TRUE(harmless(0x1p-50F, 0x1p-50F));
  EXPECT_FALSE(harmless(0x1p-50F, 0x1.fffffep-51F));
  EXPECT_TRUE(harmless(0x1p-101F, 2.0F));
  EXPECT_FALSE(harmless(kSmallest, 1.0F));
  EXPECT_FALSE(harmless(1.0F, kInfinity));
  EXPECT_FALSE(harmless(1.0F, kNaN));
  EXPECT_TRUE(harmless(0.0F, 0.0F));
}

TEST(FloatConvolution, IsTheSameOnAnyNumberOfThreads) {
  const int before = thread_count();
  const ConvolutionShape shape = {3, 14, 13, 12, 20, 3, 3, 1, 1, 1, 1, 1, 1};
  for (const int threads : {1, 2, 3, 9}) {
    set_thread_count(threads);
    for (const ConvolutionProduct product : kProducts) {
      expect_same_bits(product, shape, floats(a_size(product, shape), 1), floats(b_size(product, shape), 2));
    }
  }
  set_thread_count(before);
}

}  // namespace
}  // namespace dyadic::convolution_test
