// What tests of whole runs share: a few hundred digits, and the checksum of a run that may be interrupted.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dyadic/data/digits.h"
#include "dyadic/experiment/recipe.h"
#include "dyadic/train/checkpoint.h"
#include "dyadic/train/trainer.h"

namespace dyadic {

/// 250 training images and 40 to test.
inline const DataSet& few_digits() {
  static const DataSet set = generate_digits_set(kDigitSeed, 250, 40);
  return set;
}

/// One step, and the end of the epoch if it was the last.
inline void advance(Trainer& trainer) {
  trainer.step();
  if (trainer.epoch_complete()) trainer.end_epoch();
}

/// What a process that resumes the run has.
inline std::unique_ptr<Trainer> resumed(Trainer& trainer) {
  const std::vector<std::byte> bytes = serialize_safetensors(make_checkpoint(trainer));
  auto other = std::make_unique<Trainer>(trainer.recipe(), few_digits(), nullptr);
  restore_checkpoint(parse_safetensors(bytes, "memory"), "memory", *other);
  return other;
}

/// Trains until `steps`; with `hop`, through a checkpoint after every `hop` steps.
inline std::string checksum_after(const Recipe& recipe, std::uint32_t steps, std::uint32_t hop = 0) {
  auto trainer = std::make_unique<Trainer>(recipe, few_digits(), nullptr);
  while (trainer->progress().step < steps && !trainer->finished()) {
    advance(*trainer);
    if (hop != 0 && trainer->progress().step % hop == 0) trainer = resumed(*trainer);
  }
  return state_checksum(trainer->network());
}

/// The task PI_DIGITS with hidden layers of 40 units in 5 pieces: ten steps of twenty images to an epoch, four epochs.
/// `arithmetic`: FORMAT and its numbers.
inline Recipe small_task(const std::vector<std::string>& arithmetic, const std::vector<Override>& more = {}) {
  std::vector<std::string> words = {"PI_DIGITS"};
  words.insert(words.end(), arithmetic.begin(), arithmetic.end());
  std::vector<Override> overrides = {"data.split={train = 200, valid = 50}",
                                     "train.batch=20",
                                     "train.epochs=4",
                                     "seed=3",
                                     "network.layers.1.units=40",
                                     "network.layers.4.units=40"};
  overrides.insert(overrides.end(), more.begin(), more.end());
  return task_recipe(words, overrides);
}

/// 28x28x1 - c1 9x9x6, its bias after the pool 4x4x6 - maxout 4x4x3 - c2 4x4x4 - relu - mean 2x2x4, masked - out 10;
/// six steps of ten images to an epoch. `more` stands in [train].
inline Recipe small_convolution_run(const std::string& formats, const std::string& more = "epochs = 4",
                                    const std::vector<Override>& overrides = {}) {
  return parse_recipe(R"(seed = 3
[data]
name = "digits"
split = { train = 60, valid = 20 }
[network]
input = [28, 28, 1]
layers = [
  { name = "c1", type = "conv2d", channels = 6, kernel = 5, stride = 3, padding = 1, bias = "after_pool", max_norm = 0.9, max_norm_axis = "output" },
  { type = "max_pool", size = 3, stride = 2 },
  { type = "maxout", pieces = 2 },
  { name = "c2", type = "conv2d", channels = 4, kernel = 3, padding = 1, init = "normal", init_deviation = 0.25, weight_decay = 0.01 },
  { type = "relu" },
  { type = "average_pool", size = 2 },
  { type = "flatten" },
  { type = "dropout", keep = 0.75 },
  { name = "out", type = "dense", units = 10, max_column_norm = 1.9365 },
]
[formats]
)" + formats + R"(
[train]
batch = 10
learning_rate = 0.25
momentum = 0.5
)" + more + "\n",
                      "small.toml", overrides);
}

}  // namespace dyadic
