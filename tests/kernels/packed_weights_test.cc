#include "dyadic/kernels/packed_weights.h"

#include <gtest/gtest.h>

#include <vector>

#include "dyadic/base/error.h"
#include "dyadic/base/parallel.h"
#include "tests/kernels/convolution_test.h"

namespace dyadic::packed_weights_test {
namespace {

using convolution_test::Codes;
using product_test::Collected;
using product_test::make_operand;
using product_test::OperandKind;
using product_test::Order;
using product_test::Pattern;

constexpr OperandKind kTernary = {CodeType::u8, 0, 2, 1, 1};
constexpr OperandKind kBinary = {CodeType::u8, 0, 1, 2, 1};
constexpr OperandKind kInt8 = {CodeType::i8, -128, 127};
constexpr OperandKind kUint8 = {CodeType::u8, 0, 255};
constexpr OperandKind kFourBits = {CodeType::u8, 0, 16, 1, 8};

/// Runs `body` on every tier with every kernel for ternary codes.
template <typename Body>
void on_every_kernel(Body body) {
  const Isa before = active_isa();
  for (const Isa isa : supported_isas()) {
    for (const TernaryKernel kernel : {TernaryKernel::automatic, TernaryKernel::bytes, TernaryKernel::bitplanes}) {
      set_isa(isa);
      set_ternary_kernel(kernel);
      SCOPED_TRACE(std::string(isa_name(isa)) + " " + std::string(ternary_kernel_name(kernel)));
      body();
    }
  }
  set_ternary_kernel(TernaryKernel::automatic);
  set_isa(before);
}

void expect_same(const Collected& got, const Collected& expected) {
  got.expect_covered();
  EXPECT_EQ(got.sums, expected.sums);
}

TEST(PackedWeights, MultiplyAsCodesDo) {
  on_every_kernel([] {
    for (const OperandKind& inputs : {kTernary, kBinary, kInt8, kUint8, kFourBits}) {
      for (const OperandKind& weights : {kTernary, kBinary, kInt8, kFourBits}) {
        for (const std::int64_t m : {1, 3, 9, 70}) {
          for (const std::int64_t depth : {1, 31, 33, 517}) {
            constexpr std::int64_t kOutputs = 37;
            // Three rows of the largest sums: narrow accumulators would wrap.
            const Pattern pattern = m == 3 ? Pattern::all_low : Pattern::random;
            const auto w = make_operand(kOutputs, depth, weights, Order::along, pattern, 1);
            const auto x = make_operand(m, depth, inputs, Order::along, pattern, 2);
            IntegerOperand w_view = w.view, x_view = x.view;
            w_view.codes = w.memory.data();
            const PackedWeights packed(kOutputs, depth, 1, w_view, x_view, m);
            x_view.codes = x.memory.data();
            Collected got(m, kOutputs, SumType::i32);
            packed.multiply(m, x_view, &Collected::consume, &got);
            expect_same(got, product_test::expected_sums(x, w, SumType::i32));
          }
        }
      }
    }
  });
}

TEST(PackedWeights, MultiplyTheSameWhateverRowsTheyWerePackedFor) {
  on_every_kernel([] {
    const auto w = make_operand(100, 4500, kTernary, Order::along, Pattern::random, 3);
    const auto x = make_operand(50, 4500, kTernary, Order::along, Pattern::all_high, 4);
    IntegerOperand w_view = w.view, x_view = x.view;
    w_view.codes = w.memory.data();
    x_view.codes = x.memory.data();
    const Collected expected = product_test::expected_sums(x, w, SumType::i32);
    for (const std::int64_t rows : {1, 1000}) {
      const PackedWeights packed(100, 4500, 1, w_view, x_view, rows);
      for (const int threads : {1, 3}) {
        set_thread_count(threads);
        Collected got(50, 100, SumType::i32);
        packed.multiply(50, x_view, &Collected::consume, &got);
        expect_same(got, expected);
      }
      set_thread_count(1);
    }
  });
}

TEST(PackedWeights, ConvolveAsCodesDo) {
  on_every_kernel([] {
    for (const ConvolutionShape& shape : convolution_test::shapes()) {
      for (const OperandKind& inputs : {kTernary, kBinary, kInt8}) {
        for (const OperandKind& weights : {kTernary, kBinary, kInt8}) {
          const Codes x(convolution_test::input_size(shape), inputs, Pattern::random, 5);
          const Codes w(convolution_test::weight_size(shape), weights, Pattern::random, 6);
          const std::int64_t rows = convolution_rows(ConvolutionProduct::forward, shape);
          Collected expected(rows, shape.outputs, SumType::i32), got(rows, shape.outputs, SumType::i32);
          integer_convolution(ConvolutionProduct::forward, shape, x.view(), w.view(), SumType::i32, &Collected::consume,
                              &expected);
          IntegerOperand w_view = w.operand.view;
          w_view.codes = w.operand.memory.data();
          const PackedWeights packed(shape.outputs, convolution_depth(ConvolutionProduct::forward, shape), shape.groups,
                                     w_view, x.operand.view, rows);
          packed.convolve(shape, x.view(), &Collected::consume, &got);
          expect_same(got, expected);
        }
      }
    }
  });
}

TEST(PackedWeights, TakeTwoBitsForATernaryWeight) {
  on_every_kernel([] {
    if (active_isa() == Isa::ref) return;
    const auto w = make_operand(512, 1024, kTernary, Order::along, Pattern::random, 7);
    for (const OperandKind& inputs : {kTernary, kInt8}) {
      IntegerOperand w_view = w.view;
      w_view.codes = w.memory.data();
      const PackedWeights packed(512, 1024, 1, w_view,
                                 make_operand(1, 1, inputs, Order::along, Pattern::random, 8).view, 1);
      EXPECT_LE(packed.bytes(), 512 * 1024 / 4 + 512 * 8 + 64) << packed.instructions();
    }
  });
}

TEST(PackedWeights, RefuseOtherInputsThanTheyWerePackedFor) {
  const auto w = make_operand(5, 7, kTernary, Order::along, Pattern::random, 9);
  IntegerOperand w_view = w.view;
  w_view.codes = w.memory.data();
  const auto ternary = make_operand(2, 7, kTernary, Order::along, Pattern::random, 10);
  const PackedWeights packed(5, 7, 1, w_view, ternary.view, 2);
  const auto multiply = [&](const product_test::Operand& x) {
    IntegerOperand view = x.view;
    view.codes = x.memory.data();
    Collected sums(2, 5, SumType::i32);
    packed.multiply(2, view, &Collected::consume, &sums);
  };
  EXPECT_NO_THROW(multiply(ternary));
  EXPECT_THROW(multiply(make_operand(2, 7, kInt8, Order::along, Pattern::random, 11)), UsageError);
  EXPECT_THROW(multiply(make_operand(2, 7, kFourBits, Order::along, Pattern::random, 12)), UsageError);
  const ConvolutionShape other = {1, 2, 2, 3, 5};
  const Codes picture(12, kTernary, Pattern::random, 13);
  Collected sums(4, 5, SumType::i32);
  EXPECT_THROW(packed.convolve(other, picture.view(), &Collected::consume, &sums), ShapeError);
  if (supported_isas().size() < 2) return;
  const Isa before = active_isa();
  set_isa(supported_isas().back());
  EXPECT_THROW(multiply(ternary), UsageError);
  set_isa(before);
}

TEST(TernaryKernel, IsNamedAndParsed) {
  for (const TernaryKernel kernel : {TernaryKernel::automatic, TernaryKernel::bytes, TernaryKernel::bitplanes}) {
    EXPECT_EQ(parse_ternary_kernel(ternary_kernel_name(kernel)), kernel);
  }
  EXPECT_THROW(parse_ternary_kernel("planes"), UsageError);
}

}  // namespace
}  // namespace dyadic::packed_weights_test
