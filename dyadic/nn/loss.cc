#include "dyadic/nn/loss.h"

#include "dyadic/nn/softmax_nll.h"
#include "dyadic/nn/squared_hinge.h"

namespace dyadic {

double loss_divisor(LossScale scale, std::int64_t batch, std::size_t classes) {
  switch (scale) {
    case LossScale::batch: return static_cast<double>(batch);
    case LossScale::classes: return static_cast<double>(classes);
    default: return static_cast<double>(batch) * static_cast<double>(classes);
  }
}

std::unique_ptr<Loss> make_loss(const NetworkSpec& network, NumberPlan& plan, int node, NodeValue reads, bool counted) {
  const LossScale scale = network.loss_scale == "batch"     ? LossScale::batch
                          : network.loss_scale == "classes" ? LossScale::classes
                                                            : LossScale::mean;
  if (network.loss == "squared_hinge") return std::make_unique<SquaredHinge>(plan, node, reads, scale, counted);
  return std::make_unique<SoftmaxNll>(plan, node, reads, scale, network.straight_through == "clipped", counted);
}

}  // namespace dyadic
