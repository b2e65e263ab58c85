// Epilogues: consume the finished sums of a product tile, add the bias exactly, round once, count, store codes.
#pragma once

#include <cstdint>
#include <vector>

#include "dyadic/kernels/product.h"
#include "dyadic/kernels/quantize.h"
#include "dyadic/tensor/tensor.h"

namespace dyadic {

/// The bias of a parameter node, ready for sums whose unit is 2^sum_exponent.
class PreparedBias {
 public:
  /// Integer sums. `scale_exponent` multiplies the bias by a power of two (test_scale).
  void prepare_integer(const Tensor& bias, int scale_exponent, int sum_exponent);
  /// Float sums: values times 2^scale_exponent.
  void prepare_float(const Tensor& bias, int scale_exponent);

  /// Largest |aligned| that the format allows; what integer_sum_type needs. 0 if the bias could not be aligned to
  /// int32.
  [[nodiscard]] std::int64_t max_aligned() const { return max_aligned_; }

  [[nodiscard]] BiasRow row(std::int64_t column) const;
  [[nodiscard]] const float* values(std::int64_t column) const { return values_.data() + column; }

 private:
  std::vector<std::int64_t> steps_;
  std::vector<std::int32_t> aligned_;
  std::vector<float> values_;
  int exponent_ = 0;
  std::int64_t max_aligned_ = 0;
};

/// Rounds the tiles of a product, convolution or pool into `output`, whose elements are [rows, columns] of it and whose
/// format is the target. Random bits: element (row + first_row) * columns + column of `random`. Tiles of float64 values
/// take no bias.
class RoundingEpilogue {
 public:
  RoundingEpilogue(Tensor& output, std::int64_t columns, int sum_exponent, const PreparedBias* bias,
                   const RandomStream& random, std::int64_t first_row);

  static void consume(void* self, const SumTile& tile, int part);

  [[nodiscard]] RoundingCounts counts() const;

 private:
  /// n elements of the tile from the beginning of a row on: the row's, or all of a tile without gaps.
  void round_elements(const SumTile& tile, std::int64_t row, std::int64_t n, RoundingCounts& counts) const;

  Tensor& output_;
  std::int64_t columns_;
  int sum_exponent_;
  const PreparedBias* bias_;
  RandomStream random_;
  std::int64_t first_row_;
  std::vector<RoundingCounts> counts_;  // one per part
};

}  // namespace dyadic
