// The network: a graph of layers in topological order, each knowing the layers whose outputs it reads. This version's
// recipes make chains; the tensors between layers live here.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "dyadic/experiment/recipe.h"
#include "dyadic/nn/layer.h"
#include "dyadic/nn/loss.h"
#include "dyadic/nn/weight_workspace.h"

namespace dyadic {

class Network {
 public:
  Network(const Recipe& recipe, int classes);

  [[nodiscard]] NumberPlan& plan() { return plan_; }
  [[nodiscard]] std::vector<Parameter*> parameters();
  [[nodiscard]] std::vector<LayerState*> states();
  [[nodiscard]] std::int64_t parameter_count();

  /// Draws the initial weights (the same every time) into the masters in their current formats, biases zero, and,
  /// unless `keep_updates`, sets the momentum to zero; kept momentum is rounded once to its current format.
  void initialise(std::uint64_t seed, bool keep_updates);

  /// Rounds `pixels` (byte k means k / 256, or k / 128 - 1 if the recipe says so), or the numbers of a preprocessed
  /// set, to the input's role: [count, ...shape of an example].
  void load_input(std::span<const std::uint8_t> pixels, std::int64_t count, const Pass& pass);
  void load_input(std::span<const float> values, std::int64_t count, const Pass& pass);

  /// After load_input: the forward pass to the loss.
  BatchScore forward(std::span<const std::uint8_t> targets, const Pass& pass);
  /// The forward pass without the loss; `observe` sees each layer with what it reads, before it runs.
  using LayerObserver = std::function<void(Layer& layer, const Tensor& input)>;
  void forward_layers(const Pass& pass, const LayerObserver& observe = {});
  /// Gradients of every parameter. With `take`, each layer's parameters are handed over as soon as their gradients are
  /// there, last layer first, and the memory of the gradients serves the next layer; `take` may rewrite them.
  using ParameterTaker = std::function<void(Parameter& parameter)>;
  void backward(std::span<const std::uint8_t> targets, const Pass& pass, const ParameterTaker& take = {});

  /// Gives every parameter whose optimiser has a momentum, or whose master is rounded, an update of zeros where it has
  /// none, and takes it from all others: plain SGD keeps nothing beside discrete masters. By the plan's current
  /// formats; call it when these have changed.
  void fit_updates();

  /// Compresses the weights that are states of a discrete space (Tensor::compress). Every function here that writes
  /// them does; call it after rewriting masters.
  void compress_weights();

  /// Values per example of the largest tensor between layers.
  [[nodiscard]] std::int64_t largest_tensor() const { return largest_tensor_; }
  /// Codes between layers, forward and backward, in bytes; as of the last pass.
  [[nodiscard]] std::int64_t tensor_bytes() const;
  /// What layers keep beside them: masks, selected codes, routed gradients, decoded operands, copies of weights.
  [[nodiscard]] std::int64_t scratch_bytes() const;

 private:
  struct Vertex {
    std::unique_ptr<Layer> layer;
    int input = -1;              // vertex whose output this one reads; -1: the network's input
    bool needs_d_input = false;  // a parameter lies further back
    Tensor output, d_output;
  };

  [[nodiscard]] const Tensor& input_of(const Vertex& vertex) const {
    return vertex.input < 0 ? input_ : vertices_[static_cast<std::size_t>(vertex.input)].output;
  }

  void fit_update(Parameter& parameter) const;
  Tensor& begin_input(std::int64_t count, std::int64_t values);
  void count_input(const RoundingCounts& counts, const Pass& pass);

  NumberPlan plan_;
  std::shared_ptr<WeightWorkspace> workspace_;
  std::vector<Vertex> vertices_;
  std::unique_ptr<Loss> loss_;
  Shape input_shape_;  // of one example
  bool signed_pixels_ = false;
  bool has_moments_ = false;
  bool has_momentum_ = true;  // else discrete masters keep no update
  std::int64_t largest_tensor_ = 0;
  Tensor input_;
};

/// Ordinals and names of a recipe's nodes: 0 is "input", then the named layers in order.
std::vector<std::string> node_names(const Recipe& recipe);

}  // namespace dyadic
