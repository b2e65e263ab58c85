// A small network of every layer type, for tests of the network and of training.
#pragma once

#include <string>

#include "dyadic/experiment/recipe.h"

namespace dyadic {

/// input - dropout - h1 (12 units, 3 pieces) - dropout - h2 (6 units, identity) - out (10).
inline std::string small_recipe_text(const std::string& formats) {
  return R"(
title = "small"
seed = 11
[data]
name = "mnist"
split = { train = 60, valid = 20 }
[network]
input = [784]
layers = [
  { type = "dropout", keep = 0.8 },
  { name = "h1", type = "dense", units = 12, init = "glorot_uniform", max_column_norm = 1.9365 },
  { type = "maxout", pieces = 3 },
  { type = "dropout", keep = 0.5 },
  { name = "h2", type = "dense", units = 6, init = "glorot_uniform", max_column_norm = 1.9365, test_scale = 0.5 },
  { name = "out", type = "dense", units = 10, init = "glorot_uniform", max_column_norm = 1.9365 },
]
loss = "softmax_nll"
loss_scale = "batch"
[formats]
)" + formats +
         R"(
[train]
epochs = 2
batch = 10
optimizer = { type = "sgd" }
learning_rate = { start = 0.05, end = 0.005, until_fraction = 0.5 }
momentum = { start = 0.5, end = 0.7, until_fraction = 0.25 }
)";
}

/// A recipe must fit its data set; a test of the network alone may narrow the input afterwards.
inline Recipe small_recipe(std::int64_t inputs, const std::string& formats) {
  Recipe recipe = parse_recipe(small_recipe_text(formats), "small.toml", {});
  recipe.network.input = {inputs};
  return recipe;
}

}  // namespace dyadic
