// One training step of five networks in every arithmetic and on every tier, one thread, against PyTorch float32 doing
// the same work (dropout, momentum, norms), repetitions taken in turn; processor time of both. And the memory of such
// a step.
//
//   bench_training [--json FILE] [--quick] [--python PYTHON] [--network NAME] [--batch N]
//
// PYTHON must have torch; without it the ratios are missing.
//
// Before anything is timed, two steps on every tier must leave the same bits as two steps on `ref`.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/peer_process.h"
#include "bench/timing.h"
#include "dyadic/base/error.h"
#include "dyadic/base/parallel.h"
#include "dyadic/data/digits.h"
#include "dyadic/data/scenes.h"
#include "dyadic/experiment/recipe.h"
#include "dyadic/kernels/isa.h"
#include "dyadic/kernels/product.h"
#include "dyadic/train/checkpoint.h"
#include "dyadic/train/trainer.h"

namespace {

using namespace dyadic;

/// Processor time, of which the peer reports its own: what other programs take away is not counted.
double processor_milliseconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) * 1e-6;
}

struct Arithmetic {
  std::string name;
  std::vector<std::string> words;   // FORMAT and its numbers, for the networks of tasks
  std::vector<Override> overrides;  // for the networks of recipes
};

struct Case {
  std::string name;  // also the peer's
  std::string title;
  Recipe (*recipe)(const Arithmetic& arithmetic);
  const DataSet& (*data)();
  std::vector<Arithmetic> arithmetics;
  int steps;           // of a repetition
  bool checks_on_ref;  // else the slow definition checks a batch of 4
};

struct Options {
  std::string json;
  std::string python;
  std::string network;  // empty: all
  int batch = 100;
  bool quick = false;
};

const DataSet& digits() {
  static const DataSet set = generate_digits_set(kDigitSeed, 2100, 10);
  return set;
}

const DataSet& scenes() {
  static const DataSet set = generate_scenes_set(1, 1100, 10);
  return set;
}

Recipe task(const char* name, const Arithmetic& arithmetic, const std::vector<Override>& overrides) {
  std::vector<std::string> words = {name};
  words.insert(words.end(), arithmetic.words.begin(), arithmetic.words.end());
  return task_recipe(words, overrides);
}

Recipe pi_mnist(const Arithmetic& arithmetic) {
  return task("PI_DIGITS", arithmetic, {"data.split={train = 2000, valid = 100}"});
}

Recipe mnist(const Arithmetic& arithmetic) {
  return task("DIGITS", arithmetic, {"data.split={train = 2000, valid = 100}"});
}

Recipe gupta_cifar10(const Arithmetic& arithmetic) {
  std::vector<Override> overrides = {"data={name = \"scenes\", split = {train = 1000, valid = 100}}"};
  overrides.insert(overrides.end(), arithmetic.overrides.begin(), arithmetic.overrides.end());
  return read_recipe(std::string(DYADIC_BENCH_DIR) + "/../recipes/gupta2015/cifar10_cnn.toml", overrides);
}

Recipe gxnor_mnist(const Arithmetic& arithmetic) {
  std::vector<Override> overrides = {"data.name=digits", "data.split={train = 2000, valid = 100}"};
  overrides.insert(overrides.end(), arithmetic.overrides.begin(), arithmetic.overrides.end());
  return read_recipe(std::string(DYADIC_BENCH_DIR) + "/../recipes/gxnor2018/mnist.toml", overrides);
}

Recipe gxnor_cifar10(const Arithmetic& arithmetic) {
  std::vector<Override> overrides = {"data.name=scenes", "data.split={train = 1000, valid = 100}"};
  overrides.insert(overrides.end(), arithmetic.overrides.begin(), arithmetic.overrides.end());
  return read_recipe(std::string(DYADIC_BENCH_DIR) + "/../recipes/gxnor2018/cifar10.toml", overrides);
}

const std::vector<Arithmetic> kOriginals = {{"DFXP 5 9 11", {"DFXP", "5", "9", "11", "100", "0.0001", "0"}, {}},
                                            {"FLP", {"FLP"}, {}},
                                            {"FXP 5 9 11", {"FXP", "5", "9", "11"}, {}},
                                            {"FXP 5 19 19", {"FXP", "5", "19", "19"}, {}},
                                            {"HFLP", {"HFLP"}, {}}};

const std::vector<Arithmetic> kGuptas = {{"dfx10",
                                          {},
                                          {"formats={default = \"dfx10:sat:rna\", weight_master = \"dfx12:sat:rna\", "
                                           "bias_master = \"dfx12:sat:rna\", range = "
                                           "{init_epochs = 0}}"}},
                                         {"q4.12 sr", {}, {"formats={default = \"q4.12:sat:sr\"}"}},
                                         {"q4.12 rnd", {}, {"formats={default = \"q4.12:sat:rnd\"}"}},
                                         {"float32", {}, {"formats={default = \"float32\"}"}}};

