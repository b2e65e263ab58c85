// What a network is trained to make small. A loss reads the network's last values, [batch, ...] of `classes` values per
// example: preactivations, normalised if the last layer is a batch_norm.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "dyadic/experiment/recipe.h"
#include "dyadic/nn/layer.h"

namespace dyadic {

struct BatchScore {
  double loss = 0;          // sum over the batch, fixed tree
  std::int64_t errors = 0;  // examples whose largest score (lowest index on ties) is not the target
};

class Loss {
 public:
  Loss() = default;
  Loss(const Loss&) = delete;
  Loss& operator=(const Loss&) = delete;
  virtual ~Loss() = default;

  virtual BatchScore forward(const Tensor& scores, std::span<const std::uint8_t> targets, const Pass& pass) = 0;
  /// After forward(): the gradient with respect to the scores.
  virtual void backward(const Tensor& scores, std::span<const std::uint8_t> targets, Tensor& d_scores,
                        const Pass& pass) = 0;
};

/// What the gradient of a loss is divided by.
enum class LossScale : std::uint8_t { batch, classes, mean };

double loss_divisor(LossScale scale, std::int64_t batch, std::size_t classes);

/// The recipe's loss at node `node`, whose last values are `reads`. `counted`: the role of their gradient moves its
/// range here, which it does unless pools stand between z and the loss.
std::unique_ptr<Loss> make_loss(const NetworkSpec& network, NumberPlan& plan, int node, NodeValue reads, bool counted);

}  // namespace dyadic
