// Which format every rounding of a network uses right now, and what the roundings saw. A rounding point is one (node,
// role). Points whose format is dynamic fixed point belong to a range group, whose range R moves by the overflow policy
// of docs/numerics.md; a new R applies to the next rounding, because stored tensors carry their own Format.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "dyadic/base/philox.h"
#include "dyadic/experiment/recipe.h"
#include "dyadic/kernels/quantize.h"
#include "dyadic/nn/role.h"

namespace dyadic {

/// One range for one (node, role); `weight` and `weight_master` share one, `bias` and `bias_master` too.
struct RangeGroup {
  int node = 0;
  Role role = Role::weight;
  int range = 0;
  // Since the last decision.
  std::int64_t largest = 0;
  std::int64_t half_range = 0;
  std::int64_t elements = 0;
  bool nonzero = false;  // an all-zero window leaves the range alone
  bool operator==(const RangeGroup&) const = default;
};

struct RoundingPoint {
  int node = 0;
  Role role = Role::weight;
  Format target;         // what the recipe asks for
  Format current;        // of the next rounding: target in its group's range, or float32 clamped during initialisation
  int group = -1;        // index of the range group, -1: none
  RoundingCounts epoch;  // roundings since the epoch began, for reports

  [[nodiscard]] std::uint32_t stream() const {
    return stream_number(static_cast<std::uint32_t>(node), static_cast<std::uint32_t>(role), RandomPurpose::rounding);
  }
};

/// The values that follow each other at a node.
enum class NodeValue : std::uint8_t { preactivation, normalized, activation };

/// Where such a value and its gradient are rounded.
struct ValuePoints {
  RoundingPoint& value;
  RoundingPoint& gradient;
};

class NumberPlan {
 public:
  /// `nodes`: names by ordinal; ordinal 0 is the network's input.
  NumberPlan(const FormatPlan& formats, std::vector<std::string> nodes);

  [[nodiscard]] RoundingPoint& at(int node, Role role) {
    return points_[static_cast<std::size_t>(node)][static_cast<std::size_t>(role)];
  }
  [[nodiscard]] ValuePoints points_of(int node, NodeValue value);
  [[nodiscard]] const std::vector<std::string>& nodes() const { return nodes_; }
  [[nodiscard]] const std::vector<RangeGroup>& groups() const { return groups_; }
  [[nodiscard]] std::int64_t batches() const { return batches_; }
  [[nodiscard]] bool initialising() const { return initialising_; }

  /// "h1: preactivation (dfx10@2:sat:rna)"
  [[nodiscard]] std::string describe(const RoundingPoint& point) const;

  /// The formats of the next stage: the same points in other formats. Ranges go on as they are.
  void set_formats(const FormatPlan& formats);

  /// Range initialisation: every role in float32, those with a group clamped to +-2^R.
  void set_initialising(bool initialising);

  /// Adds what one training rounding saw, to the report and to the point's range group. Throws NonFiniteError naming
  /// the point if `counts` holds non-finite values, unless count_nonfinite.
  void count(RoundingPoint& point, const RoundingCounts& counts, bool counted = true);

  /// After each training batch: moves the ranges every update_every batches. Returns warnings.
  std::vector<std::string> end_batch();

  void begin_epoch();

  /// From a checkpoint.
  void restore(const std::vector<RangeGroup>& groups, std::int64_t batches, bool initialising);
  /// All points in (node, role) order, for reports and their counts in checkpoints.
  [[nodiscard]] std::vector<RoundingPoint*> points();

  bool count_nonfinite = false;
  std::int64_t nonfinite = 0;  // seen so far under count_nonfinite

 private:
  void refresh_formats();

  RangeSpec spec_;
  std::vector<std::string> nodes_;
  std::vector<std::array<RoundingPoint, kRoleCount>> points_;
  std::vector<RangeGroup> groups_;
  std::int64_t batches_ = 0;  // counted across epochs, initialisation included
  bool initialising_ = false;
};

}  // namespace dyadic
