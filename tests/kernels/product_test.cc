#include "dyadic/kernels/product.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "dyadic/base/error.h"
#include "dyadic/base/parallel.h"
#include "tests/kernels/product_test.h"

namespace dyadic::product_test {
namespace {

constexpr std::int64_t kMax32 = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t kMax64 = std::numeric_limits<std::int64_t>::max();

OperandKind whole(CodeType type) {
  constexpr std::int64_t kLow[] = {-128, 0, -32768, 0, -(std::int64_t{1} << 31), 0};
  constexpr std::int64_t kHigh[] = {127, 255, 32767, 65535, (std::int64_t{1} << 31) - 1, (std::int64_t{1} << 32) - 1};
  return {type, kLow[static_cast<int>(type)], kHigh[static_cast<int>(type)]};
}

constexpr CodeType kTypes[] = {CodeType::i8, CodeType::u8, CodeType::i16, CodeType::u16, CodeType::i32, CodeType::u32};

OperandKind signed_bits(CodeType type, int bits) {
  return {type, -(std::int64_t{1} << (bits - 1)) + 1, (std::int64_t{1} << (bits - 1)) - 1};
}

/// The operands of the experiments and the ends of every engine's reach.
const std::vector<OperandKind>& kinds() {
  static const std::vector<OperandKind> all = [] {
    std::vector<OperandKind> list;
    for (const CodeType type : kTypes) {
      if (type != CodeType::u32) list.push_back(whole(type));
    }
    list.push_back(signed_bits(CodeType::i16, 10));
    list.push_back(signed_bits(CodeType::i16, 12));
    list.push_back(signed_bits(CodeType::i32, 20));
    // The last that two digits of a high int16 hold, and the first that they do not.
    list.push_back({CodeType::i32, -(1 << 23) + 129, (1 << 23) - 129});
    list.push_back({CodeType::i32, -(1 << 23), (1 << 23) - 1});
    list.push_back({CodeType::u8, 0, 1, 2, 1});  // binary: 2 c - 1
    list.push_back({CodeType::u8, 0, 2, 1, 1});  // ternary
    list.push_back({CodeType::i8, -1, 1});
    list.push_back({CodeType::i16, -1, 1});
    list.push_back({CodeType::u8, 0, 16, 1, 8});  // z4, the last that sums in int16 take
    list.push_back({CodeType::i8, -9, 9});
    list.push_back({CodeType::u8, 0, 255, 1, 117});  // affine uint8 with a zero point
    list.push_back({CodeType::i8, -128, 127, 1, -9});
    list.push_back({CodeType::u16, 0, 32767});
    return list;
  }();
  return all;
}

/// Products of two 32-bit operands that no sum type holds are refused, not computed.
bool is_refused(std::int64_t depth, const Operand& a, const Operand& b) {
  return static_cast<__int128>(a.view.max_magnitude) * b.view.max_magnitude * depth > kMax64;
}

SumType narrowest(std::int64_t depth, const Operand& a, const Operand& b) {
  return integer_sum_type(depth, a.view.max_magnitude, b.view.max_magnitude, 0);
}

TEST(IntegerSumType, ChangesExactlyAtTheLastSumThatFits) {
  EXPECT_EQ(integer_sum_type(1, kMax32, 1, 0), SumType::i32);
  EXPECT_EQ(integer_sum_type(1, kMax32, 1, 1), SumType::i64);
  EXPECT_EQ(integer_sum_type(1, kMax32 - 5, 1, 5), SumType::i32);
  EXPECT_EQ(integer_sum_type(8191, 512, 512, 0), SumType::i32);
  EXPECT_EQ(integer_sum_type(8192, 512, 512, 0), SumType::i64);
  EXPECT_EQ(integer_sum_type(1, kMax64, 1, 0), SumType::i64);
  EXPECT_THROW(integer_sum_type(1, kMax64, 1, 1), UsageError);
  EXPECT_THROW(integer_sum_type(1, kMax64, 2, 0), UsageError);
  EXPECT_THROW(integer_sum_type(kMax64, kMax64, kMax64, kMax64), UsageError);
}

TEST(IntegerProduct, RefusesSumsThatMayNotFit) {
  const std::int16_t code = 0;
  const IntegerOperand a{&code, CodeType::i16, 1, 1, 1, 0, 32768};
  for (const Runner& runner : runners()) {
    Collected sums(1, 1, SumType::i32);
    EXPECT_THROW(runner(1, 1, 2, a, a, SumType::i32, &Collected::consume, &sums), UsageError) << runner.name;
    EXPECT_THROW(runner(1, 1, 1, a, a, SumType::f32, &Collected::consume, &sums), UsageError) << runner.name;
    IntegerOperand floats = a;
    floats.type = CodeType::f32;
    EXPECT_THROW(runner(1, 1, 1, a, floats, SumType::i32, &Collected::consume, &sums), UsageError) << runner.name;
  }
}

TEST(IntegerProduct, IsExactForEveryPairOfOperandKindsAndOrders) {
  for (const OperandKind& kind_a : kinds()) {
    for (const OperandKind& kind_b : kinds()) {
      std::uint64_t seed = 0;
      for (const Order order_a : kOrders) {
        for (const Order order_b : kOrders) {
          ++seed;
          Operand a = make_operand(11, 37, kind_a, order_a, Pattern::random, seed);
          Operand b = make_operand(53, 37, kind_b, order_b, Pattern::random, seed + 100);
          if (is_refused(37, a, b)) continue;
          const SumType narrow = narrowest(37, a, b);
          for (const SumType type : {narrow, SumType::i64}) {
            const Collected expected = expected_sums(a, b, type);
            for (const Runner& runner : runners()) expect_exact(runner, a, b, type, expected);
          }
        }
      }
    }
  }
}

// Depths beyond one block of every engine, so that flushes and continued sums happen.
TEST(IntegerProduct, IsExactForWorstCaseOperandsInDeepProducts) {
  for (const OperandKind& kind_a : kinds()) {
    for (const OperandKind& kind_b : kinds()) {
      for (const Pattern pattern_a : {Pattern::all_low, Pattern::all_high, Pattern::alternating}) {
        for (const Pattern pattern_b : {Pattern::all_low, Pattern::all_high, Pattern::alternating}) {
          constexpr std::int64_t kDepth = 1101;
          Operand a = make_operand(2, kDepth, kind_a, Order::along, pattern_a, 1);
          Operand b = make_operand(3, kDepth, kind_b, Order::across, pattern_b, 3);
          if (is_refused(kDepth, a, b)) continue;
          const SumType type = narrowest(kDepth, a, b);
          const Collected expected = expected_sums(a, b, type);
          for (const Runner& runner : runners()) expect_exact(runner, a, b, type, expected);
        }
      }
    }
  }
}

TEST(IntegerProduct, HoldsSumsUpToTheLastOfInt32AndInt64) {
  const std::int64_t deepest32 = kMax32 / (512 * 512);
  const std::int64_t deepest64 = 2;  // * 2^31 * (2^31 - 1)
  const OperandKind ten_bits{CodeType::i16, -512, 512};
  const OperandKind low{CodeType::i32, -(std::int64_t{1} << 31), 0};
  const OperandKind high{CodeType::i32, 0, kMax32};
  for (const Pattern pattern : kPatterns) {
    Operand a = make_operand(2, deepest32, ten_bits, Order::along, pattern, 5);
    Operand b = make_operand(2, deepest32, ten_bits, Order::along, Pattern::all_low, 6);
    ASSERT_EQ(narrowest(deepest32, a, b), SumType::i32);
    const Collected expected = expected_sums(a, b, SumType::i32);
    Operand c = make_operand(9, deepest64, low, Order::along, Pattern::all_low, 7);
    Operand d =
        make_operand(9, deepest64, high, Order::across, pattern == Pattern::all_low ? Pattern::all_high : pattern, 8);
    ASSERT_EQ(narrowest(deepest64, c, d), SumType::i64);
    const Collected expected64 = expected_sums(c, d, SumType::i64);
    for (const Runner& runner : runners()) {
      expect_exact(runner, a, b, SumType::i32, expected);
      expect_exact(runner, c, d, SumType::i64, expected64);
    }
  }
}

TEST(IntegerProduct, MultipliesUnsigned32BitCodes) {
  for (const Pattern pattern : kPatterns) {
    Operand a = make_operand(5, 1, whole(CodeType::u32), Order::along, pattern, 11);
    Operand b = make_operand(30, 1, signed_bits(CodeType::i32, 31), Order::across, pattern, 12);
    Operand c = make_operand(9, 5, whole(CodeType::u32), Order::across, pattern, 13);
    Operand d = make_operand(30, 5, signed_bits(CodeType::i16, 12), Order::along, pattern, 14);
    const Collected ab = expected_sums(a, b, SumType::i64);
    const Collected cd = expected_sums(c, d, SumType::i64);
    for (const Runner& runner : runners()) {
      expect_exact(runner, a, b, SumType::i64, ab);
      expect_exact(runner, c, d, SumType::i64, cd);
    }
  }
}

// Bytes whose int32 blocks end before the depth does, and a result that only int64 holds.
TEST(IntegerProduct, IsExactForVeryDeepProductsOfBytes) {
  for (const auto& [type_a, type_b] : {std::pair{CodeType::u8, CodeType::u8}, std::pair{CodeType::i8, CodeType::u8},
                                       std::pair{CodeType::u8, CodeType::i8}, std::pair{CodeType::i8, CodeType::i8}}) {
    constexpr std::int64_t kDepth = 140'000;
    Operand a = make_operand(2, kDepth, whole(type_a), Order::along, Pattern::all_low, 1);
    Operand b = make_operand(3, kDepth, whole(type_b), Order::along, Pattern::all_high, 1);
    const SumType type = narrowest(kDepth, a, b);
    const Collected expected = expected_sums(a, b, type);
    for (const Runner& runner : runners()) expect_exact(runner, a, b, type, expected);
  }
}

/// One kind per engine: bytes, int16 pairs in one accumulation, digits, float64, int64.
const std::vector<std::pair<OperandKind, OperandKind>>& engine_kinds() {
  static const std::vector<std::pair<OperandKind, OperandKind>> all = {
      {whole(CodeType::i8), whole(CodeType::u8)},
      {signed_bits(CodeType::i16, 10), whole(CodeType::u8)},
      {signed_bits(CodeType::i16, 10), signed_bits(CodeType::i16, 10)},
      {whole(CodeType::i16), whole(CodeType::i16)},
      {signed_bits(CodeType::i32, 20), signed_bits(CodeType::i32, 20)},
      {whole(CodeType::i32), signed_bits(CodeType::i32, 20)},
  };
  return all;
}

TEST(IntegerProduct, IsExactAtEveryRemainder) {
  for (const auto& [kind_a, kind_b] : engine_kinds()) {
    for (std::int64_t size = 1; size <= 70; ++size) {
      const Order order_a = kOrders[size % 2];
      const Order order_b = kOrders[size / 2 % 2];
      const std::int64_t other = size * 37 % 70 + 1;
      const std::int64_t depth = size * 53 % 71;
      Operand a = make_operand(size, depth, kind_a, order_a, Pattern::random, static_cast<std::uint64_t>(size));
      Operand b = make_operand(other, depth, kind_b, order_b, Pattern::random, 1000 + static_cast<std::uint64_t>(size));
      const SumType type = narrowest(std::max<std::int64_t>(1, depth), a, b);
      const Collected expected = expected_sums(a, b, type);
      for (const Runner& runner : runners()) expect_exact(runner, a, b, type, expected);
    }
  }
}

// More than one tile and block in every direction.
TEST(IntegerProduct, IsExactAcrossTilesAndBlocks) {
  struct Shape {
    std::int64_t m, n, depth;
  };
  for (const Shape& shape : {Shape{300, 70, 450}, Shape{70, 410, 450}, Shape{290, 410, 61}}) {
    for (const auto& [kind_a, kind_b] : engine_kinds()) {
      Operand a = make_operand(shape.m, shape.depth, kind_a, Order::across, Pattern::random, 21);
      Operand b = make_operand(shape.n, shape.depth, kind_b, Order::along, Pattern::random, 22);
      const SumType type = narrowest(shape.depth, a, b);
      const Collected expected = expected_sums(a, b, type);
      for (const Runner& runner : runners()) expect_exact(runner, a, b, type, expected);
    }
  }
}

TEST(IntegerProduct, GivesZerosWithoutDepthAndNothingWithoutRows) {
  Operand a = make_operand(9, 0, whole(CodeType::i16), Order::along, Pattern::random, 1);
  Operand b = make_operand(50, 0, whole(CodeType::i16), Order::along, Pattern::random, 1);
  Operand none = make_operand(0, 4, whole(CodeType::i16), Order::along, Pattern::random, 1);
  Operand some = make_operand(7, 4, whole(CodeType::i16), Order::along, Pattern::random, 1);
  for (const Runner& runner : runners()) {
    for (const SumType type : {SumType::i32, SumType::i64}) {
      expect_exact(runner, a, b, type, Collected(9, 50, type));
    }
    expect_exact(runner, none, some, SumType::i64, Collected(0, 7, SumType::i64));
    expect_exact(runner, some, none, SumType::i64, Collected(7, 0, SumType::i64));
  }
}

TEST(IntegerProduct, IsTheSameOnAnyNumberOfThreads) {
  const int before = thread_count();
  for (const auto& [kind_a, kind_b] : engine_kinds()) {
    for (const bool wide : {false, true}) {
      Operand a = make_operand(wide ? 90 : 250, 200, kind_a, Order::along, Pattern::random, 31);
      Operand b = make_operand(wide ? 250 : 90, 200, kind_b, Order::across, Pattern::random, 32);
      const SumType type = narrowest(200, a, b);
      const Collected expected = expected_sums(a, b, type);
      for (const int threads : {1, 2, 3, 7}) {
        set_thread_count(threads);
        for (const Runner& runner : runners()) expect_exact(runner, a, b, type, expected);
      }
      set_thread_count(before);
    }
  }
}

TEST(IntegerProduct, PassesOnWhatAConsumerThrows) {
  Operand a = make_operand(90, 20, whole(CodeType::i8), Order::along, Pattern::random, 1);
  a.view.codes = a.memory.data();
  const SumConsumer refuse = [](void*, const SumTile&, int) { throw NonFiniteError("refused"); };
  for (const Runner& runner : runners()) {
    const Isa before = active_isa();
    EXPECT_THROW(runner(90, 90, 20, a.view, a.view, SumType::i32, refuse, nullptr), NonFiniteError) << runner.name;
    set_isa(before);
    EXPECT_FALSE(emulated::tiles_are_configured());
  }
}

}  // namespace
}  // namespace dyadic::product_test
