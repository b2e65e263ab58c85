// Flatten: [batch, height, width, channels] as [batch, values], the same codes.
#pragma once

#include "dyadic/nn/layer.h"

namespace dyadic {

class FlattenLayer : public Layer {
 public:
  void forward(const Tensor& input, Tensor& output, const Pass& pass) override;
  void backward(const Tensor& input, const Tensor& output, const Tensor& d_output, Tensor* d_input,
                const Pass& pass) override;
};

}  // namespace dyadic
