#include "dyadic/nn/squared_hinge.h"

#include <algorithm>

#include "dyadic/base/math.h"
#include "dyadic/kernels/decode.h"

namespace dyadic {

BatchScore SquaredHinge::forward(const Tensor& scores, std::span<const std::uint8_t> targets, const Pass& /*pass*/) {
  const std::size_t batch = targets.size();
  const std::size_t classes = batch == 0 ? 0 : static_cast<std::size_t>(scores.size()) / batch;
  values_.resize(static_cast<std::size_t>(scores.size()));
  decode_values(scores.data(), scores.format(), 0, scores.size(), values_.data());
  losses_.resize(batch);
  squares_.resize(classes);
  BatchScore score;
  for (std::size_t i = 0; i < batch; ++i) {
    const double* row = values_.data() + i * classes;
    for (std::size_t c = 0; c < classes; ++c) {
      const double margin = std::max(0.0, c == targets[i] ? 1.0 - row[c] : 1.0 + row[c]);
      squares_[c] = margin * margin;
    }
    losses_[i] = tree_sum(squares_);
    score.errors += std::max_element(row, row + classes) - row != targets[i] ? 1 : 0;
  }
  score.loss = tree_sum(losses_);
  return score;
}

void SquaredHinge::backward(const Tensor& scores, std::span<const std::uint8_t> targets, Tensor& d_scores,
                            const Pass& pass) {
  const std::size_t batch = targets.size();
  const std::size_t classes = batch == 0 ? 0 : values_.size() / batch;
  const double divisor = loss_divisor(scale_, static_cast<std::int64_t>(batch), classes);
  for (std::size_t i = 0; i < values_.size(); ++i) {
    const double target = i % classes == targets[i / classes] ? 1.0 : -1.0;
    values_[i] = -2.0 * target * std::max(0.0, 1.0 - target * values_[i]) / divisor;
  }
  d_scores.reset(scores.shape(), d_scores_.current);
  pass.count(d_scores_,
             quantize(values_.data(), d_scores.size(), d_scores_.current, d_scores.data(),
                      {.stream = pass.random(d_scores_), .first_index = 0}),
             counted_);
}

}  // namespace dyadic
