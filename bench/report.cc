#include "bench/report.h"

#include <cstdio>
#include <fstream>
#include <string_view>

#include "dyadic/base/cpu.h"
#include "dyadic/base/error.h"

namespace dyadic {

BenchOptions parse_bench_options(const std::string& benchmark, int argc, char** argv, const std::string& isas) {
  BenchOptions options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--quick") options.quick = true;
    else if (argument == "--isa" && i + 1 < argc) options.isa = argv[++i];
    else if (argument == "--json" && i + 1 < argc) options.json = argv[++i];
    else throw UsageError("usage: bench_" + benchmark + " [--isa " + isas + "] [--quick] [--json FILE]");
  }
  return options;
}

void write_report(const std::string& path, const std::string& benchmark, const nlohmann::json& results) {
  if (path.empty()) return;
  std::ofstream file(path);
  const nlohmann::json report = {
      {"benchmark", benchmark}, {"cpu", cpu_features().brand}, {"threads", 1}, {"results", results}};
  file << report.dump(2) << "\n";
  if (!file.flush()) throw IoError(system_error_text(path, "write"));
}

int guarded(int (*body)(int argc, char** argv), int argc, char** argv) {
  try {
    return body(argc, argv);
  } catch (const UsageError& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}

}  // namespace dyadic
