#include "dyadic/nn/softmax_nll.h"

#include <algorithm>

#include "dyadic/base/math.h"
#include "dyadic/kernels/maxout.h"

namespace dyadic {

BatchScore SoftmaxNll::forward(const Tensor& z, std::span<const std::uint8_t> targets, const Pass& pass) {
  const std::int64_t batch = z.shape()[0];
  const auto classes = static_cast<std::size_t>(batch == 0 ? 0 : z.size() / batch);
  const auto n = static_cast<std::size_t>(z.size());
  z_values_.resize(n);
  probabilities_.resize(n);
  scratch_.resize(classes);
  losses_.resize(static_cast<std::size_t>(batch));
  dequantize(z.data(), z.size(), z.format(), z_values_.data());
  for (std::size_t i = 0; i < static_cast<std::size_t>(batch); ++i) {
    const float* row = z_values_.data() + i * classes;
    double* e = probabilities_.data() + i * classes;
    const double largest = *std::max_element(row, row + classes);
    for (std::size_t c = 0; c < classes; ++c) e[c] = exp64(row[c] - largest);
    std::copy(e, e + classes, scratch_.begin());
    const double sum = tree_sum(scratch_);
    for (std::size_t c = 0; c < classes; ++c) e[c] /= sum;
    losses_[i] = log64(sum) - (row[targets[i]] - largest);
  }
  y_.reset(z.shape(), activation_.current);
  const RoundingRandom random = {pass.random(activation_), static_cast<std::uint64_t>(pass.first_example) * classes};
  pass.count(activation_, quantize(probabilities_.data(), y_.size(), activation_.current, y_.data(), random));

  y_values_.resize(n);
  dequantize(y_.data(), y_.size(), y_.format(), y_values_.data());
  BatchScore score = {.loss = tree_sum(losses_)};
  for (std::size_t i = 0; i < static_cast<std::size_t>(batch); ++i) {
    const float* row = y_values_.data() + i * classes;
    score.errors += std::max_element(row, row + classes) - row != targets[i] ? 1 : 0;
  }
  return score;
}

void SoftmaxNll::backward(const Tensor& z, std::span<const std::uint8_t> targets, Tensor& d_z, const Pass& pass) {
  const std::int64_t batch = y_.shape()[0];
  const auto classes = static_cast<std::size_t>(batch == 0 ? 0 : y_.size() / batch);
  const double divisor = loss_divisor(scale_, batch, classes);
  for (std::size_t i = 0; i < probabilities_.size(); ++i) {
    const double target = i % classes == targets[i / classes] ? 1.0 : 0.0;
    probabilities_[i] = (y_values_[i] - target) / divisor;
  }
  d_y_.reset(y_.shape(), d_activation_.current);
  pass.count(d_activation_, quantize(probabilities_.data(), d_y_.size(), d_activation_.current, d_y_.data(),
                                     {.stream = pass.random(d_activation_), .first_index = 0}));
  // Softmax passes all of d_y on; only saturated z stop it, as in any activation: a maxout of one piece.
  if (clipped_) maxout_route(z, d_y_, 1, Ties::all, true, routed_);
  const Tensor& from = clipped_ ? routed_ : d_y_;
  d_z.reset(y_.shape(), d_z_.current);
  pass.count(d_z_,
             requantize(from.data(), from.format(), from.size(), d_z_.current, d_z.data(),
                        {.stream = pass.random(d_z_), .first_index = 0}),
             counted_);
}

}  // namespace dyadic
