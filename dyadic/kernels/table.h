// The one table that declares every fast kernel: what it computes, on which tier, with which instructions. `dyadic
// info` prints it. Tests run every operation against `ref` on every tier that the machine has, benchmarks time those
// that matter; which function runs is decided where the operation lives (docs/adding.md).
#pragma once

#include <span>
#include <string_view>

#include "dyadic/kernels/isa.h"

namespace dyadic {

struct KernelInfo {
  std::string_view operation;  // "round f32 -> codes", "product i16 x i16 -> i32"
  Isa isa;
  std::string_view instructions;  // what it leans on: "vpdpwssd"
};

/// Every kernel of this build, operations in a fixed order, tiers best first within one.
std::span<const KernelInfo> kernel_table();

/// The row that runs for `operation` under active_isa().
const KernelInfo& selected_kernel(std::string_view operation);

}  // namespace dyadic
