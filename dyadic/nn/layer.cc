#include "dyadic/nn/layer.h"

#include <string_view>

#include "dyadic/base/error.h"

namespace dyadic {

namespace {

struct ParameterRoles {
  std::string_view suffix;
  Role copy, master, update, moment, gradient;
};

constexpr ParameterRoles kParameterRoles[] = {
    {".weight", Role::weight, Role::weight_master, Role::weight_update, Role::weight_moment, Role::d_weight},
    {".bias", Role::bias, Role::bias_master, Role::bias_update, Role::bias_moment, Role::d_bias},
    {".scale", Role::scale, Role::scale_master, Role::scale_update, Role::scale_moment, Role::d_scale},
};

}  // namespace

Parameter make_parameter(NumberPlan& plan, int node, const std::string& node_name, ParameterKind kind) {
  const ParameterRoles& roles = kParameterRoles[static_cast<std::size_t>(kind)];
  Parameter parameter;
  parameter.name = node_name + std::string(roles.suffix);
  parameter.copy_point = &plan.at(node, roles.copy);
  parameter.master_point = &plan.at(node, roles.master);
  parameter.update_point = &plan.at(node, roles.update);
  parameter.moment_point = &plan.at(node, roles.moment);
  parameter.gradient_point = &plan.at(node, roles.gradient);
  return parameter;
}

RoundingRandom Pass::rounding(const RoundingPoint& point, const Tensor& tensor) const {
  const std::int64_t batch = tensor.shape()[0];
  const std::int64_t values = batch == 0 ? 0 : tensor.size() / batch;
  return {random(point), static_cast<std::uint64_t>(first_example * values)};
}

void Pass::count(RoundingPoint& point, const RoundingCounts& counts, bool counted) const {
  if (training && (counted || counts.nonfinite > 0)) {
    plan->count(point, counts, counted);
  } else if (counts.nonfinite > 0 && !plan->count_nonfinite) {
    throw NonFiniteError(plan->describe(point) + ": " + std::to_string(counts.nonfinite) + " of " +
                         std::to_string(counts.elements) + " values are not finite in evaluation");
  }
}

}  // namespace dyadic
