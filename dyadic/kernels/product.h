// Matrix products that are exact (integer codes) or have one documented order (float32). A product fills a cache-sized
// tile of finished sums and hands it to a consumer, the epilogue; products know nothing of formats or roundings, and
// epilogues nothing of blocking. The three shapes of training are one function with three pairs of strides:
//
//   x . w^T    a = x [m, k]   strides (k, 1)    b = w [n, k]   strides (k, 1)
//   dz . w     a = dz [m, k]  strides (k, 1)    b = w [k, n]   strides (1, n)
//   dz^T . x   a = dz [k, m]  strides (1, m)    b = x [k, n]   strides (1, n)
#pragma once

#include <cstdint>

#include "dyadic/formats/format.h"

namespace dyadic {

namespace product {
struct Gather;
}

/// [rows, depth] of integers multiplier * code - offset, |integer| <= max_magnitude. Strides in elements.
struct IntegerOperand {
  const void* codes = nullptr;
  CodeType type = CodeType::i16;  // any but f32
  std::int64_t row_stride = 0;
  std::int64_t depth_stride = 1;
  std::int64_t multiplier = 1;
  std::int64_t offset = 0;
  std::int64_t max_magnitude = 0;
  const product::Gather* gather = nullptr;  // instead of codes and strides: convolutions; not for the ref tier
};

struct FloatOperand {
  const float* values = nullptr;
  std::int64_t row_stride = 0;
  std::int64_t depth_stride = 1;
  const product::Gather* gather = nullptr;
};

/// f64: not sums but values, which pooling makes and an epilogue rounds as they are.
enum class SumType { i32, i64, f32, f64 };

/// sums[i * stride + j] is the finished sum of output element (output_row(i), column + j).
struct SumTile {
  const void* sums = nullptr;
  SumType type = SumType::i32;
  std::int64_t row = 0;
  std::int64_t column = 0;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::int64_t stride = 0;
  const std::int64_t* row_index = nullptr;  // the output's row of each row of the tile; null: row, row + 1, ...

  [[nodiscard]] std::int64_t output_row(std::int64_t i) const { return row_index != nullptr ? row_index[i] : row + i; }
};

/// Called once per tile; tiles cover the output exactly once. Parts run on different threads at the same time; `part`
/// is below thread_count().
using SumConsumer = void (*)(void* context, const SumTile& tile, int part);

/// depth * max_a * max_b <= 2^31 - 1: the sums of such products are int32.
bool sums_fit_int32(std::int64_t depth, std::int64_t max_a, std::int64_t max_b);

/// int32 if depth * max_a * max_b + max_bias <= 2^31 - 1, else int64 by the same test with 2^63 - 1, else UsageError.
SumType integer_sum_type(std::int64_t depth, std::int64_t max_a, std::int64_t max_b, std::int64_t max_bias);

/// y[i,j] = sum_k a[i,k] * b[j,k], exact. `type` (i32 or i64) comes from integer_sum_type and fixes the tiles' type.
/// Bounds are taken from the operands' max_magnitude, so the result never depends on the data's luck.
void integer_product(std::int64_t m, std::int64_t n, std::int64_t depth, const IntegerOperand& a,
                     const IntegerOperand& b, SumType type, SumConsumer consume, void* context);

/// y[i,j] = fused multiply-adds in float32, k increasing from 0, starting at +0; padding is skipped, not multiplied.
void float_product(std::int64_t m, std::int64_t n, std::int64_t depth, const FloatOperand& a, const FloatOperand& b,
                   SumConsumer consume, void* context);

/// Bytes that products and convolutions hold for packed operands and sums, over all threads. Kept between calls, so
/// this is also the most they ever held.
std::int64_t product_scratch_bytes();

}  // namespace dyadic
