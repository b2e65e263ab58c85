#include "dyadic/kernels/product_plan.h"

#include <algorithm>
#include <limits>
#include <string>

#include "dyadic/base/error.h"

namespace dyadic::product {
namespace {

constexpr std::int64_t kMaxInt32 = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t kMaxInt64 = std::numeric_limits<std::int64_t>::max();
/// float64 sums of integers are exact below it.
constexpr std::int64_t kMaxFloat64 = (std::int64_t{1} << 53) - 1;

/// Fewer codes than this between flushes of int32 sums cost more than a second digit does.
constexpr std::int64_t kShortestFlush = 48;

struct Range {
  std::int64_t low = 0;
  std::int64_t high = 0;

  [[nodiscard]] bool within(std::int64_t least, std::int64_t most) const { return low >= least && high <= most; }
  [[nodiscard]] bool is_byte() const { return within(-128, 127) || within(0, 255); }
  [[nodiscard]] bool is_int16() const { return within(-32768, 32767); }
  [[nodiscard]] bool is_two_bytes() const { return is_int16() || within(0, 65535); }
  [[nodiscard]] bool is_int32() const {
    return within(std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max());
  }
  [[nodiscard]] std::int64_t magnitude() const { return std::max(-low, high); }
};

struct Bounds {
  std::int64_t low, high;
};
constexpr Bounds kCodeBounds[] = {{-128, 127},
                                  {0, 255},
                                  {-32768, 32767},
                                  {0, 65535},
                                  {-(std::int64_t{1} << 31), kMaxInt32},
                                  {0, (std::int64_t{1} << 32) - 1}};

/// What the integers of an operand can be: within its bound, and within what its code type can hold.
Range range_of(const IntegerOperand& operand) {
  const Bounds code = kCodeBounds[static_cast<int>(operand.type)];
  const std::int64_t one = operand.multiplier * code.low - operand.offset;
  const std::int64_t other = operand.multiplier * code.high - operand.offset;
  return {std::clamp(std::min(one, other), -operand.max_magnitude, operand.max_magnitude),
          std::clamp(std::max(one, other), -operand.max_magnitude, operand.max_magnitude)};
}

PlannedOperand planned(const IntegerOperand& operand, const Range& range, std::int64_t rows, std::int64_t depth) {
  PlannedOperand out;
  out.source = {operand.codes, operand.type,       operand.row_stride, operand.depth_stride, rows,
                depth,         operand.multiplier, operand.offset,     range.is_int32(),     operand.gather};
  out.digits[0] = kWhole;
  return out;
}

/// Adds `shift` to every integer of the operand.
void shift_integers(PlannedOperand& operand, std::int64_t shift) {
  operand.shifted_by = shift;
  operand.source.offset -= shift;
}

/// One int16 engine: vpdpwssd and vpmaddwd add two products to an int32 sum and wrap. Modulo 2^32 every order of
/// additions gives the same number, even where one step of two -32768 * -32768 wraps, so a sum is right if and only if
/// its final value fits:
///  - |sum| <= depth * max_a * max_b <= 2^31 - 1: one accumulation over the whole depth;
///  - else blocks of depth d with d * max_a * max_b <= 2^31 - 1, each flushed to int64;
///  - else, where d would be a few steps, the larger operand is split as high * 256 + low with low in [-128, 127] and
///    |high| <= (32768 + 128) >> 8 = 128: d = (2^31 - 1) / (128 * 32768) = 511 at worst.
void plan_pairs(ProductPlan& plan, std::int64_t depth, const Range& a, const Range& b) {
  plan.engine = plan.set->pairs;
  const MultiplyFunction multiply = plan.engine->multiply[0][0];
  plan.products[0] = {0, 0, 0, multiply};
  const std::int64_t max_a = std::max<std::int64_t>(1, a.magnitude());
  const std::int64_t max_b = std::max<std::int64_t>(1, b.magnitude());
  if (sums_fit(depth, max_a, max_b, 0, kMaxInt32)) return;
  plan.flush_depth = kMaxInt32 / (max_a * max_b);
  if (plan.flush_depth >= kShortestFlush) return;
  const bool split_a = max_a >= max_b;
  PlannedOperand& split = split_a ? plan.a : plan.b;
  split.digit_count = 2;
  split.digits[0] = kHighOfSignedLow;
  split.digits[1] = kLow;
  plan.products[0] = {0, 0, 8, multiply};
  plan.products[1] = {split_a ? 1 : 0, split_a ? 0 : 1, 0, multiply};
  plan.product_count = 2;
  plan.flush_depth = kMaxInt32 / (128 * std::min(max_a, max_b));
}

/// Operands of up to 23 bits against int16: the wide one as two digits of which the high one fits int16, if int32 sums
/// can then run for a while. Two int16 products are half the work of a float64 one.
bool plan_wide_pairs(ProductPlan& plan, const Range& a, const Range& b) {
  constexpr std::int64_t kMostOfTwoDigits = (std::int64_t{1} << 23) - 129;
  const bool split_a = !a.is_int16();
  const Range& wide = split_a ? a : b;
  const Range& other = split_a ? b : a;
  if (!other.is_int16() || wide.magnitude() > kMostOfTwoDigits) return false;
  const std::int64_t largest_digit = std::max<std::int64_t>(128, (wide.magnitude() + 128) >> 8);
  const std::int64_t flush_depth = kMaxInt32 / (largest_digit * std::max<std::int64_t>(1, other.magnitude()));
  if (flush_depth < kShortestFlush) return false;
  plan.engine = plan.set->pairs;
  PlannedOperand& split = split_a ? plan.a : plan.b;
  split.digit_count = 2;
  split.digits[0] = kHighOfSignedLow;
  split.digits[1] = kLow;
  const MultiplyFunction multiply = plan.engine->multiply[0][0];
  plan.products[0] = {0, 0, 8, multiply};
  plan.products[1] = {split_a ? 1 : 0, split_a ? 0 : 1, 0, multiply};
  plan.product_count = 2;
  plan.flush_depth = flush_depth;
  return true;
}

/// vpdpbusd adds four products uint8 * int8 to an int32 sum and wraps (it does not saturate); the argument is that of
/// plan_pairs with |a'| <= 255, |b'| <= 128. Signed rows become a' = a + 128, unsigned columns b' = b - 128, and the
/// driver corrects the sums: sum a b = sum a' b' + 128_b sum a' - 128_a sum b' - 128_a 128_b depth.
void plan_bytes(ProductPlan& plan, const Engine& engine, std::int64_t depth, const Range& a, const Range& b) {
  plan.engine = &engine;
  plan.products[0] = {0, 0, 0, plan.engine->multiply[0][0]};
  if (&engine == plan.set->two_bits) {  // int8 rows, columns of 0, 1 and 2
    if (!a.within(-128, 127)) shift_integers(plan.a, -128);
    shift_integers(plan.b, 1);
    if (plan.type == SumType::i64 && !sums_fit(depth, 128, 2, 0, kMaxInt32)) plan.flush_depth = kMaxInt32 / (128 * 2);
    return;
  }
  if (!a.within(0, 255)) shift_integers(plan.a, 128);
  if (!b.within(-128, 127)) shift_integers(plan.b, -128);
  // An int32 result is right modulo 2^32 whatever the shifted sums do on the way.
  if (plan.type == SumType::i64 && !sums_fit(depth, 255, 128, 0, kMaxInt32)) plan.flush_depth = kMaxInt32 / (255 * 128);
}

/// Tiles multiply bytes of any signs into wrapping int32 sums. Wider operands have two digits: the high one signed as
/// the operand is, the low one unsigned.
struct TileDigit {
  Digit digit;
  int shift;
  bool is_unsigned;
  std::int64_t magnitude;
};

int tile_digits(const Range& range, TileDigit* digits) {
  if (range.is_byte()) {
    digits[0] = {kWhole, 0, range.within(0, 255), range.magnitude()};
    return 1;
  }
  digits[0] = {kHighOfUnsignedLow, 8, range.low >= 0, std::max(-(range.low >> 8), range.high >> 8)};
  digits[1] = {kLow, 0, true, 255};
  return 2;
}

void plan_tiles(ProductPlan& plan, std::int64_t depth, const Range& a, const Range& b) {
  plan.engine = plan.set->tiles;
  TileDigit digits_a[2], digits_b[2];
  plan.a.digit_count = tile_digits(a, digits_a);
  plan.b.digit_count = tile_digits(b, digits_b);
  for (int i = 0; i < plan.a.digit_count; ++i) plan.a.digits[i] = digits_a[i].digit;
  for (int i = 0; i < plan.b.digit_count; ++i) plan.b.digits[i] = digits_b[i].digit;
  plan.product_count = 0;
  std::int64_t largest = 1;  // of one step of depth, over the products that share a shift
  for (const int shift : {16, 8, 0}) {
    std::int64_t step = 0;
    for (int i = 0; i < plan.a.digit_count; ++i) {
      for (int j = 0; j < plan.b.digit_count; ++j) {
        if (digits_a[i].shift + digits_b[j].shift != shift) continue;
        plan.products[plan.product_count++] = {i, j, shift,
                                               plan.engine->multiply[digits_a[i].is_unsigned][digits_b[j].is_unsigned]};
        step += digits_a[i].magnitude * digits_b[j].magnitude;
      }
    }
    largest = std::max(largest, step);
  }
  if (plan.product_count > 1 || !sums_fit(depth, largest, 1, 0, kMaxInt32)) plan.flush_depth = kMaxInt32 / largest;
}

/// Which engine multiplies unsigned by signed bytes; null where nothing beats pairs of int16.
const Engine* byte_engine(const EngineSet& set, const Range& a, const Range& b, const PlanChoice& choice) {
  if (!a.is_byte() || !b.is_byte()) return nullptr;
  if (choice.keeps_b_small && b.magnitude() <= 1 && set.two_bits != nullptr) return set.two_bits;
  if (set.bytes != nullptr) return set.bytes;
  if (b.magnitude() <= 1) return set.ternary_bytes;
  return b.magnitude() <= kLightByte ? set.light_bytes : nullptr;
}

bool prefers_planes(const EngineSet& set, std::int64_t m, std::int64_t n, std::int64_t depth,
                    const PlanChoice& choice) {
  const Engine* bytes = ternary_engine(set, TernaryKernel::bytes, choice.keeps_b_small);
  if (choice.ternary != TernaryKernel::automatic || bytes == nullptr) return choice.ternary != TernaryKernel::bytes;
  const auto cost = [&](const Engine& engine) {
    return product_cost(engine_cost(set, engine), engine.a.width, m, n, depth, choice.b_is_packed);
  };
  return cost(*set.planes) <= cost(*bytes);
}

}  // namespace

const Engine* ternary_engine(const EngineSet& set, TernaryKernel kernel, bool keeps_b_small) {
  if (kernel == TernaryKernel::bitplanes) return set.planes;
  if (keeps_b_small && set.two_bits != nullptr) return set.two_bits;
  return set.tiles != nullptr ? set.tiles : set.bytes != nullptr ? set.bytes : set.ternary_bytes;
}

bool sums_fit(std::int64_t depth, std::int64_t max_a, std::int64_t max_b, std::int64_t max_bias, std::int64_t most) {
  __int128 sum = 0;  // three factors may exceed even 128 bits
  return !__builtin_mul_overflow(static_cast<__int128>(max_a) * max_b, static_cast<__int128>(depth), &sum) &&
         sum <= most - max_bias;
}

void check_integer_product(std::int64_t depth, const IntegerOperand& a, const IntegerOperand& b, SumType type) {
  if (a.type == CodeType::f32 || b.type == CodeType::f32) throw UsageError("integer product: operands must be codes");
  if (type == SumType::f32) throw UsageError("integer product: sums are int32 or int64");
  if (!sums_fit(depth, a.max_magnitude, b.max_magnitude, 0, type == SumType::i32 ? kMaxInt32 : kMaxInt64)) {
    throw UsageError("integer product: " + std::to_string(depth) + " products of at most " +
                     std::to_string(a.max_magnitude) + " * " + std::to_string(b.max_magnitude) +
                     " do not fit the sums; ask integer_sum_type");
  }
}

ProductPlan plan_integer_product(const EngineSet& set, std::int64_t m, std::int64_t n, std::int64_t depth,
                                 const IntegerOperand& a, const IntegerOperand& b, SumType type,
                                 const PlanChoice& choice) {
  check_integer_product(depth, a, b, type);
  const Range range_a = range_of(a);
  const Range range_b = range_of(b);
  ProductPlan plan;
  plan.set = &set;
  plan.type = type;
  plan.a = planned(a, range_a, m, depth);
  plan.b = planned(b, range_b, n, depth);
  if (set.planes != nullptr && range_a.magnitude() <= 1 && range_b.magnitude() <= 1 &&
      prefers_planes(set, m, n, depth, choice)) {
    plan.engine = set.planes;
    plan.products[0] = {0, 0, 0, plan.engine->multiply[0][0]};
    // A group changes a sum by 32 at most, so only a sum that is not int32 must be flushed.
    if (type == SumType::i64 && !sums_fit(depth, 1, 1, 0, kMaxInt32)) plan.flush_depth = kMaxInt32;
    return plan;
  }
  const Engine* bytes = byte_engine(set, range_a, range_b, choice);
  const int tile_products = (range_a.is_byte() ? 1 : 2) * (range_b.is_byte() ? 1 : 2);
  const bool stays_small = bytes != nullptr && bytes == set.two_bits;
  if (!stays_small && set.tiles != nullptr && range_a.is_two_bytes() && range_b.is_two_bytes() &&
      (set.pairs == nullptr || tile_products <= set.tile_products())) {
    plan_tiles(plan, depth, range_a, range_b);
  } else if (bytes != nullptr) {
    plan_bytes(plan, *bytes, depth, range_a, range_b);
  } else if (set.pairs != nullptr && range_a.is_int16() && range_b.is_int16()) {
    plan_pairs(plan, depth, range_a, range_b);
  } else if (set.pairs == nullptr || !plan_wide_pairs(plan, range_a, range_b)) {
    const bool exact = sums_fit(depth, range_a.magnitude(), range_b.magnitude(), 0, kMaxFloat64);
    plan.engine = exact ? set.float64 : set.int64;
    plan.products[0] = {0, 0, 0, plan.engine->multiply[0][0]};
  }
  return plan;
}

ProductPlan plan_float_product(const EngineSet& set, std::int64_t m, std::int64_t n, std::int64_t depth,
                               const FloatOperand& a, const FloatOperand& b) {
  ProductPlan plan;
  plan.set = &set;
  plan.type = SumType::f32;
  plan.engine = set.float32;
  plan.a.source = {a.values, CodeType::f32, a.row_stride, a.depth_stride, m, depth, 1, 0, true, a.gather};
  plan.b.source = {b.values, CodeType::f32, b.row_stride, b.depth_stride, n, depth, 1, 0, true, b.gather};
  plan.products[0] = {0, 0, 0, plan.engine->multiply[0][0]};
  return plan;
}

void use_packed_columns(ProductPlan& plan, const PackedSide& packed) {
  const bool same = plan.engine == packed.engine && plan.b.source.rows == packed.rows &&
                    plan.b.source.depth == packed.depth && plan.flush_depth == packed.flush_depth &&
                    plan.b.digit_count == packed.digits && plan.a.shifted_by == packed.a_shifted_by &&
                    plan.b.shifted_by == packed.b_shifted_by;
  if (!same) throw Error("packed columns: planned for another product");
  plan.packed_b = &packed;
}

}  // namespace dyadic::product
