#include "dyadic/kernels/convolution.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <vector>

#include "dyadic/base/error.h"
#include "dyadic/base/parallel.h"
#include "dyadic/formats/format.h"
#include "dyadic/kernels/epilogue.h"
#include "tests/kernels/convolution_test.h"

namespace dyadic::convolution_test {
namespace {

constexpr std::int64_t kMax64 = std::numeric_limits<std::int64_t>::max();

// Each kind of operand that the engines tell apart, and those whose zero is an odd code or none.
const std::vector<OperandKind>& kinds() {
  static const std::vector<OperandKind> all = {
      {CodeType::i8, -128, 127},
      {CodeType::u8, 0, 255},
      {CodeType::i16, -511, 511},
      {CodeType::i16, -32768, 32767},
      {CodeType::u16, 0, 65535},
      {CodeType::i32, -524287, 524287},
      {CodeType::i32, -(std::int64_t{1} << 31), (std::int64_t{1} << 31) - 1},
      {CodeType::u8, 0, 1, 2, 1},        // binary: no zero
      {CodeType::u8, 0, 255, 1, 117},    // affine: zero is 117
      {CodeType::i8, -128, 127, 1, 200}  // no code is zero
  };
  return all;
}

Collected run(const NamedRunner& runner, ConvolutionProduct product, const ConvolutionShape& shape, const Codes& a,
              const Codes& b, SumType type) {
  Collected sums(convolution_rows(product, shape), convolution_columns(product, shape), type);
  runner.run(product, shape, a.view(), b.view(), type, &Collected::consume, &sums);
  sums.expect_covered();
  return sums;
}

/// The definition once more, from the forward direction alone: every triple (x, w, z) that meets, once.
Collected expected_sums(ConvolutionProduct product, const ConvolutionShape& s, const Codes& a, const Codes& b,
                        SumType type) {
  Collected sums(convolution_rows(product, s), convolution_columns(product, s), type);
  for (std::int64_t n = 0; n < s.batch; ++n) {
    for (std::int64_t z = 0; z < s.out_height() * s.out_width(); ++z) {
      for (std::int64_t o = 0; o < s.outputs; ++o) {
        for (std::int64_t k = 0; k < s.kernel_h * s.kernel_w * s.group_channels(); ++k) {
          const std::int64_t tap = k / s.group_channels();
          const std::int64_t h = z / s.out_width() * s.stride_h - s.pad_top + tap / s.kernel_w * s.dilation_h;
          const std::int64_t w = z % s.out_width() * s.stride_w - s.pad_left + tap % s.kernel_w * s.dilation_w;
          if (h < 0 || h >= s.height || w < 0 || w >= s.width) continue;
          const std::int64_t channel = o / s.group_outputs() * s.group_channels() + k % s.group_channels();
          const std::int64_t x_at = ((n * s.height + h) * s.width + w) * s.channels + channel;
          const std::int64_t w_at = o * s.kernel_h * s.kernel_w * s.group_channels() + k;
          const std::int64_t z_at = (n * s.out_height() * s.out_width() + z) * s.outputs + o;
          switch (product) {
            case ConvolutionProduct::forward: sums.sums[z_at] += a.integer(x_at) * b.integer(w_at); break;
            case ConvolutionProduct::input_gradient: sums.sums[x_at] += a.integer(z_at) * b.integer(w_at); break;
            default: sums.sums[w_at] += a.integer(z_at) * b.integer(x_at);
          }
        }
      }
    }
  }
  return sums;
}

/// The narrowest type and int64; none where no type holds the sums.
std::vector<SumType> sum_types(std::int64_t depth, const Codes& a, const Codes& b) {
  const ConvolutionOperand x = a.view(), y = b.view();
  if (static_cast<__int128>(x.max_magnitude) * y.max_magnitude * depth > kMax64) return {};
  const SumType narrow = integer_sum_type(depth, x.max_magnitude, y.max_magnitude, 0);
  return narrow == SumType::i32 ? std::vector{SumType::i32, SumType::i64} : std::vector{narrow};
}

void expect_exact(ConvolutionProduct product, const ConvolutionShape& shape, const Codes& a, const Codes& b) {
  for (const SumType type : sum_types(convolution_depth(product, shape), a, b)) {
    const Collected expected = expected_sums(product, shape, a, b, type);
    for (const NamedRunner& runner : integer_runners()) {
      const Collected got = run(runner, product, shape, a, b, type);
      ASSERT_EQ(got.sums, expected.sums) << runner.name << ", product " << static_cast<int>(product) << ", shape "
                                         << shape_text(shape);
    }
  }
}

TEST(Convolution, IsExactForEveryShape) {
  for (const ConvolutionShape& shape : shapes()) {
    for (const ConvolutionProduct product : kProducts) {
      const Codes a(a_size(product, shape), {CodeType::i16, -511, 511}, Pattern::random, 1);
      const Codes b(b_size(product, shape), {CodeType::i8, -128, 127}, Pattern::random, 2);
      expect_exact(product, shape, a, b);
      const OperandKind binary = {CodeType::u8, 0, 1, 2, 1};
      expect_exact(product, shape, Codes(a_size(product, shape), binary, Pattern::random, 3),
                   Codes(b_size(product, shape), binary, Pattern::random, 4));
    }
  }
}

TEST(Convolution, IsExactForEveryPairOfOperandKindsAtTheirLimits) {
  const ConvolutionShape shape = {2, 6, 5, 5, 6, 3, 3, 1, 2, 1, 1, 2, 0};
  for (const OperandKind& kind_a : kinds()) {
    for (const OperandKind& kind_b : kinds()) {
      for (const ConvolutionProduct product : kProducts) {
        for (const Pattern pattern : {Pattern::all_low, Pattern::all_high, Pattern::random}) {
          expect_exact(product, shape, Codes(a_size(product, shape), kind_a, pattern, 5),
                       Codes(b_size(product, shape), kind_b, pattern, 6));
        }
      }
    }
  }
}

// Beyond a tile and a block in every direction, and depths of the weight gradient that take several rounds.
TEST(Convolution, IsExactAcrossTilesAndBlocks) {
  const ConvolutionShape deep = {1, 6, 5, 150, 130, 3, 3, 1, 1, 1, 1, 1, 1};
  const ConvolutionShape wide = {2, 20, 19, 9, 12, 3, 3, 1, 1, 1, 1, 1, 1};
  for (const ConvolutionShape& shape : {deep, wide}) {
    for (const auto& [kind_a, kind_b] : {std::pair{kinds()[0], kinds()[0]}, std::pair{kinds()[2], kinds()[2]},
                                         std::pair{kinds()[3], kinds()[3]}, std::pair{kinds()[5], kinds()[5]}}) {
      for (const ConvolutionProduct product : kProducts) {
        expect_exact(product, shape, Codes(a_size(product, shape), kind_a, Pattern::random, 7),
                     Codes(b_size(product, shape), kind_b, Pattern::random, 8));
      }
    }
  }
}

TEST(Convolution, HoldsTheSumsOfAWeightGradientBeyondInt32) {
  const ConvolutionShape shape = {33, 32, 32, 1, 2, 1, 1};
  const OperandKind kind = {CodeType::i16, -32768, -32768};
  const Codes a(output_size(shape), kind, Pattern::all_low, 1);
  const Codes b(input_size(shape), kind, Pattern::all_low, 1);
  expect_exact(ConvolutionProduct::weight_gradient, shape, a, b);
}

TEST(Convolution, IsTheSameOnAnyNumberOfThreads) {
  const int before = thread_count();
  const ConvolutionShape shape = {3, 14, 13, 12, 20, 3, 3, 1, 1, 1, 1, 1, 1};
  for (const int threads : {1, 2, 3, 9}) {
    set_thread_count(threads);
    for (const ConvolutionProduct product : kProducts) {
      for (const OperandKind& kind : {kinds()[0], kinds()[2], kinds()[3]}) {
        expect_exact(product, shape, Codes(a_size(product, shape), kind, Pattern::random, 7),
                     Codes(b_size(product, shape), kind, Pattern::random, 8));
      }
    }
  }
  set_thread_count(before);
}

// <conv(x, w), dz> = <x, input gradient> = <w, weight gradient>, exactly.
TEST(Convolution, GradientsAreAdjointToTheForwardProduct) {
  for (const ConvolutionShape& shape : shapes()) {
    const OperandKind kind = {CodeType::i16, -511, 511};
    const Codes x(input_size(shape), kind, Pattern::random, 1);
    const Codes w(weight_size(shape), kind, Pattern::random, 2);
    const Codes dz(output_size(shape), kind, Pattern::random, 3);
    const auto inner = [](const Collected& sums, const Codes& codes) {
      std::int64_t sum = 0;
      for (std::size_t i = 0; i < sums.sums.size(); ++i)
        sum += sums.sums[i] * codes.integer(static_cast<std::int64_t>(i));
      return sum;
    };
    for (const NamedRunner& runner : integer_runners()) {
      const std::int64_t forward = inner(run(runner, ConvolutionProduct::forward, shape, x, w, SumType::i64), dz);
      EXPECT_EQ(inner(run(runner, ConvolutionProduct::input_gradient, shape, dz, w, SumType::i64), x), forward);
      EXPECT_EQ(inner(run(runner, ConvolutionProduct::weight_gradient, shape, dz, x, SumType::i64), w), forward);
    }
  }
}

// Rows that a table takes home, rounded with random bits: codes and counts must not depend on tiles.
TEST(Convolution, RoundsEachElementWithItsOwnRandomBits) {
  const ConvolutionShape shape = {2, 7, 9, 3, 10, 3, 3, 2, 2, 1, 1, 1, 1};
  const Format format = parse_format("dfx10@3:sat:sr");
  const OperandKind kind = {CodeType::i16, -511, 511};
  const Codes dz(output_size(shape), kind, Pattern::random, 3);
  const Codes w(weight_size(shape), kind, Pattern::random, 2);
  std::vector<std::int64_t> expected;
  RoundingCounts expected_counts;
  for (const NamedRunner& runner : integer_runners()) {
    Tensor d_x({shape.batch, shape.height, shape.width, shape.channels}, format);
    RoundingEpilogue epilogue(d_x, shape.channels, -18, nullptr, {.seed = 1, .step = 2, .stream = 3}, 5);
    runner.run(ConvolutionProduct::input_gradient, shape, dz.view(), w.view(), SumType::i32, &RoundingEpilogue::consume,
               &epilogue);
    std::vector<std::int64_t> codes;
    for (std::int64_t i = 0; i < d_x.size(); ++i) codes.push_back(d_x.code(i));
    if (expected.empty()) {
      expected_counts = epilogue.counts();
      const Collected sums = expected_sums(ConvolutionProduct::input_gradient, shape, dz, w, SumType::i32);
      expected.resize(codes.size());
      Tensor row({shape.channels}, format);
      for (std::int64_t i = 0; i < sums.m; ++i) {  // pixel by pixel
        round_sums(sums.sums.data() + i * sums.n, sums.n, -18, nullptr, format, row.data(),
                   {{.seed = 1, .step = 2, .stream = 3}, static_cast<std::uint64_t>((i + 5) * sums.n)});
        for (std::int64_t j = 0; j < sums.n; ++j) expected[static_cast<std::size_t>(i * sums.n + j)] = row.code(j);
      }
    }
    EXPECT_EQ(codes, expected) << runner.name;
    EXPECT_EQ(epilogue.counts(), expected_counts) << runner.name;
  }
}

TEST(Convolution, SaysHowMuchScratchItHolds) {
  const ConvolutionShape shape = {4, 16, 16, 8, 8, 3, 3, 1, 1, 1, 1, 1, 1};
  const Codes x(input_size(shape), {CodeType::i16, -511, 511}, Pattern::random, 1);
  const Codes w(weight_size(shape), {CodeType::i16, -511, 511}, Pattern::random, 2);
  for (const NamedRunner& runner : integer_runners())
    run(runner, ConvolutionProduct::forward, shape, x, w, SumType::i64);
  if (cpu_features().avx2) {
    EXPECT_GT(product_scratch_bytes(), 0);
  }
  const std::int64_t held = product_scratch_bytes();
  for (const NamedRunner& runner : integer_runners())
    run(runner, ConvolutionProduct::forward, shape, x, w, SumType::i64);
  EXPECT_EQ(product_scratch_bytes(), held);
}

TEST(ConvolutionShape, FollowsTheFloorRule) {
  const ConvolutionShape shape = {1, 11, 10, 1, 1, 2, 3, 3, 2, 3, 1, 0, 4, 2, 3};
  EXPECT_EQ(shape.out_height(), (11 + 3 - 2 * 1 - 1) / 3 + 1);
  EXPECT_EQ(shape.out_width(), (10 + 5 - 3 * 2 - 1) / 2 + 1);
}

TEST(ConvolutionShape, RefusesWhatCannotBe) {
  const ConvolutionShape good = {2, 5, 6, 4, 6, 3, 3, 1, 1, 1, 1, 1, 1};
  EXPECT_NO_THROW(good.check());
  const auto refused = [&](auto change) {
    ConvolutionShape shape = good;
    change(shape);
    EXPECT_THROW(shape.check(), ShapeError) << shape_text(shape);
    EXPECT_THROW(float_convolution(ConvolutionProduct::forward, shape, nullptr, nullptr, nullptr, nullptr), ShapeError);
  };
  refused([](ConvolutionShape& s) { s.batch = -1; });
  refused([](ConvolutionShape& s) { s.height = 0; });
  refused([](ConvolutionShape& s) { s.kernel_w = 0; });
  refused([](ConvolutionShape& s) { s.kernel_h = 8; });
  refused([](ConvolutionShape& s) { s.dilation_w = 4; });
  refused([](ConvolutionShape& s) { s.stride_h = 0; });
  refused([](ConvolutionShape& s) { s.pad_left = -1; });
  refused([](ConvolutionShape& s) { s.groups = 4; });
  refused([](ConvolutionShape& s) { s.groups = 0; });
  refused([](ConvolutionShape& s) { s.batch = s.channels = s.outputs = std::int64_t{1} << 39; });
}

TEST(Convolution, RefusesSumsThatMayNotFit) {
  const ConvolutionShape shape = {1, 2, 2, 1, 1, 2, 2};
  const Codes x(4, {CodeType::i16, -32768, 32767}, Pattern::random, 1);
  Collected sums(1, 1, SumType::i32);
  for (const Isa isa : supported_isas()) {
    const Isa before = active_isa();
    set_isa(isa);
    EXPECT_THROW(integer_convolution(ConvolutionProduct::forward, shape, x.view(), x.view(), SumType::i32,
                                     &Collected::consume, &sums),
                 UsageError);
    set_isa(before);
  }
}

}  // namespace
}  // namespace dyadic::convolution_test
