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
};

inline constexpr std::array<std::string_view, 13> kRoleNames = {
    "weight",   "bias",   "input",         "preactivation", "activation",    "d_preactivation", "d_activation",
    "d_weight", "d_bias", "weight_update", "bias_update",   "weight_master", "bias_master"};

inline constexpr int kRoleCount = static_cast<int>(kRoleNames.size());

constexpr std::string_view role_name(Role role) { return kRoleNames[static_cast<std::size_t>(role)]; }

}  // namespace dyadic
