// The roles in which numbers occur at a node of the network (docs/numerics.md). The order is fixed: a role's
// number is part of its random stream.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace dyadic {

enum class Role : std::uint8_t {
  weight,
  bias,
  input,
  preactivation,
  activation,
  d_preactivation,
  d_activation,
  d_weight,
  d_bias,
  weight_update,
  bias_update,
  weight_master,
  bias_master,
  // Of batch normalisation: its factor, its output and its running averages.
  scale,
  d_scale,
  scale_update,
  scale_master,
  normalized,
  d_normalized,
  statistics,
  // Adam's second moments; the first are the *_update.
  weight_moment,
  bias_moment,
  scale_moment,
};

inline constexpr std::array<std::string_view, 23> kRoleNames = {
    "weight",       "bias",       "input",         "preactivation", "activation",   "d_preactivation",
    "d_activation", "d_weight",   "d_bias",        "weight_update", "bias_update",  "weight_master",
    "bias_master",  "scale",      "d_scale",       "scale_update",  "scale_master", "normalized",
    "d_normalized", "statistics", "weight_moment", "bias_moment",   "scale_moment"};

inline constexpr int kRoleCount = static_cast<int>(kRoleNames.size());

/// Roles that a `default` format fills. The input has its own rule; the roles from `scale` on are float32 unless named.
constexpr bool follows_default(Role role) { return role != Role::input && role < Role::scale; }

/// What an optimiser keeps for itself and products never see: the roles that take block formats.
constexpr bool is_optimizer_state(Role role) {
  return role == Role::weight_update || role == Role::bias_update || role == Role::scale_update ||
         role >= Role::weight_moment;
}

constexpr std::string_view role_name(Role role) { return kRoleNames[static_cast<std::size_t>(role)]; }

}  // namespace dyadic
