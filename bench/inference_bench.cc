// Networks with ternary weights and activations, packed (integers alone), against the same network in PyTorch float32,
// one thread, in turns in the same run; processor time. A packed network must predict what the network it was made from
// does in evaluation, or the run ends.
//
//   bench_inference [--quick] [--json FILE] [--python PYTHON]
//
// PYTHON must have torch; without it the ratios are missing.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <vector>

#include "bench/peer_process.h"
#include "bench/timing.h"
#include "dyadic/base/cpu.h"
#include "dyadic/base/error.h"
#include "dyadic/base/parallel.h"
#include "dyadic/convert/pack_network.h"
#include "dyadic/convert/packed_file.h"
#include "dyadic/data/digits.h"
#include "dyadic/data/scenes.h"
#include "dyadic/io/safetensors.h"
#include "dyadic/kernels/isa.h"
#include "dyadic/train/trainer.h"

namespace {

using namespace dyadic;

struct Case {
  const char* name;  // also the peer's
  const char* recipe;
  std::vector<Override> overrides;
  DataSet (*data)();
};

DataSet digits() { return generate_digits_set(kDigitSeed, 300, 200); }
DataSet scenes() { return generate_scenes_set(1, 300, 200); }

const std::vector<Case> kCases = {
    {"gxnor_mnist",
     "mnist.toml",
     {"data.name=digits", "data.split={train = 200, valid = 100}", "train.batch=100"},
     digits},
    {"gxnor_cifar10",
     "cifar10.toml",
     {"data.name=scenes", "data.split={train = 200, valid = 100}", "train.batch=100"},
     scenes},
};

/// The pixels of `count` test examples from `first` on.
std::vector<std::uint8_t> pixels_of(const DataSet& data, std::int64_t first, std::int64_t count) {
  const std::int64_t values = data.test.values();
  const auto begin = data.test.pixels.begin() + first * values;
  return {begin, begin + count * values};
}

/// How many of these classes the network itself does not predict, by its forward pass in evaluation.
std::int64_t differences(Trainer& trainer, const std::vector<std::uint8_t>& pixels,
                         const std::vector<std::uint8_t>& classes, const Pass& pass) {
  Network& network = trainer.network();
  network.load_input(std::span<const std::uint8_t>(pixels), std::ssize(classes), pass);
  return network.forward(classes, pass).errors;
}

nlohmann::json measure(const Case& network, std::int64_t batch, const std::string& python, bool quick) {
  const DataSet data = network.data();
  Recipe recipe =
      read_recipe(std::string(DYADIC_BENCH_DIR) + "/../recipes/gxnor2018/" + network.recipe, network.overrides);
  Trainer trainer(recipe, data, nullptr);
  for (int i = 0; i < 2; ++i) trainer.step();  // batch normalisation has seen something
  const Pass pass = {.plan = &trainer.network().plan(), .seed = recipe.seed, .step = trainer.progress().step};
  PackedNetwork packed(pack_network(trainer.network(), recipe, pass));

  const std::vector<std::uint8_t> pixels = pixels_of(data, 0, batch);
  const Tensor input = packed.input_codes(std::span<const std::uint8_t>(pixels), batch);
  if (differences(trainer, pixels, packed.forward(input), pass) != 0) {
    throw Error(std::string("WRONG ANSWER: ") + network.name + " packed predicts other classes than in evaluation");
  }
  std::unique_ptr<PeerProcess> peer;
  if (!python.empty()) {
    peer = std::make_unique<PeerProcess>(std::vector<std::string>{
        python, std::string(DYADIC_BENCH_DIR) + "/pytorch_step.py", network.name, std::to_string(batch)});
  }
  const int passes = batch == 1 ? 20 : 1;
  std::vector<double> own, peers, ratios;
  for (int i = 0; i < (quick ? 3 : 9); ++i) {
    own.push_back(1e3 * time_of([&] {
                    for (int j = 0; j < passes; ++j) {
                      const Tensor codes = packed.input_codes(std::span<const std::uint8_t>(pixels), batch);
                      packed.forward(codes);
                    }
                  }) /
                  passes);
    if (peer == nullptr) continue;
    peers.push_back(peer->ask(-passes));
    ratios.push_back(peers.back() / own.back());
  }
  const std::int64_t weights = trainer.network().parameter_count();
  const auto file_bytes =
      static_cast<double>(serialize_safetensors(make_packed_file(packed.model(), Packing::bits)).size());
  const double smaller = 4.0 * static_cast<double>(weights) / file_bytes;
  std::string instructions;
  for (std::size_t i = 0; i < packed.nodes().size(); ++i) {
    instructions += (i == 0 ? "" : " ") + packed.nodes()[i].name + ":" + std::string(packed.instructions(i));
  }
  std::printf("%-14s batch %3lld  %8.3f ms, peer %8.3f ms: %.2f times as fast; file %.0f kB, %.1f times smaller; %s\n",
              network.name, static_cast<long long>(batch), median(own), peers.empty() ? 0 : median(peers),
              ratios.empty() ? 0 : median(ratios), file_bytes / 1e3, smaller, instructions.c_str());
  std::fflush(stdout);
  return {{"network", network.name},
          {"batch", batch},
          {"isa", isa_name(active_isa())},
          {"milliseconds", median(own)},
          {"peer_milliseconds", peers.empty() ? 0 : median(peers)},
          {"peer_over_own", ratios.empty() ? 0 : median(ratios)},
          {"file_bytes", file_bytes},
          {"times_smaller", smaller}};
}

void run(int argc, char** argv) {
  std::string json, python;
  bool quick = false;
  if (const char* from_environment = std::getenv("DYADIC_BENCH_PYTHON")) python = from_environment;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--quick") quick = true;
    else if (word == "--json" && i + 1 < argc) json = argv[++i];
    else if (word == "--python" && i + 1 < argc) python = argv[++i];
    else throw UsageError("bench_inference [--quick] [--json FILE] [--python PYTHON]");
  }
  set_thread_count(1);
  std::printf("%s, %s, 1 thread; medians of processor time\n", cpu_features().brand.c_str(),
              std::string(isa_name(active_isa())).c_str());
  if (python.empty()) std::printf("NO PEER: name a Python with torch by --python or DYADIC_BENCH_PYTHON\n");
  nlohmann::json results = nlohmann::json::array();
  for (const Case& network : kCases) {
    for (const std::int64_t batch : {1, 100}) results.push_back(measure(network, batch, python, quick));
  }
  if (json.empty()) return;
  FILE* file = std::fopen(json.c_str(), "w");
  if (file == nullptr) throw IoError(system_error_text(json, "writing"));
  std::fputs((results.dump(2) + "\n").c_str(), file);
  std::fclose(file);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(argc, argv);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_inference: %s\n", error.what());
    return 1;
  }
}
