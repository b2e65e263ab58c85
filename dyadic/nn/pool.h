// Pooling over windows of [batch, height, width, channels]. Maximum: codes are selected, nothing is rounded; backward,
// what the windows send to one place is summed exactly and rounded once. Average: one rounding each way.
#pragma once

#include "dyadic/kernels/maxout.h"
#include "dyadic/kernels/pool.h"
#include "dyadic/nn/layer.h"

namespace dyadic {

class MaxPoolLayer : public Layer {
 public:
  /// `shape`: of one example; batches come with the tensors.
  MaxPoolLayer(const ValuePoints& points, const PoolShape& shape, Ties ties, Counted counted)
      : points_(points), shape_(shape), ties_(ties), counted_(counted) {}

  void forward(const Tensor& input, Tensor& output, const Pass& pass) override;
  void backward(const Tensor& input, const Tensor& output, const Tensor& d_output, Tensor* d_input,
                const Pass& pass) override;

 private:
  ValuePoints points_;
  PoolShape shape_;
  Ties ties_;
  Counted counted_;
};

class AveragePoolLayer : public Layer {
 public:
  AveragePoolLayer(const ValuePoints& points, const PoolShape& shape, Counted counted)
      : points_(points), shape_(shape), counted_(counted) {}

  void forward(const Tensor& input, Tensor& output, const Pass& pass) override;
  void backward(const Tensor& input, const Tensor& output, const Tensor& d_output, Tensor* d_input,
                const Pass& pass) override;

 private:
  ValuePoints points_;
  PoolShape shape_;
  Counted counted_;
};

}  // namespace dyadic
