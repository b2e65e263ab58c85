#include "dyadic/kernels/product.h"

#include <limits>
#include <string>

#include "dyadic/base/error.h"
#include "dyadic/kernels/product_plan.h"

namespace dyadic {

namespace product {

const EngineSet& engines_of(Isa isa) {
  switch (isa) {
    case Isa::amx: return amx::product_engines();
    case Isa::avx512: return avx512::product_engines();
    default: return avx2::product_engines();
  }
}

}  // namespace product

bool sums_fit_int32(std::int64_t depth, std::int64_t max_a, std::int64_t max_b) {
  return product::sums_fit(depth, max_a, max_b, 0, std::numeric_limits<std::int32_t>::max());
}

SumType integer_sum_type(std::int64_t depth, std::int64_t max_a, std::int64_t max_b, std::int64_t max_bias) {
  using product::sums_fit;
  if (sums_fit(depth, max_a, max_b, max_bias, std::numeric_limits<std::int32_t>::max())) return SumType::i32;
  if (sums_fit(depth, max_a, max_b, max_bias, std::numeric_limits<std::int64_t>::max())) return SumType::i64;
  throw UsageError("sums of " + std::to_string(depth) + " products of at most " + std::to_string(max_a) + " * " +
                   std::to_string(max_b) + " and a bias do not fit 64 bits: choose narrower formats");
}

void integer_product(std::int64_t m, std::int64_t n, std::int64_t depth, const IntegerOperand& a,
                     const IntegerOperand& b, SumType type, SumConsumer consume, void* context) {
  const Isa isa = active_isa();
  if (isa == Isa::ref) {
    const bool planes = ternary_kernel() == TernaryKernel::bitplanes && a.max_magnitude <= 1 && b.max_magnitude <= 1;
    return (planes ? ref::planes_product : ref::integer_product)(m, n, depth, a, b, type, consume, context);
  }
  product::run_product(product::plan_integer_product(product::engines_of(isa), m, n, depth, a, b, type), consume,
                       context);
}

void float_product(std::int64_t m, std::int64_t n, std::int64_t depth, const FloatOperand& a, const FloatOperand& b,
                   SumConsumer consume, void* context) {
  const Isa isa = active_isa();
  if (isa == Isa::ref) return ref::float_product(m, n, depth, a, b, consume, context);
  product::run_product(product::plan_float_product(product::engines_of(isa), m, n, depth, a, b), consume, context);
}

}  // namespace dyadic
