#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <iterator>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/json_line.h"
#include "cli/progress.h"
#include "dyadic/base/error.h"
#include "dyadic/base/nearest_name.h"
#include "dyadic/convert/packed_run.h"
#include "dyadic/io/run_directory.h"

namespace dyadic::cli {
namespace {

/// What a network can be exported to.
struct Target {
  std::string_view name;
  bool exists;
};

constexpr Target kTargets[] = {{"safetensors", true}, {"onnx", false}, {"c", false}, {"nullhop", false}};

struct PackingName {
  std::string_view name;
  Packing packing;
};

constexpr PackingName kPackings[] = {{"bits", Packing::bits}, {"trits", Packing::trits}};

/// The row of a table that an option names. Throws UsageError with the nearest one.
template <typename Row, std::size_t N>
const Row& row_named(const Row (&table)[N], std::string_view option, const std::string& name) {
  const auto* row = std::ranges::find(table, name, &Row::name);
  if (row != std::end(table)) return *row;
  std::vector<std::string> names;
  for (const Row& each : table) names.emplace_back(each.name);
  if (name.empty()) throw UsageError(fmt::format("export: {} is missing; write {} {}", option, option, names.front()));
  throw UsageError(fmt::format("export: unknown {} {}; the nearest is {}", option, name, nearest_name(name, names)));
}

/// RUN.safetensors in the current directory, or RUN-CHECKPOINT.safetensors.
std::string default_file(const std::string& run_or_checkpoint) {
  namespace fs = std::filesystem;
  fs::path path = fs::absolute(run_or_checkpoint).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  if (is_run_directory(run_or_checkpoint)) return path.filename().string() + ".safetensors";
  return path.parent_path().parent_path().filename().string() + "-" + path.filename().string();
}

}  // namespace

ExitCode run_export(const Arguments& arguments) {
  const Target& target = row_named(kTargets, "--to", arguments.to);
  if (!target.exists) {
    throw UsageError(fmt::format("export: --to {} is not there yet; --to safetensors is", target.name));
  }
  const Packing packing = row_named(kPackings, "--pack", arguments.pack.empty() ? "bits" : arguments.pack).packing;
  RunOptions options;
  options.data_directory = arguments.data;
  const std::string& run = arguments.positionals[0];
  const std::string file = arguments.output.empty() ? default_file(run) : arguments.output;
  Progress progress(progress_style(arguments.json, arguments.quiet));
  const ExportReport report = export_packed(run, file, packing, options, progress.observer());
  const double smaller = static_cast<double>(report.float32_bytes) / static_cast<double>(report.bytes);
  if (arguments.json) {
    JsonLine line;
    line.text("event", "export").text("checkpoint", report.checkpoint).text("file", report.file);
    line.integer("bytes", report.bytes).integer("weights", report.weights);
    fmt::print("{}\n", line.number("times_smaller", smaller).str());
    return ExitCode::done;
  }
  fmt::print("{}: {} weights in {} bytes, {:.1f} times less than in float32\n", report.file, report.weights,
             report.bytes, smaller);
  return ExitCode::done;
}

}  // namespace dyadic::cli
