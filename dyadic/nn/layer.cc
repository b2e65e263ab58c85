#include "dyadic/nn/layer.h"

#include "dyadic/base/error.h"

namespace dyadic {

void Pass::count(RoundingPoint& point, const RoundingCounts& counts) const {
  if (training) {
    plan->count(point, counts);
  } else if (counts.nonfinite > 0 && !plan->count_nonfinite) {
    throw NonFiniteError(plan->describe(point) + ": " + std::to_string(counts.nonfinite) + " of " +
                         std::to_string(counts.elements) + " values are not finite in evaluation");
  }
}

}  // namespace dyadic
