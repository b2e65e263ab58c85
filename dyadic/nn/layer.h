// A layer: forward, backward, parameters. Layers see Tensors and rounding points; how products and roundings are done
// is the kernels' business. The network (network.h) owns the tensors between layers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dyadic/base/philox.h"
#include "dyadic/kernels/convolution.h"
#include "dyadic/nn/number_plan.h"
#include "dyadic/tensor/tensor.h"

namespace dyadic {

/// One forward or forward-and-backward pass.
struct Pass {
  NumberPlan* plan = nullptr;
  std::uint64_t seed = 0;
  std::uint32_t step = 0;          // optimiser steps since the run began
  bool training = false;           // dropout on, test scales off, roundings counted
  std::int64_t first_example = 0;  // index of row 0 in the evaluated set; 0 in training

  [[nodiscard]] RandomStream random(const RoundingPoint& point) const { return {seed, step, point.stream()}; }
  /// Random bits of a rounding at `point` whose elements are those of `tensor`, [batch, ...].
  [[nodiscard]] RoundingRandom rounding(const RoundingPoint& point, const Tensor& tensor) const;
  /// Looks at what a rounding saw. A non-finite result is an error, in evaluation too; the rest is added to the point's
  /// report and range group if this is a training pass and `counted`.
  void count(RoundingPoint& point, const RoundingCounts& counts, bool counted = true) const;
};

/// A node rounds several tensors in one role where pools and masks follow each other, but its range follows one of
/// them (docs/numerics.md): what the next node reads, and the gradients of that tensor and of z.
struct Counted {
  bool output = true;
  bool d_input = true;
};

/// A parameter with everything the optimiser needs. Shape of a weight: [out, in] or [out, kernel height, kernel width,
/// in]; of a bias: [out].
struct Parameter {
  std::string name;                     // "h1.weight"
  Tensor master;                        // what is updated, role *_master
  Tensor update;                        // momentum, or Adam's first moment: role *_update
  Tensor moment;                        // Adam's second moment, role *_moment; empty under other optimisers
  Tensor gradient;                      // role d_*
  RoundingPoint* copy_point = nullptr;  // what products see, role weight or bias
  RoundingPoint* master_point = nullptr;
  RoundingPoint* update_point = nullptr;
  RoundingPoint* moment_point = nullptr;
  RoundingPoint* gradient_point = nullptr;
  double max_norm = 0;             // 0: none
  bool norm_over_outputs = false;  // of each column over the rows, as the original does for convolutions
  double learning_rate_scale = 1;
  double weight_decay = 0;
  double initial_value = 0;
  double initial_limit = 0;      // or, if not 0, initial values are uniform in [-limit, limit)
  double initial_deviation = 0;  // or, if not 0, normal with this deviation
};

enum class ParameterKind : std::uint8_t { weight, bias, scale };

/// The parameter of that kind of a node, "NODE.weight", with its rounding points and an empty master.
Parameter make_parameter(NumberPlan& plan, int node, const std::string& node_name, ParameterKind kind);

/// What a layer keeps from step to step besides parameters: running averages. Part of every checkpoint.
struct LayerState {
  std::string name;  // "c1.mean"
  Tensor values;
  RoundingPoint* point = nullptr;
  double initial_value = 0;
};

/// What a layer multiplies, for counts of operations. A dense layer is a convolution whose window is its whole input.
struct LayerProduct {
  std::string name;      // of the node
  const Tensor& weight;  // as products see it
  ConvolutionShape shape;
};

class Layer {
 public:
  Layer() = default;
  Layer(const Layer&) = delete;
  Layer& operator=(const Layer&) = delete;
  virtual ~Layer() = default;

  /// output = f(input). Both [batch, ...], one shape per example for each layer.
  virtual void forward(const Tensor& input, Tensor& output, const Pass& pass) = 0;
  /// d_input (if not null) and the parameters' gradients from d_output; `input` and `output` are those of forward().
  virtual void backward(const Tensor& input, const Tensor& output, const Tensor& d_output, Tensor* d_input,
                        const Pass& pass) = 0;
  virtual std::vector<Parameter*> parameters() { return {}; }
  virtual std::vector<LayerState*> states() { return {}; }
  /// The product of forward(input); none for layers without one. The reference lives until the layer's next use.
  virtual std::optional<LayerProduct> product(const Tensor& /*input*/, const Pass& /*pass*/) { return std::nullopt; }
  /// Memory kept between passes besides parameters' masters, updates and the network's tensors, in bytes.
  [[nodiscard]] virtual std::int64_t scratch_bytes() const { return 0; }
};

}  // namespace dyadic
