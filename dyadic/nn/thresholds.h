// Integer thresholds of a node whose sums are exact. In evaluation, what follows such a sum up to the next state
// (normalisation in float64, its rounding, the comparison with the staircase) is a function of the channel and of the
// integer z alone, and monotone: each operation of it is. So it is 2^N thresholds, and they are found by bisection over
// the integers z, asking the pipeline itself and never solving an equation in real numbers: what is folded has the
// states of what it was folded from, by construction.
#pragma once

#include <cstdint>
#include <functional>

#include "dyadic/kernels/threshold.h"
#include "dyadic/tensor/tensor.h"

namespace dyadic {

/// A function of each sum and its channel: `output` gets z's shape [rows, channels] and a format of its own.
using ChannelFunction = std::function<void(const Tensor& z, Tensor& output)>;

/// The thresholds of `states`, whose codes, monotone in z, are 0..steps, for the integers z of [-largest, largest].
/// `sums`: the fixed format of z, whose codes are those integers. Thresholds lie in [-largest, largest + 1]: the first
/// is passed by every sum, the last by none. A channel that does not move has direction 1. Throws ShapeError if
/// largest is not below 2^31 - 1, and what `states` throws.
ChannelThresholds fold_thresholds(const ChannelFunction& states, const Format& sums, std::int64_t largest,
                                  std::int64_t channels, std::int64_t steps);

/// Throws UsageError that names the channel and the value: sizes, directions other than 1 and -1, thresholds that do
/// not ascend or lie outside [-largest, largest + 1].
void check_thresholds(const ChannelThresholds& thresholds, std::int64_t largest, std::int64_t channels,
                      std::int64_t steps);

}  // namespace dyadic