// Gradients between layers in 8-bit dynamic fixed point make all products integer ones.
const std::vector<Arithmetic> kGxnors = {
    {"ternary", {}, {}},
    {"integer",
     {},
     {"formats.d_preactivation=dfx8", "formats.d_activation=dfx8", "formats.d_normalized=dfx8",
      "formats.range={initial = -8, update_every = 2, init_epochs = 0}"}},
    {"float32", {}, {"formats.weight=float32", "formats.activation=float32"}}};

const std::vector<Case> kCases = {
    {"pi_mnist", "PI_MNIST network", pi_mnist, digits, kOriginals, 20, true},
    {"mnist", "MNIST maxout convolutions", mnist, digits, kOriginals, 2, false},
    {"gxnor_mnist", "MNIST network of Deng et al.", gxnor_mnist, digits, kGxnors, 2, false},
    {"gxnor_cifar10", "CIFAR-10 network of Deng et al.", gxnor_cifar10, scenes, kGxnors, 1, false},
    {"gupta_cifar10", "CIFAR-10 network of Gupta et al.", gupta_cifar10, scenes, kGuptas, 2, false},
};

std::unique_ptr<Trainer> make_trainer(const Case& network, const Arithmetic& arithmetic, const Options& options) {
  Recipe recipe = network.recipe(arithmetic);
  recipe.train.batch = options.batch;
  return std::make_unique<Trainer>(recipe, network.data(), nullptr);
}

std::string checksum_after_two_steps(const Case& network, const Arithmetic& arithmetic, const Options& options,
                                     Isa isa) {
  set_isa(isa);
  Recipe recipe = network.recipe(arithmetic);
  recipe.train.batch = network.checks_on_ref ? options.batch : 4;
  Trainer trainer(recipe, network.data(), nullptr);
  trainer.step();
  trainer.step();
  return state_checksum(trainer.network());
}

void check_answers(const Case& network, const Arithmetic& arithmetic, const Options& options) {
  const std::string expected = checksum_after_two_steps(network, arithmetic, options, Isa::ref);
  for (const Isa isa : supported_isas()) {
    if (checksum_after_two_steps(network, arithmetic, options, isa) == expected) continue;
    std::fprintf(stderr, "%s, %s on %s leaves other bits than ref: not timed\n", network.name.c_str(),
                 arithmetic.name.c_str(), std::string(isa_name(isa)).c_str());
    std::exit(1);
  }
}

/// Milliseconds per step over `steps` steps.
double time_steps(Trainer& trainer, int steps) {
  const double begin = processor_milliseconds();
  for (int i = 0; i < steps; ++i) {
    if (trainer.epoch_complete()) trainer.progress().batch = 0;  // again through the same epoch, without evaluation
    trainer.step();
  }
  return (processor_milliseconds() - begin) / steps;
}

struct Row {
  std::string network;
  std::string arithmetic;
  std::string isa;
  double milliseconds = 0;
  double peer_milliseconds = 0;  // 0: no peer
  double ratio = 0;              // median of the repetitions' ratios
};

Row measure(const Case& network, const Arithmetic& arithmetic, Isa isa, PeerProcess* peer, const Options& options) {
  set_isa(isa);
  const auto trainer = make_trainer(network, arithmetic, options);
  const int repetitions = options.quick ? 3 : 9;
  const int steps = options.quick ? std::max(1, network.steps / 4) : network.steps;
  time_steps(*trainer, steps);
  std::vector<double> own;
  std::vector<double> peers;
  std::vector<double> ratios;
  for (int i = 0; i < repetitions; ++i) {
    own.push_back(time_steps(*trainer, steps));
    if (peer == nullptr) continue;
    peers.push_back(peer->ask(steps));
    ratios.push_back(peers.back() / own.back());
  }
  return {network.name,
          arithmetic.name,
          std::string(isa_name(isa)),
          median(own),
          peers.empty() ? 0 : median(peers),
          ratios.empty() ? 0 : median(ratios)};
}

Options parse_options(int argc, char** argv) {
  Options options;
  if (const char* python = std::getenv("DYADIC_BENCH_PYTHON")) options.python = python;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--quick") options.quick = true;
    else if (word == "--json" && i + 1 < argc) options.json = argv[++i];
    else if (word == "--python" && i + 1 < argc) options.python = argv[++i];
    else if (word == "--network" && i + 1 < argc) options.network = argv[++i];
    else if (word == "--batch" && i + 1 < argc) options.batch = std::atoi(argv[++i]);
    else throw UsageError("bench_training [--quick] [--json FILE] [--python PYTHON] [--network NAME] [--batch N]");
  }
  if (options.batch < 1 || options.batch > 1000) throw UsageError("--batch takes 1 to 1000");
  return options;
}

/// Most memory of this process since the last call, in MiB, and forgets it.
double peak_mib() {
  double peak = 0;
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) peak = std::stod(line.substr(6)) / 1024;
  }
  std::ofstream("/proc/self/clear_refs") << 5;  // the kernel starts counting anew
  return peak;
}

