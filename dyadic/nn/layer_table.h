// From a recipe's list of layers to Layer objects: one row per layer type. The rows see the list from above, because
// what a layer does depends on its neighbours: whose activation it is, whether a bias waits for a pool, and which of a
// node's tensors its range follows.
#pragma once

#include <memory>
#include <vector>

#include "dyadic/experiment/recipe.h"
#include "dyadic/nn/layer.h"
#include "dyadic/nn/weight_workspace.h"

namespace dyadic {

class Weights;

/// Where the walk over a recipe's layers stands.
struct LayerContext {
  const Recipe& recipe;
  NumberPlan& plan;
  Shape shape;  // per example, of what the next layer reads
  std::shared_ptr<WeightWorkspace> workspace = std::make_shared<WeightWorkspace>();  // of all layers
  int node = 0;                          // ordinal of the last layer with weights
  const LayerSpec* node_spec = nullptr;  // that layer
  bool needs_activation = false;         // that node has a z but no y yet
  bool pools_before_activation = false;  // after a batch_norm: pools since then
  bool normalized = false;               // its z has gone through a batch_norm
  Weights* waiting_bias = nullptr;       // of a convolution whose bias is added after the pool
  std::int64_t values_before_bias = 0;   // then: values of z per example, until the activation
  std::int64_t largest = 0;              // values per example of the largest tensor so far
  std::size_t index = 0;                 // of the next layer in the list

  /// Which of the node's values the next layer reads.
  [[nodiscard]] NodeValue value() const {
    if (!needs_activation) return NodeValue::activation;
    return normalized ? NodeValue::normalized : NodeValue::preactivation;
  }
};

/// The layers of a recipe in order, the identity activations of nodes that name none included. Throws ShapeError,
/// UsageError.
std::vector<std::unique_ptr<Layer>> make_layers(LayerContext& context);

}  // namespace dyadic
