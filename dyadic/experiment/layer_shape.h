// What a layer is to its node, and the shapes between layers, per example: [features] or [height, width, channels]. One
// place says them, for the check of a recipe and for the network that is built from it.
#pragma once

#include "dyadic/experiment/recipe.h"
#include "dyadic/kernels/convolution.h"
#include "dyadic/kernels/pool.h"
#include "dyadic/tensor/tensor.h"

namespace dyadic {

/// A node is a layer with weights and what follows up to the next one. What a layer does there decides which layers may
/// surround it and which of the node's tensors its range follows (docs/numerics.md).
enum class LayerKind {
  weights,         // begins a node: z, and its name
  normalization,   // another z, rounded, once in a node
  activation,      // y from z, once in a node
  mask,            // another y in place of y; an activation that is not written comes before it
  selecting_pool,  // another z or y, of codes that were there
  averaging_pool,  // another z or y, rounded
  view,            // the same values in another shape
};

/// Throws UsageError for an unknown type.
LayerKind layer_kind(const LayerSpec& layer);

/// What a layer gives for examples of shape `input`. Throws ShapeError that says why it cannot take them.
Shape layer_output_shape(const LayerSpec& layer, const Shape& input);

/// The kernels' view of a conv2d layer on `batch` examples of shape `input`. Throws ShapeError.
ConvolutionShape convolution_shape(const LayerSpec& layer, std::int64_t batch, const Shape& input);

/// The kernels' view of a pool; a global one has the input as its window. Throws ShapeError.
PoolShape pool_shape(const LayerSpec& layer, std::int64_t batch, const Shape& input);

/// True for layers with weights, which are named nodes.
inline bool has_weights(const LayerSpec& layer) { return layer_kind(layer) == LayerKind::weights; }

}  // namespace dyadic
