// One training run in memory: network, plan of numbers, and where it stands. A step is a function of (recipe, data,
// seed, step number) and of the tensors of the step before; nothing here reads a clock, a thread count or an
// instruction set.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "dyadic/data/batches.h"
#include "dyadic/data/dataset.h"
#include "dyadic/experiment/recipe.h"
#include "dyadic/io/safetensors.h"
#include "dyadic/nn/network.h"
#include "dyadic/train/batch_loader.h"
#include "dyadic/train/run.h"

namespace dyadic {

/// Where a run stands between two steps. All of it is in every checkpoint.
struct Progress {
  std::uint32_t step = 0;         // optimiser steps since the run began, initialisation included
  std::int64_t init_epochs = 0;   // finished
  std::int64_t epochs = 0;        // finished training epochs
  std::int64_t batch = 0;         // finished batches of the current epoch
  double loss_sum = 0;            // over the current epoch's batches, in order
  std::int64_t errors = 0;        // likewise
  double validation_error = 100;  // of the last evaluated epoch, percent
  double test_error = 100;
  double best_validation_error = 101;
  double test_error_at_best = 100;
  double best_test_error = 100;  // chosen by the test set itself
  std::int64_t best_epoch = 0;
  std::int64_t epochs_at_chance = 0;  // in a row
  double seconds = 0;                 // of all processes that worked on the run
  std::int64_t examples = 0;          // trained on, for samples per second
  std::int64_t metrics_bytes = 0;     // length of metrics.jsonl
  bool operator==(const Progress&) const = default;
};

/// Asked between batches of an evaluation: true ends it without a result.
using StopTest = std::function<bool()>;

struct EvaluationScore {
  double error = 0;  // percent
  double loss = 0;   // mean
};

/// Examples per evaluation pass, for a network whose largest tensor has so many values per example: memory and speed
/// depend on it, and the last bits of the loss, by the order of its sum (docs/numerics.md).
std::int64_t evaluation_batch(const Recipe& recipe, std::int64_t largest_tensor);

class Trainer {
 public:
  /// `initial`: the tensors of another run whose weights this one starts from; null: drawn from the seed.
  Trainer(const Recipe& recipe, const DataSet& data, const SafetensorsFile* initial);

  [[nodiscard]] Network& network() { return network_; }
  [[nodiscard]] Progress& progress() { return progress_; }
  [[nodiscard]] const Recipe& recipe() const { return recipe_; }

  [[nodiscard]] bool initialising() const { return network_plan().initialising(); }
  [[nodiscard]] std::int64_t batches_per_epoch() const;
  /// All batches of the current epoch are done.
  [[nodiscard]] bool epoch_complete() const { return progress_.batch == batches_per_epoch(); }
  [[nodiscard]] bool finished() const { return !initialising() && progress_.epochs == recipe_.train.epochs; }

  [[nodiscard]] double learning_rate() const;
  [[nodiscard]] double momentum() const;

  /// One optimiser step on the next batch. Returns warnings of the range controller. Throws NonFiniteError.
  std::vector<std::string> step();

  /// After epoch_complete(): evaluates (not while initialising), moves on to the next epoch, ends the initialisation
  /// after its last one. None, and nothing has changed, if `stop` ended the evaluation: a checkpoint taken then goes on
  /// with it. Throws NonFiniteError when training has stayed at chance for `patience` epochs.
  std::optional<EpochReport> end_epoch(const StopTest& stop = {});

  [[nodiscard]] EvaluationScore evaluate(const ImageSet& set, ExampleRange range);
  [[nodiscard]] const SplitRanges& split() const { return split_; }
  [[nodiscard]] const DataSet& data() const { return data_; }

  /// Bytes per parameter that must live from one step to the next: masters, momentum and moments.
  [[nodiscard]] double state_bytes_per_parameter();
  /// The same with codes packed to their width, as in a checkpoint.
  [[nodiscard]] double packed_bits_per_parameter();

 private:
  [[nodiscard]] const NumberPlan& network_plan() const { return const_cast<Network&>(network_).plan(); }
  void begin_parameters(bool keep_updates);
  /// Steps since the optimiser's moments were zero, the coming one counted.
  [[nodiscard]] std::int64_t moments_step() const;
  void load_batch(const Pass& pass);
  /// Formats of the current epoch's stage; masters and momentum are rounded once where theirs are others.
  void enter_stage();
  std::vector<RoleReport> role_reports();
  void check_divergence(double train_error);
  [[nodiscard]] std::optional<EvaluationScore> evaluate_until(const ImageSet& set, ExampleRange range,
                                                              const StopTest& stop);

  Recipe recipe_;
  const DataSet& data_;
  const SafetensorsFile* initial_;
  SplitRanges split_;
  BatchLoader loader_;
  Network network_;
  Progress progress_;
  std::vector<std::uint32_t> order_;
  std::int64_t order_epoch_ = -1;       // training epoch that order_ belongs to; -2: initialisation
  std::vector<std::int64_t> examples_;  // of the current batch, indices in the training file
  std::vector<std::uint8_t> targets_;
};

}  // namespace dyadic