struct Memory {
  double peak = 0;  // of two steps above what the process had before, MiB
  double codes = 0, parameters = 0, layers = 0, products = 0;
};

Memory measure_memory(const Case& network, const Arithmetic& arithmetic, const Options& options) {
  constexpr double kMib = 1 << 20;
  set_isa(supported_isas().front());
  network.data();
  peak_mib();
  const double before = peak_mib();
  const auto trainer = make_trainer(network, arithmetic, options);
  trainer->step();
  trainer->step();
  Network& net = trainer->network();
  double parameters = 0;
  for (const Parameter* parameter : net.parameters()) {
    parameters +=
        static_cast<double>(parameter->master.bytes() + parameter->update.bytes() + parameter->gradient.bytes());
  }
  return {.peak = peak_mib() - before,
          .codes = static_cast<double>(net.tensor_bytes()) / kMib,
          .parameters = parameters / kMib,
          .layers = static_cast<double>(net.scratch_bytes()) / kMib,
          .products = static_cast<double>(product_scratch_bytes()) / kMib};
}

void run_case(const Case& network, const Options& options, nlohmann::ordered_json& result) {
  std::unique_ptr<PeerProcess> peer;
  std::string peer_name = "none (no Python with torch: --python)";
  if (!options.python.empty()) {
    peer = std::make_unique<PeerProcess>(std::vector<std::string>{options.python,
                                                                  std::string(DYADIC_BENCH_DIR) + "/pytorch_step.py",
                                                                  network.name, std::to_string(options.batch)});
    peer_name = peer->name();
  }
  result["peer"] = peer_name;
  const Arithmetic& narrow = network.arithmetics.front();
  const Memory memory =
      measure_memory(network, narrow, options);  // first: what later trainers leave behind is no baseline
  std::printf("training step, %s, batch %d, 1 thread; peer: %s\n", network.title.c_str(), options.batch,
              peer_name.c_str());
  std::printf("%-12s %-7s %10s %10s %8s\n", "arithmetic", "tier", "ms/step", "peer ms", "peer/own");
  for (const Arithmetic& arithmetic : network.arithmetics) {
    check_answers(network, arithmetic, options);
    for (const Isa isa : supported_isas()) {
      if (isa == Isa::ref) continue;  // the definition, not an implementation to time
      const Row row = measure(network, arithmetic, isa, peer.get(), options);
      std::printf("%-12s %-7s %10.3f %10.3f %8.2f\n", row.arithmetic.c_str(), row.isa.c_str(), row.milliseconds,
                  row.peer_milliseconds, row.ratio);
      std::fflush(stdout);
      result["rows"].push_back({{"network", row.network},
                                {"arithmetic", row.arithmetic},
                                {"isa", row.isa},
                                {"milliseconds", row.milliseconds},
                                {"peer_milliseconds", row.peer_milliseconds},
                                {"peer_over_own", row.ratio}});
    }
  }
  const double peer_peak = peer ? peer->ask(0) : 0;
  std::printf(
      "memory of a step in %s, MiB: %.1f above the process (codes between layers %.1f, parameters %.1f, masks, "
      "copies, selections %.1f, accumulators and packed operands %.1f); peer %.1f above its process; own/peer %.2f\n\n",
      narrow.name.c_str(), memory.peak, memory.codes, memory.parameters, memory.layers, memory.products, peer_peak,
      peer_peak > 0 ? memory.peak / peer_peak : 0);
  result["memory"].push_back({{"network", network.name},
                              {"arithmetic", narrow.name},
                              {"peak_mib", memory.peak},
                              {"codes_mib", memory.codes},
                              {"parameters_mib", memory.parameters},
                              {"layers_mib", memory.layers},
                              {"products_mib", memory.products},
                              {"peer_peak_mib", peer_peak}});
}

void run(const Options& options) {
  set_thread_count(1);
  nlohmann::ordered_json result = {{"benchmark", "training step"},
                                   {"batch", options.batch},
                                   {"threads", 1},
                                   {"peer", ""},
                                   {"rows", nlohmann::ordered_json::array()},
                                   {"memory", nlohmann::ordered_json::array()}};
  bool found = false;
  for (const Case& network : kCases) {
    if (!options.network.empty() && options.network != network.name) continue;
    found = true;
    run_case(network, options, result);
  }
  if (!found)
    throw UsageError("no network '" + options.network +
                     "': pi_mnist, mnist, gxnor_mnist, gxnor_cifar10, gupta_cifar10");
  if (options.json.empty()) return;
  FILE* file = std::fopen(options.json.c_str(), "w");
  if (file == nullptr) throw IoError(system_error_text(options.json, "writing"));
  std::fputs((result.dump(2) + "\n").c_str(), file);
  std::fclose(file);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(parse_options(argc, argv));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_training: %s\n", error.what());
    return 1;
  }
}
