// What the benchmarks of kernels begin and end with: options, a JSON file, and an exit status for what went wrong.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace dyadic {

struct BenchOptions {
  std::string isa, json;  // empty: not given
  bool quick = false;
};

/// [--isa NAME] [--quick] [--json FILE]; `isas` is what --isa takes. Throws UsageError that names `benchmark`.
BenchOptions parse_bench_options(const std::string& benchmark, int argc, char** argv, const std::string& isas = "NAME");

/// Writes `results` with the name of the benchmark and of the processor; nothing if `path` is empty. Throws IoError.
void write_report(const std::string& path, const std::string& benchmark, const nlohmann::json& results);

/// 0, or 2 after a UsageError and 1 after another exception, whose message goes to standard error.
int guarded(int (*body)(int argc, char** argv), int argc, char** argv);

}  // namespace dyadic
