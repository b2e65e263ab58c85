// Small convolutional networks of every layer type, for tests of the network and of its plan of numbers.
#pragma once

#include <string>

#include "dyadic/experiment/recipe.h"

namespace dyadic {

// What the layers below are fed: [height, width, channels].
inline const Shape kSmallImage = {9, 8, 2};

/// 9x8x2 - c1 5x7x6 - relu - overlapping pool 2x3x6 - c2 in two groups 3x4x8 - maxout 3x4x4 - average 2x3x4 - out 10.
inline const std::string kPooledAfterActivation = R"(
  { name = "c1", type = "conv2d", channels = 6, kernel = [3, 2], stride = [2, 1], padding = [1, 0] },
  { type = "relu" },
  { type = "max_pool", size = 3, stride = 2 },
  { name = "c2", type = "conv2d", channels = 8, kernel = 2, padding = 1, groups = 2, max_norm = 0.9, test_scale = 0.5 },
  { type = "maxout", pieces = 2 },
  { type = "average_pool", size = 2, stride = 1 },
  { type = "flatten" },
  { name = "out", type = "dense", units = 10 },
)";

/// 9x8x2 - c1 7x6x6, its bias after the pool 3x3x6 - maxout 3x3x3 - c2 2x2x10 - mean 1x1x10.
inline const std::string kBiasAfterPool = R"(
  { name = "c1", type = "conv2d", channels = 6, kernel = 3, bias = "after_pool", max_norm = 0.9, max_norm_axis = "output" },
  { type = "max_pool", size = 3, stride = 2 },
  { type = "maxout", pieces = 2 },
  { name = "c2", type = "conv2d", channels = 10, kernel = 2 },
  { type = "global_average_pool" },
)";

/// 9x8x2, masked - c1 9x8x4 - average 5x4x4 - pool 4x3x4 - relu, masked - c2 4x3x3, pooled 2x2x3, identity, masked -
/// out 10.
inline const std::string kPooledBeforeActivation = R"(
  { type = "dropout", keep = 0.8 },
  { name = "c1", type = "conv2d", channels = 4, kernel = 3, padding = 1, dilation = 1 },
  { type = "average_pool", size = [2, 3], stride = 2 },
  { type = "max_pool", size = 2, stride = 1, partial = false },
  { type = "relu" },
  { type = "dropout", keep = 0.5 },
  { name = "c2", type = "conv2d", channels = 3, kernel = [1, 1] },
  { type = "max_pool", size = [3, 2], padding = [1, 0] },
  { type = "dropout", keep = 0.5 },
  { type = "flatten" },
  { name = "out", type = "dense", units = 10 },
)";

/// A recipe must fit its data set, so it is read with 28x28x1 images and gets its small input afterwards.
inline Recipe small_convolution(const std::string& layers, const std::string& formats,
                                const std::string& network = "") {
  Recipe recipe = parse_recipe("seed = 11\n[data]\nname = \"mnist\"\n[network]\ninput = [28, 28, 1]\nlayers = [" +
                                   layers + "]\n" + network + "\n[formats]\n" + formats + "\n",
                               "small.toml", {});
  recipe.network.input = kSmallImage;
  return recipe;
}

}  // namespace dyadic
