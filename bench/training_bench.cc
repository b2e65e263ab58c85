// One training step of PI_MNIST (784 - 240x5 - 240x5 - 10, batch 100) in every arithmetic and on every tier, one
// thread, against PyTorch float32 doing the same work (dropout, momentum, max norm), repetitions taken in turn;
// processor time of both.
//
//   bench_training [--json FILE] [--quick] [--python PYTHON]     PYTHON must have torch; without it the ratios are
//   missing
//
// Before anything is timed, two steps on every tier must leave the same bits as two steps on `ref`.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/peer_process.h"
#include "dyadic/base/error.h"
#include "dyadic/base/parallel.h"
#include "dyadic/data/digits.h"
#include "dyadic/experiment/recipe.h"
#include "dyadic/kernels/isa.h"
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
  std::vector<std::string> words;
};

const std::vector<Arithmetic> kArithmetics = {{"DFXP 5 9 11", {"DFXP", "5", "9", "11", "100", "0.0001", "0"}},
                                              {"FLP", {"FLP"}},
                                              {"FXP 5 9 11", {"FXP", "5", "9", "11"}},
                                              {"FXP 5 19 19", {"FXP", "5", "19", "19"}},
                                              {"HFLP", {"HFLP"}}};

struct Options {
  std::string json;
  std::string python;
  bool quick = false;
};

const DataSet& digits() {
  static const DataSet set = generate_digits_set(kDigitSeed, 2100, 10);
  return set;
}

std::unique_ptr<Trainer> make_trainer(const Arithmetic& arithmetic) {
  std::vector<std::string> words = {"PI_DIGITS"};
  words.insert(words.end(), arithmetic.words.begin(), arithmetic.words.end());
  return std::make_unique<Trainer>(task_recipe(words, {"data.split={train = 2000, valid = 100}"}), digits(), nullptr);
}

std::string checksum_after_two_steps(const Arithmetic& arithmetic, Isa isa) {
  set_isa(isa);
  const auto trainer = make_trainer(arithmetic);
  trainer->step();
  trainer->step();
  return state_checksum(trainer->network());
}

void check_answers(const Arithmetic& arithmetic) {
  const std::string expected = checksum_after_two_steps(arithmetic, Isa::ref);
  for (const Isa isa : supported_isas()) {
    if (checksum_after_two_steps(arithmetic, isa) == expected) continue;
    std::fprintf(stderr, "%s on %s leaves other bits than ref: not timed\n", arithmetic.name.c_str(),
                 std::string(isa_name(isa)).c_str());
    std::exit(1);
  }
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
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
  std::string arithmetic;
  std::string isa;
  double milliseconds = 0;
  double peer_milliseconds = 0;  // 0: no peer
  double ratio = 0;              // median of the repetitions' ratios
};

Row measure(const Arithmetic& arithmetic, Isa isa, PeerProcess* peer, const Options& options) {
  set_isa(isa);
  const auto trainer = make_trainer(arithmetic);
  const int repetitions = options.quick ? 3 : 9;
  const int steps = options.quick ? 5 : 20;
  time_steps(*trainer, 5);
  std::vector<double> own;
  std::vector<double> peers;
  std::vector<double> ratios;
  for (int i = 0; i < repetitions; ++i) {
    own.push_back(time_steps(*trainer, steps));
    if (peer == nullptr) continue;
    peers.push_back(peer->ask(steps));
    ratios.push_back(peers.back() / own.back());
  }
  return {arithmetic.name, std::string(isa_name(isa)), median(own), peers.empty() ? 0 : median(peers),
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
    else throw UsageError("bench_training [--quick] [--json FILE] [--python PYTHON]");
  }
  return options;
}

void run(const Options& options) {
  set_thread_count(1);
  std::unique_ptr<PeerProcess> peer;
  std::string peer_name = "none (no Python with torch: --python)";
  if (!options.python.empty()) {
    peer = std::make_unique<PeerProcess>(
        std::vector<std::string>{options.python, std::string(DYADIC_BENCH_DIR) + "/pytorch_step.py"});
    peer_name = peer->name();
  }
  std::printf("training step, PI_MNIST network, batch 100, 1 thread; peer: %s\n", peer_name.c_str());
  std::printf("%-12s %-7s %10s %10s %8s\n", "arithmetic", "tier", "ms/step", "peer ms", "peer/own");
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const Arithmetic& arithmetic : kArithmetics) {
    check_answers(arithmetic);
    for (const Isa isa : supported_isas()) {
      if (isa == Isa::ref) continue;  // the definition, not an implementation to time
      const Row row = measure(arithmetic, isa, peer.get(), options);
      std::printf("%-12s %-7s %10.3f %10.3f %8.2f\n", row.arithmetic.c_str(), row.isa.c_str(), row.milliseconds,
                  row.peer_milliseconds, row.ratio);
      std::fflush(stdout);
      rows.push_back({{"arithmetic", row.arithmetic},
                      {"isa", row.isa},
                      {"milliseconds", row.milliseconds},
                      {"peer_milliseconds", row.peer_milliseconds},
                      {"peer_over_own", row.ratio}});
    }
  }
  if (options.json.empty()) return;
  const nlohmann::ordered_json result = {
      {"benchmark", "training step"}, {"threads", 1}, {"peer", peer_name}, {"rows", rows}};
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
