// Memory that the layers of a network share, one layer at a time: weights decoded for a product, and then the gradient
// of those weights. So a network keeps its weights compressed, and beside them no more than one layer's gradient.
#pragma once

#include <cstddef>

#include "dyadic/base/aligned.h"
#include "dyadic/tensor/tensor.h"

namespace dyadic {

class WeightWorkspace {
 public:
  /// The codes of a tensor: where they lie, or, if it is compressed, expanded here. Until the next call.
  const void* codes(const Tensor& tensor);
  /// The values of a tensor times 2^scale_exponent in float32: where they lie, or decoded here. Until the next call.
  const float* values(const Tensor& tensor, int scale_exponent);

  /// Lends the memory to an empty tensor, and takes it back.
  void lend(Tensor& tensor);
  void take_back(Tensor& tensor);

  [[nodiscard]] std::int64_t bytes() const { return static_cast<std::int64_t>(memory_.capacity()); }

 private:
  AlignedVector<std::byte> memory_;
};

}  // namespace dyadic
