#include "dyadic/kernels/isa.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <string>

#include "dyadic/base/cpu.h"
#include "dyadic/base/error.h"

namespace dyadic {
namespace {

struct Tier {
  Isa isa;
  std::string_view name;
  bool (*supported)(const CpuFeatures& cpu);
};

// Best first.
constexpr std::array<Tier, 4> kTiers = {{
    {Isa::amx, "amx", [](const CpuFeatures& cpu) { return cpu.amx_int8; }},
    {Isa::avx512, "avx512", [](const CpuFeatures& cpu) { return cpu.avx512; }},
    {Isa::avx2, "avx2", [](const CpuFeatures& cpu) { return cpu.avx2; }},
    {Isa::ref, "ref", [](const CpuFeatures&) { return true; }},
}};

constexpr int kUnset = -1;
std::atomic<int> chosen{kUnset};

bool is_supported(Isa isa) { return std::ranges::find(supported_isas(), isa) != supported_isas().end(); }

std::string supported_names() {
  std::string names;
  for (const Isa isa : supported_isas()) names += (names.empty() ? "" : ", ") + std::string(isa_name(isa));
  return names;
}

Isa initial_isa() {
  const char* forced = std::getenv("DYADIC_ISA");
  return forced == nullptr || *forced == '\0' ? supported_isas().front() : parse_isa(forced);
}

}  // namespace

std::string_view isa_name(Isa isa) { return std::ranges::find(kTiers, isa, &Tier::isa)->name; }

const std::vector<Isa>& supported_isas() {
  static const std::vector<Isa> isas = [] {
    std::vector<Isa> found;
    for (const Tier& tier : kTiers) {
      if (tier.supported(cpu_features())) found.push_back(tier.isa);
    }
    return found;
  }();
  return isas;
}

Isa active_isa() {
  int isa = chosen.load(std::memory_order_relaxed);
  if (isa == kUnset) {
    isa = static_cast<int>(initial_isa());
    chosen.store(isa, std::memory_order_relaxed);
  }
  return static_cast<Isa>(isa);
}

Isa parse_isa(std::string_view name) {
  const auto* tier = std::ranges::find(kTiers, name, &Tier::name);
  if (tier == kTiers.end()) {
    throw UsageError("unknown instruction set '" + std::string(name) + "'; this machine has " + supported_names());
  }
  if (!is_supported(tier->isa)) {
    throw UsageError("this machine lacks the instruction set '" + std::string(name) + "'; it has " + supported_names());
  }
  return tier->isa;
}

void set_isa(Isa isa) {
  parse_isa(isa_name(isa));  // throws if unsupported
  chosen.store(static_cast<int>(isa), std::memory_order_relaxed);
}

}  // namespace dyadic
