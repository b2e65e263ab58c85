#include "dyadic/experiment/tasks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <span>
#include <string_view>

#include "dyadic/base/error.h"
#include "dyadic/base/nearest_name.h"
#include "dyadic/experiment/recipe.h"
#include "dyadic/experiment/task_networks.h"
#include "dyadic/experiment/toml_tree.h"

namespace dyadic {
namespace {

struct Task {
  std::string_view name;
  std::string_view data;
  std::int64_t train;
  std::int64_t valid;
  std::string_view network;
  std::string_view schedule;
  std::string_view fixed_input;  // role `input` in FXP and DFXP; inputs have no range controller
  std::string_view paper;
};

constexpr std::string_view kPaper = "Courbariaux, Bengio, David 2014, table 3";
constexpr std::string_view kStandIn = "a network of Courbariaux, Bengio, David 2014 on generated images";
constexpr std::string_view kBytes = "uq0.8";      // byte k is k/256, exactly
constexpr std::string_view kWhitened = "q4.12s";  // preprocessed data are real numbers

const std::array<Task, 7> kTasks = {
    {{"PI_MNIST", "mnist", 50000, 10000, kPermutationInvariantNetwork, kPermutationInvariantSchedule, kBytes, kPaper},
     {"PI_DIGITS", "digits", 50000, 10000, kPermutationInvariantNetwork, kPermutationInvariantSchedule, kBytes,
      "the network of Courbariaux, Bengio, David 2014"},
     {"MNIST", "mnist", 50000, 10000, kMnistNetwork, kMnistSchedule, kBytes, kPaper},
     {"DIGITS", "digits", 50000, 10000, kMnistNetwork, kMnistSchedule, kBytes, kStandIn},
     {"CIFAR10", "cifar10-whitened", 45000, 5000, kColourNetwork, kCifar10Schedule, kWhitened, kPaper},
     {"SVHN", "svhn-lcn", 598388, 6000, kColourNetwork, kSvhnSchedule, kWhitened, kPaper},
     {"SCENES", "scenes", 45000, 5000, kColourNetwork, kCifar10Schedule, kBytes, kStandIn}}};

struct Argument {
  std::string_view name;
  bool is_integer;
  double low;
  double high;
  std::string_view limits;  // in words
};

enum : std::size_t { kInitialRange, kPropBits, kUpdateBits, kUpdateEvery, kMaxOverflow, kInitEpochs };

constexpr std::array<Argument, 6> kArguments = {{{"INITIAL_RANGE", true, -48, 47, "-48..47"},
                                                 {"PROP_BITS", true, 1, 31, "1..31 (2 to 32 bits with the sign)"},
                                                 {"UPDATE_BITS", true, 1, 31, "1..31 (2 to 32 bits with the sign)"},
                                                 {"UPDATE_EVERY", true, 1, 0x1p31 - 1, "1..2147483647"},
                                                 {"MAX_OVERFLOW", false, 0, 1 - 0x1p-53, "0 up to, but not, 1"},
                                                 {"INIT_EPOCHS", true, 0, 1000, "0..1000"}}};

using Numbers = std::array<double, kArguments.size()>;

std::string float_formats(std::string_view name) { return fmt::format("input = \"{0}\"\ndefault = \"{0}\"\n", name); }

std::string fixed_formats(const Numbers& n, std::string_view input) {
  const auto text = [&](std::size_t bits) {
    return fmt::format("q{}.{}s:sat:rna", static_cast<int>(n[kInitialRange]) + 1,
                       static_cast<int>(n[bits]) - static_cast<int>(n[kInitialRange]));
  };
  return fmt::format("input = \"{2}\"\ndefault = \"{0}\"\nweight_master = \"{1}\"\nbias_master = \"{1}\"\n",
                     text(kPropBits), text(kUpdateBits), input);
}

std::string dynamic_formats(const Numbers& n, std::string_view input) {
  return fmt::format(
      "input = \"{6}\"\ndefault = \"dfx{0}:sat:rna\"\nweight_master = \"dfx{1}:sat:rna\"\nbias_master = "
      "\"dfx{1}:sat:rna\"\n[formats.range]\ninitial = {2}\nupdate_every = {3}\nmax_overflow = {4}\ninit_epochs = {5}\n",
      n[kPropBits] + 1, n[kUpdateBits] + 1, n[kInitialRange], n[kUpdateEvery], toml_float(n[kMaxOverflow]),
      n[kInitEpochs], input);
}

struct Arithmetic {
  std::string_view name;
  std::array<std::size_t, 2> counts;  // how many numbers it takes: the one or the other
  std::string_view usage;
  std::string (*formats)(const Numbers&, std::string_view fixed_input);
};

constexpr std::array<Arithmetic, 4> kArithmetics = {
    {{"FLP", {0, 0}, "FLP", [](const Numbers&, std::string_view) { return float_formats("float32"); }},
     {"HFLP", {0, 0}, "HFLP", [](const Numbers&, std::string_view) { return float_formats("float16:inf:rne"); }},
     {"FXP", {3, 3}, "FXP INITIAL_RANGE PROP_BITS UPDATE_BITS", fixed_formats},
     {"DFXP",
      {3, 6},
      "DFXP INITIAL_RANGE PROP_BITS UPDATE_BITS [UPDATE_EVERY MAX_OVERFLOW INIT_EPOCHS]",
      dynamic_formats}}};

template <typename Row>
std::string names_of(std::span<const Row> rows) {
  std::string names;
  for (const Row& row : rows) {
    names += (names.empty() ? "" : ", ") + std::string(row.name);
  }
  return names;
}

template <typename Row>
const Row& find_row(std::span<const Row> rows, const std::string& name, const char* what) {
  const auto found = std::ranges::find(rows, name, &Row::name);
  if (found != rows.end()) return *found;
  std::vector<std::string> names;
  for (const Row& row : rows) {
    names.emplace_back(row.name);
  }
  throw UsageError(fmt::format("unknown {} '{}'; the nearest is '{}'; {}s: {}", what, name, nearest_name(name, names),
                               what, names_of(rows)));
}

double parse_number(const Argument& argument, const std::string& text, const std::string& usage) {
  const std::string_view digits = std::string_view(text).substr(text.starts_with('+') ? 1 : 0);
  const char* end = digits.data() + digits.size();
  double value = 0;
  std::from_chars_result result{};
  if (argument.is_integer) {
    std::int64_t integer = 0;
    result = std::from_chars(digits.data(), end, integer);
    value = static_cast<double>(integer);
  } else {
    result = std::from_chars(digits.data(), end, value);
  }
  if (digits.empty() || result.ptr != end || result.ec == std::errc::invalid_argument) {
    throw UsageError(fmt::format("{} is '{}', which is not {}; usage: {}", argument.name, text,
                                 argument.is_integer ? "an integer" : "a number", usage));
  }
  if (result.ec != std::errc() || !(value >= argument.low && value <= argument.high)) {
    throw UsageError(fmt::format("{} is {}; it must be in {}; usage: {}", argument.name, text, argument.limits, usage));
  }
  return value;
}

Numbers parse_numbers(const Task& task, const Arithmetic& arithmetic, std::span<const std::string> arguments) {
  const std::string usage = fmt::format("{} {}", task.name, arithmetic.usage);
  const auto [few, many] = arithmetic.counts;
  if (arguments.size() > many) {
    throw UsageError(fmt::format("surplus argument '{}'; usage: {}", arguments[many], usage));
  }
  if (arguments.size() != few && arguments.size() != many) {
    throw UsageError(fmt::format("{} is missing; usage: {}", kArguments[arguments.size()].name, usage));
  }
  const RangeSpec defaults;
  Numbers numbers = {0,
                     0,
                     0,
                     static_cast<double>(defaults.update_every),
                     defaults.max_overflow,
                     static_cast<double>(defaults.init_epochs)};
  for (std::size_t i = 0; i < arguments.size(); ++i) numbers[i] = parse_number(kArguments[i], arguments[i], usage);
  return numbers;
}

}  // namespace

std::string task_grammar() {
  return "TASK FORMAT [INITIAL_RANGE PROP_BITS UPDATE_BITS [UPDATE_EVERY MAX_OVERFLOW INIT_EPOCHS]]";
}

std::string task_toml(const std::vector<std::string>& arguments) {
  if (arguments.empty()) throw UsageError("TASK is missing; usage: " + task_grammar());
  const Task& task = find_row(std::span<const Task>(kTasks), arguments[0], "task");
  const std::span<const Arithmetic> arithmetics(kArithmetics);
  if (arguments.size() == 1) {
    throw UsageError(fmt::format("FORMAT is missing; formats: {}; usage: {}", names_of(arithmetics), task_grammar()));
  }
  const Arithmetic& arithmetic = find_row(arithmetics, arguments[1], "format");
  const Numbers numbers = parse_numbers(task, arithmetic, std::span(arguments).subspan(2));
  std::string title;
  for (const std::string& argument : arguments) title += (title.empty() ? "" : " ") + argument;
  return fmt::format("title = {}\npaper = {}\nseed = 1234\n[data]\nname = {}\nsplit = {{ train = {}, valid = {} }}\n",
                     toml_string(title), toml_string(std::string(task.paper)), toml_string(std::string(task.data)),
                     task.train, task.valid) +
         std::string(task.network) + std::string(task.schedule) + "\n[formats]\n" +
         arithmetic.formats(numbers, task.fixed_input);
}

Recipe task_recipe(const std::vector<std::string>& arguments, const std::vector<Override>& overrides) {
  const std::string text = task_toml(arguments);
  return parse_recipe(text, arguments[0], overrides);
}

}  // namespace dyadic
