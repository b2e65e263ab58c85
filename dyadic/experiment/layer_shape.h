// Shapes between layers, per example: [features] or [height, width, channels]. One place says them, for the check of a
// recipe and for the network that is built from it.
#pragma once

#include "dyadic/experiment/recipe.h"
#include "dyadic/kernels/convolution.h"
#include "dyadic/kernels/pool.h"
#include "dyadic/tensor/tensor.h"

namespace dyadic {

/// What a layer gives for examples of shape `input`. Throws ShapeError that says why it cannot take them.
Shape layer_output_shape(const LayerSpec& layer, const Shape& input);

/// The kernels' view of a conv2d layer on `batch` examples of shape `input`. Throws ShapeError.
ConvolutionShape convolution_shape(const LayerSpec& layer, std::int64_t batch, const Shape& input);

/// The kernels' view of a pool; a global one has the input as its window. Throws ShapeError.
PoolShape pool_shape(const LayerSpec& layer, std::int64_t batch, const Shape& input);

/// True for layers with weights, which are named nodes.
bool has_weights(const LayerSpec& layer);

/// True for layers that make a node's y of its z.
bool is_activation_layer(const LayerSpec& layer);

}  // namespace dyadic
