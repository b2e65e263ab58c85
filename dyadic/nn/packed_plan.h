// Which networks are integers from end to end in evaluation, and what each of their nodes then is: an exact product,
// pools of sums, thresholds, pools of states; the last one has scores in place of thresholds. A function of the recipe
// alone, asked by the exporter, which folds a trained network into such nodes, and by the packed network, which runs
// them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dyadic/experiment/recipe.h"
#include "dyadic/kernels/convolution.h"
#include "dyadic/kernels/pool.h"
#include "dyadic/tensor/tensor.h"

namespace dyadic {

struct PackedNode {
  std::string name;
  bool is_convolution = false;
  ConvolutionShape shape;    // of one example; a dense node's window is its whole input
  Shape weight_shape;        // as the parameter's
  Shape sums_shape;          // per example, after the pools of sums
  Format reads, weight;      // of the products' operands
  Format sums;               // fixed: its codes are the sums
  std::int64_t largest = 0;  // of them: depth times both largest magnitudes
  std::vector<PoolShape> sum_pools, state_pools;
  std::optional<std::size_t> norm;   // places in network.layers
  std::optional<std::size_t> steps;  // none: the output
  Format normalized, activation;

  [[nodiscard]] bool is_output() const { return !steps; }
  [[nodiscard]] std::int64_t channels() const { return sums_shape.back(); }
  /// Thresholds per channel.
  [[nodiscard]] std::int64_t step_count() const { return activation.max_code; }
};

/// The recipe with the formats of one stage, in which alone evaluation can go on.
Recipe recipe_of_stage(const Recipe& recipe, std::size_t stage);

/// The nodes of the recipe's network in order, in the formats of `recipe.formats`. Throws UsageError that names the
/// layer and says why it cannot be packed.
std::vector<PackedNode> packed_plan(const Recipe& recipe);

}  // namespace dyadic
