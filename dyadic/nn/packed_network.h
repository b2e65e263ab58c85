// A trained discrete network as integers alone: codes of states, exact sums, thresholds, and a table of scores; no
// number is rounded between the input's codes and the predicted class. It gives, for every example, the codes and the
// class that the network it was made from gives in evaluation (dyadic/nn/thresholds.h says why).
//
// Weights are packed once for the kernels of the machine (PackedWeights), ternary ones at two bits. Between nodes lie
// codes of the whole batch, a byte each (two for z8); sums that a pool still has to see exist for a few examples at a
// time.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dyadic/experiment/recipe.h"
#include "dyadic/kernels/isa.h"
#include "dyadic/kernels/packed_weights.h"
#include "dyadic/kernels/product_choice.h"
#include "dyadic/nn/packed_plan.h"
#include "dyadic/nn/score_table.h"
#include "dyadic/tensor/tensor.h"

namespace dyadic {

/// What normalises the output's sums in evaluation, [channels] each.
struct RunningNorm {
  Tensor mean, variance, scale, bias;
};

struct PackedLayer {
  Tensor weight;                 // codes of states, in the shape of the parameter
  ChannelThresholds thresholds;  // of every node but the output
};

/// All that a packed network is made from, and what a file holds of it (dyadic/convert/packed_file.h).
struct PackedModel {
  Recipe recipe;                    // in the formats of the stage that it was trained in last
  std::vector<PackedLayer> layers;  // one per node of packed_plan(recipe)
  std::optional<RunningNorm> norm;  // of the output, if it ends in batch_norm
  std::uint32_t step = 0;           // of the run
  std::string state_sha256;         // its checksum
  std::string data_fingerprint;     // of the data that it was trained on
};

class PackedNetwork {
 public:
  /// Throws UsageError that names the tensor and the value: networks that cannot be packed, parts that do not fit the
  /// recipe, thresholds that do not ascend, scores that are no numbers.
  explicit PackedNetwork(PackedModel model);

  [[nodiscard]] const PackedModel& model() const { return model_; }
  [[nodiscard]] const std::vector<PackedNode>& nodes() const { return nodes_; }
  [[nodiscard]] std::int64_t classes() const { return element_count(nodes_.back().sums_shape); }

  /// The codes of pixels as a network reads them: [count, ...shape of an example] in the input's format. Throws
  /// ShapeError.
  [[nodiscard]] Tensor input_codes(std::span<const std::uint8_t> pixels, std::int64_t count) const;
  [[nodiscard]] Tensor input_codes(std::span<const float> values, std::int64_t count) const;

  /// The class of each example, the lowest of equals. Input as input_codes() gives it, any batch. Deterministic for any
  /// number of threads and tier. Throws ShapeError.
  std::vector<std::uint8_t> forward(const Tensor& input);

  /// Of the last forward(): [batch, classes] keys of the scores (order_value() gives the numbers).
  [[nodiscard]] std::span<const std::int32_t> scores() const { return scores_; }
  /// Of the last forward(): the states of node `index`, after its pools. For tests; the output has none.
  [[nodiscard]] const Tensor& states(std::size_t index) const { return states_[index]; }

  /// The instruction that multiplies in node `index`; "" before the first forward().
  [[nodiscard]] std::string_view instructions(std::size_t index) const;

  /// Bytes of weights as they are multiplied, thresholds and the table of scores; after a forward().
  [[nodiscard]] std::int64_t parameter_bytes() const;
  /// Bytes of codes, sums and scores of the last forward().
  [[nodiscard]] std::int64_t activation_bytes() const;

 private:
  /// Packs the weights for batches like this one, unless they are packed for the kernels of now.
  void pack_weights(std::int64_t batch);
  void exact_sums(std::size_t index, const void* input, std::int64_t batch, SumConsumer consume, void* context) const;
  void check_layer(const PackedNode& node, const PackedLayer& layer) const;
  [[nodiscard]] Tensor empty_input(std::int64_t count, std::size_t values) const;
  void run_states(std::size_t index, const Tensor& input);
  void run_scores(const Tensor& input);
  /// Sums of examples [first, first + count) after the pools of sums.
  const Tensor& pooled_sums(std::size_t index, const Tensor& input, std::int64_t first, std::int64_t count);

  PackedModel model_;
  std::vector<PackedNode> nodes_;
  std::vector<PackedWeights> weights_;  // by node
  Isa packed_isa_ = Isa::ref;
  TernaryKernel packed_kernel_ = TernaryKernel::automatic;
  ScoreTable table_;
  std::vector<Tensor> states_;  // by node
  Tensor sums_, pooled_;
  std::vector<std::int32_t> scores_;
};

}  // namespace dyadic
