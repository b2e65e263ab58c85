#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/json_line.h"
#include "dyadic/base/cpu.h"
#include "dyadic/base/parallel.h"
#include "dyadic/kernels/isa.h"
#include "dyadic/kernels/product_choice.h"
#include "dyadic/kernels/table.h"

namespace dyadic::cli {
namespace {

#if defined(__clang__)
constexpr std::string_view kCompiler = "clang " __clang_version__;
#else
constexpr std::string_view kCompiler = "g++ " __VERSION__;
#endif

struct Feature {
  std::string_view name;
  bool present;
};

std::vector<Feature> features() {
  const CpuFeatures& cpu = cpu_features();
  return {{"avx2", cpu.avx2},
          {"avx512 (with VNNI)", cpu.avx512},
          {"vpopcntdq", cpu.vpopcntdq},
          {"amx (int8)", cpu.amx_int8}};
}

std::vector<std::string> operations() {
  std::vector<std::string> names;
  for (const KernelInfo& kernel : kernel_table()) {
    if (names.empty() || names.back() != kernel.operation) names.emplace_back(kernel.operation);
  }
  return names;
}

std::string info_json() {
  std::vector<std::string> isas;
  for (const Isa isa : supported_isas()) isas.push_back(json_text(isa_name(isa)));
  std::vector<std::string> kernels;
  for (const std::string& operation : operations()) {
    const KernelInfo& kernel = selected_kernel(operation);
    kernels.push_back(JsonLine()
                          .text("operation", operation)
                          .text("isa", isa_name(kernel.isa))
                          .text("instructions", kernel.instructions)
                          .str());
  }
  const CpuFeatures& cpu = cpu_features();
  JsonLine line;
  line.text("version", DYADIC_VERSION).text("compiler", kCompiler).text("cpu", cpu.brand);
  line.boolean("avx2", cpu.avx2).boolean("avx512", cpu.avx512).boolean("amx_int8", cpu.amx_int8);
  line.integer("l2_bytes", cpu.l2_bytes).integer("l3_bytes", cpu.l3_bytes).integer("threads", thread_count());
  line.raw("isa", json_array(isas)).text("selected", isa_name(active_isa()));
  line.text("ternary_kernel", ternary_kernel_name(ternary_kernel())).text("ternary_costs", ternary_costs());
  return line.raw("kernels", json_array(kernels)).str();
}

void print_info() {
  const CpuFeatures& cpu = cpu_features();
  fmt::print("dyadic {}, built with {}\n", DYADIC_VERSION, kCompiler);
  fmt::print("processor      {}, {} threads, L2 {} KiB per core, L3 {} KiB\n", cpu.brand, thread_count(),
             cpu.l2_bytes / 1024, cpu.l3_bytes / 1024);
  std::string names;
  for (const Feature& feature : features()) {
    names += fmt::format("{}{} {}", names.empty() ? "" : ", ", feature.name, feature.present ? "yes" : "no");
  }
  fmt::print("features       {}\n", names);
  names.clear();
  for (const Isa isa : supported_isas()) names += fmt::format("{}{}", names.empty() ? "" : " ", isa_name(isa));
  fmt::print("tiers          {} (best first)\n", names);
  fmt::print("selected       {} (force another with --isa or DYADIC_ISA)\n", isa_name(active_isa()));
  fmt::print("ternary codes  {} (--set kernels.ternary=bytes|bitplanes); measured: {}\n\nkernels\n",
             ternary_kernel_name(ternary_kernel()), ternary_costs());
  for (const std::string& operation : operations()) {
    const KernelInfo& chosen = selected_kernel(operation);
    std::string others;
    for (const KernelInfo& kernel : kernel_table()) {
      if (kernel.operation == operation && kernel.isa != chosen.isa) {
        others += fmt::format("{}{}", others.empty() ? "" : " ", isa_name(kernel.isa));
      }
    }
    fmt::print("  {:<36} {:<7} {:<28} {}\n", operation, isa_name(chosen.isa), chosen.instructions,
               others.empty() ? "" : "(also " + others + ")");
  }
}

}  // namespace

ExitCode run_info(const Arguments& arguments) {
  if (arguments.json) fmt::print("{}\n", info_json());
  else print_info();
  return ExitCode::done;
}

}  // namespace dyadic::cli
