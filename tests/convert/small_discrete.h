// What tests of packed networks share: a discrete network of every layer that can be packed, trained for a few steps on
// a few hundred digits.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dyadic/data/digits.h"
#include "dyadic/experiment/recipe.h"
#include "dyadic/nn/packed_plan.h"
#include "dyadic/train/trainer.h"

namespace dyadic {

/// 250 training images and 650 to test: sums of c1 wait for their pool in more than one part.
inline const DataSet& some_digits() {
  static const DataSet set = generate_digits_set(kDigitSeed, 250, 650);
  return set;
}

/// 28x28x1 - c1 12x12x6 - pool 6x6 - norm - steps - c2 6x6x8, padded - norm - steps - pool 3x3 - h 16 - steps on bare
/// sums - out 10 - norm; six steps of ten images to an epoch.
inline Recipe small_discrete(const std::vector<Override>& overrides = {}) {
  return parse_recipe(R"(seed = 3
title = "small"
[data]
name = "digits"
split = { train = 60, valid = 20 }
pixels = "signed"
[network]
input = [28, 28, 1]
layers = [
  { name = "c1", type = "conv2d", channels = 6, kernel = 5, stride = 2, bias = "none", init = "uniform" },
  { type = "max_pool", size = 2 },
  { type = "batch_norm" },
  { type = "multi_step" },
  { name = "c2", type = "conv2d", channels = 8, kernel = 3, padding = 1, groups = 2, bias = "none", init = "uniform" },
  { type = "batch_norm", epsilon = 0.01 },
  { type = "multi_step", threshold = 0.25 },
  { type = "max_pool", size = 2 },
  { type = "flatten" },
  { name = "h", type = "dense", units = 16, bias = "none", init = "uniform" },
  { type = "multi_step" },
  { name = "out", type = "dense", units = 10, bias = "none", init = "uniform" },
  { type = "batch_norm" },
]
loss = "squared_hinge"
loss_scale = "mean"
[formats]
input = "q1.7"
weight = "ternary"
preactivation = "exact"
activation = "ternary"
[train]
epochs = 4
batch = 10
optimizer = { type = "adam" }
learning_rate = { start = 0.1, end = 0.01, curve = "geometric" }
momentum = 0
)",
                      "small.toml", overrides);
}

inline std::unique_ptr<Trainer> trained(const Recipe& recipe, int steps) {
  auto trainer = std::make_unique<Trainer>(recipe, some_digits(), nullptr);
  for (int i = 0; i < steps; ++i) {
    trainer->step();
    if (trainer->epoch_complete()) trainer->end_epoch();
  }
  return trainer;
}

inline Recipe packed_recipe(const Trainer& trainer, const Progress& progress) {
  return recipe_of_stage(trainer.recipe(), trainer.recipe().stage_at(progress.epochs));
}

inline Pass evaluation_pass(Trainer& trainer) {
  return {.plan = &trainer.network().plan(), .seed = trainer.recipe().seed, .step = trainer.progress().step};
}

}  // namespace dyadic
