// The one table that declares every fast kernel: what it computes, on which tier, which function. Tests run each row
// against the `ref` row of the same operation on every tier the machine has, benchmarks time the same rows, and
// `dyadic info` prints them.
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
