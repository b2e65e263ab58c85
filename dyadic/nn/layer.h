// A layer: forward, backward, parameters. Layers see Tensors and rounding points; how products and roundings are done
// is the kernels' business. The network (network.h) owns the tensors between layers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dyadic/base/philox.h"
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
  /// Counts a rounding of a training pass; a non-finite result is an error in evaluation too.
  void count(RoundingPoint& point, const RoundingCounts& counts) const;
};

/// A parameter with everything the optimiser needs. Shape of a weight: [out, in]; of a bias: [out].
struct Parameter {
  std::string name;                     // "h1.weight"
  Tensor master;                        // what is updated, role *_master
  Tensor update;                        // momentum, role *_update
  Tensor gradient;                      // role d_*
  RoundingPoint* copy_point = nullptr;  // what products see, role weight or bias
  RoundingPoint* master_point = nullptr;
  RoundingPoint* update_point = nullptr;
  RoundingPoint* gradient_point = nullptr;
  double max_norm = 0;  // 0: none
  double learning_rate_scale = 1;
  double initial_limit = 0;  // initial values are uniform in [-limit, limit)
};

class Layer {
 public:
  Layer() = default;
  Layer(const Layer&) = delete;
  Layer& operator=(const Layer&) = delete;
  virtual ~Layer() = default;

  /// output = f(input). Both [batch, features].
  virtual void forward(const Tensor& input, Tensor& output, const Pass& pass) = 0;
  /// d_input (if not null) and the parameters' gradients from d_output; `input` and `output` are those of forward().
  virtual void backward(const Tensor& input, const Tensor& output, const Tensor& d_output, Tensor* d_input,
                        const Pass& pass) = 0;
  virtual std::vector<Parameter*> parameters() { return {}; }
};

}  // namespace dyadic
