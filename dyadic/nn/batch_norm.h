// Batch normalisation (dyadic/kernels/batch_norm.h): x = Q((z - mean) * scale / sqrt(variance + epsilon) + bias), role
// normalized. In training mean and variance are the batch's, and the running averages move towards them:
// r' = Q((1 - average) r + average * batch's), role statistics; evaluation uses those. Scale (roles scale*) starts at
// one; the bias (roles bias*) takes the place of the node's own.
#pragma once

#include <string>

#include "dyadic/kernels/batch_norm.h"
#include "dyadic/nn/layer.h"

namespace dyadic {

struct BatchNormOptions {
  std::string name;  // of the node
  std::int64_t channels = 0;
  double epsilon = 1e-4;
  double average = 0.1;
  double learning_rate_scale = 1;
  bool counts_d_input = true;  // d_preactivation moves its range here: no pool stands between z and this
};

/// What evaluation normalises by: the running averages, and scale and bias, [channels] each.
ChannelNorm running_norm(const Tensor& mean, const Tensor& variance, const Tensor& scale, const Tensor& bias,
                         double epsilon);

class BatchNormLayer : public Layer {
 public:
  BatchNormLayer(NumberPlan& plan, int node, const BatchNormOptions& options);

  void forward(const Tensor& input, Tensor& output, const Pass& pass) override;
  void backward(const Tensor& input, const Tensor& output, const Tensor& d_output, Tensor* d_input,
                const Pass& pass) override;
  std::vector<Parameter*> parameters() override { return {&scale_, &bias_}; }
  std::vector<LayerState*> states() override { return {&mean_, &variance_}; }

 private:
  void move_averages(const ChannelStatistics& batch, const Pass& pass);
  void round_gradient(Parameter& parameter, const std::vector<double>& sums, const Pass& pass) const;

  RoundingPoint& normalized_;
  RoundingPoint& d_preactivation_;
  BatchNormOptions options_;
  Parameter scale_, bias_;
  LayerState mean_, variance_;
  ChannelNorm batch_norm_;  // of the last training pass
};

}  // namespace dyadic
