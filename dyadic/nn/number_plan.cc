#include "dyadic/nn/number_plan.h"

#include <algorithm>

#include "dyadic/base/error.h"

namespace dyadic {
namespace {

constexpr int kMinRange = -48;
constexpr int kMaxRange = 47;

/// The role under which a group is known: masters share the range of the copy that products see.
Role group_role(Role role) {
  if (role == Role::weight_master) return Role::weight;
  if (role == Role::bias_master) return Role::bias;
  return role;
}

}  // namespace

NumberPlan::NumberPlan(const FormatPlan& formats, std::vector<std::string> nodes)
    : spec_(formats.range), nodes_(std::move(nodes)), points_(nodes_.size()) {
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    for (int r = 0; r < kRoleCount; ++r) {
      RoundingPoint& point = points_[node][static_cast<std::size_t>(r)];
      point.node = static_cast<int>(node);
      point.role = static_cast<Role>(r);
      point.target = formats.at(nodes_[node], point.role);
      // The input has one format for the whole network and no range controller; its other roles do not occur.
      if (point.target.family != Family::dynamic_fixed || node == 0) continue;
      const Role role = group_role(point.role);
      const auto known =
          std::ranges::find_if(groups_, [&](const RangeGroup& g) { return g.node == point.node && g.role == role; });
      point.group = static_cast<int>(known - groups_.begin());
      if (known == groups_.end()) groups_.push_back({.node = point.node, .role = role, .range = spec_.initial});
    }
  }
  refresh_formats();
}

ValuePoints NumberPlan::points_of(int node, NodeValue value) {
  switch (value) {
    case NodeValue::preactivation: return {at(node, Role::preactivation), at(node, Role::d_preactivation)};
    case NodeValue::normalized: return {at(node, Role::normalized), at(node, Role::d_normalized)};
    default: return {at(node, node == 0 ? Role::input : Role::activation), at(node, Role::d_activation)};
  }
}

std::string NumberPlan::describe(const RoundingPoint& point) const {
  return nodes_[static_cast<std::size_t>(point.node)] + ": " + std::string(role_name(point.role)) + " (" +
         format_name(point.current) + ")";
}

void NumberPlan::set_formats(const FormatPlan& formats) {
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    for (RoundingPoint& point : points_[node]) point.target = formats.at(nodes_[node], point.role);
  }
  refresh_formats();
}

void NumberPlan::set_initialising(bool initialising) {
  initialising_ = initialising;
  refresh_formats();
}

void NumberPlan::refresh_formats() {
  static const Format float32 = parse_format("float32");
  for (auto& node : points_) {
    for (RoundingPoint& point : node) {
      const Format& base = initialising_ ? float32 : point.target;
      point.current = point.group < 0 ? base : with_range(base, groups_[static_cast<std::size_t>(point.group)].range);
    }
  }
}

void NumberPlan::count(RoundingPoint& point, const RoundingCounts& counts, bool counted) {
  if (counted) point.epoch += counts;
  else point.epoch.nonfinite += counts.nonfinite;
  if (counts.nonfinite > 0) {
    nonfinite += counts.nonfinite;
    if (!count_nonfinite) {
      throw NonFiniteError(
          describe(point) + ": " + std::to_string(counts.nonfinite) + " of " + std::to_string(counts.elements) +
          " values are not finite; lower the learning rate or widen the format (--on-nonfinite=count goes on)");
    }
  }
  if (!counted || point.group < 0) return;
  RangeGroup& group = groups_[static_cast<std::size_t>(point.group)];
  group.elements += counts.elements;
  group.largest += spec_.measure == "true" ? counts.overflowed : counts.largest;
  group.half_range += counts.half_range;
  group.nonzero |= counts.zeros < counts.elements;
}

std::vector<std::string> NumberPlan::end_batch() {
  std::vector<std::string> warnings;
  if (groups_.empty() || ++batches_ % spec_.update_every != 0) return warnings;
  for (RangeGroup& group : groups_) {
    const double limit = spec_.max_overflow * static_cast<double>(group.elements);
    if (static_cast<double>(group.largest) > 0.5 * static_cast<double>(group.elements)) {
      warnings.push_back(nodes_[static_cast<std::size_t>(group.node)] + ": " + std::string(role_name(group.role)) +
                         ": more than half of the values overflow range " + std::to_string(group.range));
    }
    if (static_cast<double>(group.largest) > limit) {
      group.range = std::min(group.range + 1, kMaxRange);
    } else if (group.nonzero && static_cast<double>(group.half_range) <= limit) {
      group.range = std::max(group.range - 1, kMinRange);
    }
    group.largest = group.half_range = group.elements = 0;
    group.nonzero = false;
  }
  refresh_formats();
  return warnings;
}

void NumberPlan::begin_epoch() {
  for (RoundingPoint* point : points()) point->epoch = {};
}

void NumberPlan::restore(const std::vector<RangeGroup>& groups, std::int64_t batches, bool initialising) {
  if (groups.size() != groups_.size())
    throw FileFormatError("checkpoint: the range groups are not those of the recipe");
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (groups[i].node != groups_[i].node || groups[i].role != groups_[i].role || groups[i].range < kMinRange ||
        groups[i].range > kMaxRange) {
      throw FileFormatError("checkpoint: range group " + std::to_string(i) + " is not that of the recipe");
    }
  }
  groups_ = groups;
  batches_ = batches;
  initialising_ = initialising;
  refresh_formats();
}

std::vector<RoundingPoint*> NumberPlan::points() {
  std::vector<RoundingPoint*> all;
  for (auto& node : points_) {
    for (RoundingPoint& point : node) all.push_back(&point);
  }
  return all;
}

}  // namespace dyadic
