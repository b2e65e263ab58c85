// How one product runs: on which engine, split into which digits, in blocks of which depth. A function of the operands'
// bounds alone, so that the choice never depends on data; every choice gives the same sums.
#pragma once

#include <cstdint>

#include "dyadic/base/aligned.h"
#include "dyadic/kernels/isa.h"
#include "dyadic/kernels/product_choice.h"
#include "dyadic/kernels/product_engine.h"

namespace dyadic::product {

struct PlannedOperand {
  PackSource source;
  Digit digits[2];
  int digit_count = 1;
  /// What was added to every integer (its negative to `source.offset`) to make it a byte of the sign that the engine
  /// wants; the driver takes it out of the sums again.
  std::int64_t shifted_by = 0;
};

/// Product of one digit of a and one of b, worth 2^shift.
struct DigitProduct {
  int a = 0;
  int b = 0;
  int shift = 0;
  MultiplyFunction multiply = nullptr;
};

/// Where a product's sums belong in a larger output.
struct OutputMap {
  using Rows = void (*)(const void* context, std::int64_t row, std::int64_t count, std::int64_t* output_rows);
  std::int64_t row = 0, column = 0;  // of element (0, 0)
  Rows rows = nullptr;               // null: one after the other from `row` on
  const void* context = nullptr;
};

/// What a plan may choose between beside the bounds of the operands.
struct PlanChoice {
  TernaryKernel ternary = ternary_kernel();
  bool b_is_packed = false;    // so packing it costs nothing
  bool keeps_b_small = false;  // ternary columns stay two bits each, though unpacking them costs time in every product
};

/// The columns of a product, packed once for many products. Made by pack_columns; holds for plans of the same bounds,
/// rows and depth.
struct PackedSide {
  const Engine* engine = nullptr;
  PlanChoice choice;  // that leads to this engine again
  // The rest of what the plan must have in common with the one that they were packed by.
  std::int64_t rows = 0, depth = 0, flush_depth = 0;
  int digits = 1;
  std::int64_t a_shifted_by = 0, b_shifted_by = 0;
  AlignedVector<std::byte> panels;   // [block of the depth][digit][panel]
  AlignedVector<std::int64_t> sums;  // of the rows, where the engine asks for them
};

/// Packed bytes of the operand that a product packs whole; longer ones are packed in rounds over the depth, if keeping
/// all sums takes less memory.
inline constexpr std::int64_t kSharedBytes = 8 * 1024 * 1024;

struct ProductPlan {
  const Engine* engine = nullptr;
  const EngineSet* set = nullptr;
  PlannedOperand a, b;
  DigitProduct products[4];  // equal shifts next to each other
  int product_count = 1;
  /// Depth of a block whose int32 sums are exact; a block's sums are then added to sums of `type`. 0: the engine's
  /// accumulators hold the whole sum and are only converted at the end.
  std::int64_t flush_depth = 0;
  SumType type = SumType::i32;
  OutputMap output;
  std::int64_t shared_bytes = kSharedBytes;
  const PackedSide* packed_b = nullptr;  // instead of b's codes
};

/// depth * max_a * max_b + max_bias <= most, all non-negative.
bool sums_fit(std::int64_t depth, std::int64_t max_a, std::int64_t max_b, std::int64_t max_bias, std::int64_t most);

/// The engine that ternary codes on both sides run on; null if the tier has none of the kind.
const Engine* ternary_engine(const EngineSet& set, TernaryKernel kernel, bool keeps_b_small);

/// Throws UsageError if |sums| may exceed `type`.
ProductPlan plan_integer_product(const EngineSet& set, std::int64_t m, std::int64_t n, std::int64_t depth,
                                 const IntegerOperand& a, const IntegerOperand& b, SumType type,
                                 const PlanChoice& choice = {});
ProductPlan plan_float_product(const EngineSet& set, std::int64_t m, std::int64_t n, std::int64_t depth,
                               const FloatOperand& a, const FloatOperand& b);

/// Throws UsageError unless the operands are integers whose sums fit `type`.
void check_integer_product(std::int64_t depth, const IntegerOperand& a, const IntegerOperand& b, SumType type);

PackedSide pack_columns(const ProductPlan& plan);

/// Lets a plan use packed columns; throws Error (a defect) unless it would have packed them in the same way.
void use_packed_columns(ProductPlan& plan, const PackedSide& packed);

/// Runs a plan; integer_product and float_product say what comes out.
void run_product(const ProductPlan& plan, SumConsumer consume, void* context);

/// The engines of a tier that has any (all but ref).
const EngineSet& engines_of(Isa isa);

}  // namespace dyadic::product

namespace dyadic::ref {

/// The plain loops that every other tier is held to.
void integer_product(std::int64_t m, std::int64_t n, std::int64_t depth, const IntegerOperand& a,
                     const IntegerOperand& b, SumType type, SumConsumer consume, void* context);
/// The same for integers of -1, 0 and 1, by counting bits.
void planes_product(std::int64_t m, std::int64_t n, std::int64_t depth, const IntegerOperand& a,
                    const IntegerOperand& b, SumType type, SumConsumer consume, void* context);
void float_product(std::int64_t m, std::int64_t n, std::int64_t depth, const FloatOperand& a, const FloatOperand& b,
                   SumConsumer consume, void* context);

}  // namespace dyadic::ref
