// Pooling over windows of [batch, height, width, channels]. Maximum: codes are selected, nothing is rounded; backward,
// what the windows send to one place is summed exactly and rounded once. Average: one rounding each way.
#pragma once

#include "dyadic/kernels/maxout.h"
#include "dyadic/kernels/pool.h"
#include "dyadic/nn/layer.h"

namespace dyadic {

/// The roles a pool rounds in: those of z where it stands before its node's activation, else those of y.
struct PoolPoints {
  RoundingPoint& value;
  RoundingPoint& gradient;
};

PoolPoints pool_points(NumberPlan& plan, int node, bool before_activation);

class MaxPoolLayer : public Layer {
 public:
  /// `shape`: of one example; batches come with the tensors.
  MaxPoolLayer(const PoolPoints& points, const PoolShape& shape, Ties ties, Counted counted)
      : points_(points), shape_(shape), ties_(ties), counted_(counted) {}

  void forward(const Tensor& input, Tensor& output, const Pass& pass) override;
  void backward(const Tensor& input, const Tensor& output, const Tensor& d_output, Tensor* d_input,
                const Pass& pass) override;

 private:
  PoolPoints points_;
  PoolShape shape_;
  Ties ties_;
  Counted counted_;
};

class AveragePoolLayer : public Layer {
 public:
  AveragePoolLayer(const PoolPoints& points, const PoolShape& shape, Counted counted)
      : points_(points), shape_(shape), counted_(counted) {}

  void forward(const Tensor& input, Tensor& output, const Pass& pass) override;
  void backward(const Tensor& input, const Tensor& output, const Tensor& d_output, Tensor* d_input,
                const Pass& pass) override;

 private:
  PoolPoints points_;
  PoolShape shape_;
  Counted counted_;
};

}  // namespace dyadic
