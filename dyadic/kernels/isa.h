// Instruction-set tiers and their choice at run time. Detection reads CPUID feature bits and asks the kernel for the
// tile registers; model names are never looked at. A user can list the tiers (`dyadic info`) and force one (--isa,
// DYADIC_ISA); a name that is unknown or that this machine lacks is an error, never a silent fallback.
#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace dyadic {

/// In increasing order: a tier may use the kernels of every tier below it.
enum class Isa { ref, avx2, avx512, amx };

std::string_view isa_name(Isa isa);

/// Tiers that this build and this machine have, best first; always ends in ref.
const std::vector<Isa>& supported_isas();

/// The tier in use: set_isa's, else DYADIC_ISA's, else the best one.
Isa active_isa();

/// Throws UsageError, with the tiers that exist, for a name that is unknown or unsupported here.
Isa parse_isa(std::string_view name);
void set_isa(Isa isa);

}  // namespace dyadic
