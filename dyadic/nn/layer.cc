#include "dyadic/nn/layer.h"

#include "dyadic/base/error.h"

namespace dyadic {

RoundingRandom Pass::rounding(const RoundingPoint& point, const Tensor& tensor) const {
  const std::int64_t batch = tensor.shape()[0];
  const std::int64_t values = batch == 0 ? 0 : tensor.size() / batch;
  return {random(point), static_cast<std::uint64_t>(first_example * values)};
}

void Pass::count(RoundingPoint& point, const RoundingCounts& counts, bool counted) const {
  if (training && (counted || counts.nonfinite > 0)) {
    plan->count(point, counts, counted);
  } else if (counts.nonfinite > 0 && !plan->count_nonfinite) {
    throw NonFiniteError(plan->describe(point) + ": " + std::to_string(counts.nonfinite) + " of " +
                         std::to_string(counts.elements) + " values are not finite in evaluation");
  }
}

}  // namespace dyadic
