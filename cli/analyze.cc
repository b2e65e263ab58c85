#include <fmt/format.h>

#include "cli/command.h"
#include "cli/json_line.h"
#include "cli/progress.h"
#include "dyadic/train/analysis.h"

namespace dyadic::cli {
namespace {

constexpr std::int64_t kDefaultExamples = 1000;

double percent(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

NodeAnalysis sum_of(const std::vector<NodeAnalysis>& nodes) {
  NodeAnalysis sum = {.name = "all", .weight_format = {}, .input_format = {}};
  for (const NodeAnalysis& node : nodes) {
    sum.weights += node.weights;
    sum.zero_weights += node.zero_weights;
    sum.inputs += node.inputs;
    sum.zero_inputs += node.zero_inputs;
    sum.multiplications += node.multiplications;
    sum.active += node.active;
  }
  return sum;
}

void print_json(const NetworkAnalysis& analysis, const NodeAnalysis& node) {
  JsonLine line;
  line.text("event", "analysis").text("node", node.name);
  if (!node.weight_format.empty()) line.text("weight", node.weight_format).text("input", node.input_format);
  line.integer("weights", node.weights).number("zero_weights", percent(node.zero_weights, node.weights));
  line.number("zero_inputs", percent(node.zero_inputs, node.inputs));
  line.integer("examples", analysis.examples).integer("multiplications", node.multiplications);
  line.integer("active", node.active);
  line.number("resting", percent(node.multiplications - node.active, node.multiplications));
  fmt::print("{}\n", line.str());
}

void print_row(const NetworkAnalysis& analysis, const NodeAnalysis& node) {
  const auto examples = static_cast<double>(analysis.examples);
  fmt::print("{:<12} {:>10} {:>8.2f} {:>10.2f} {:>15.0f} {:>13.0f} {:>9.2f}\n", node.name, node.weights,
             percent(node.zero_weights, node.weights), percent(node.zero_inputs, node.inputs),
             static_cast<double>(node.multiplications) / examples, static_cast<double>(node.active) / examples,
             percent(node.multiplications - node.active, node.multiplications));
}

}  // namespace

ExitCode run_analyze(const Arguments& arguments) {
  RunOptions options;
  options.data_directory = arguments.data;
  options.count_nonfinite = counts_nonfinite(arguments);
  const std::int64_t examples =
      integer_option("--examples", arguments.examples, 1, std::int64_t{1} << 31).value_or(kDefaultExamples);
  Progress progress(progress_style(arguments.json, arguments.quiet));
  const NetworkAnalysis analysis = analyze_run(arguments.positionals[0], examples, options, progress.observer());
  const NodeAnalysis sum = sum_of(analysis.nodes);
  if (arguments.json) {
    for (const NodeAnalysis& node : analysis.nodes) print_json(analysis, node);
    print_json(analysis, sum);
    return ExitCode::done;
  }
  fmt::print("{} (step {}), the first {} test examples; zeros and rest in percent, counts per example\n\n",
             analysis.checkpoint, analysis.step, analysis.examples);
  fmt::print("{:<12} {:>10} {:>8} {:>10} {:>15} {:>13} {:>9}\n", "node", "weights", "zero", "inputs zero",
             "multiplications", "both not zero", "resting");
  for (const NodeAnalysis& node : analysis.nodes) print_row(analysis, node);
  print_row(analysis, sum);
  fmt::print(
      "\nIf all states were equally frequent, 33.3 % would rest with ternary weights alone, and 55.6 % with ternary\n"
      "activations too (Deng et al. 2018).\n");
  return ExitCode::done;
}

}  // namespace dyadic::cli
