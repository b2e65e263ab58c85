// One optimiser step on one parameter. Which change is wanted is the optimiser's business (sgd, adam); how a weight
// takes it is that of its format: discrete masters move by state transition, all others are rounded.
#pragma once

#include <cstdint>

#include "dyadic/experiment/recipe.h"
#include "dyadic/nn/layer.h"

namespace dyadic {

struct OptimizerStep {
  const TrainSpec& spec;
  double learning_rate = 0;
  double momentum = 0;  // of sgd
  std::uint64_t seed = 0;
  std::uint32_t step = 0;
  std::int64_t moments_step = 1;  // adam: steps since its moments were zero, this one counted
};

/// Rewrites the parameter's master, update and moment from its gradient, and counts into `plan`. Same bits on every
/// tier and for any number of threads. Throws NonFiniteError.
void update_parameter(Parameter& parameter, const OptimizerStep& step, NumberPlan& plan);

}  // namespace dyadic
