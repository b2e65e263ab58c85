// Products with ternary weights, 4096 x 4096, one thread: a batch of one, whose weights stay packed and are read from
// the last cache, against the rate at which this thread reads it; a batch of 512 against the ceiling of the
// instructions; both beside oneDNN's int8 and float32 products, in turns in the same run. Sums are compared with the
// reference first; a wrong one ends the run.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/product_ceiling.h"
#include "bench/product_peer.h"
#include "bench/report.h"
#include "bench/timing.h"
#include "dyadic/base/aligned.h"
#include "dyadic/base/cpu.h"
#include "dyadic/base/error.h"
#include "dyadic/base/parallel.h"
#include "dyadic/kernels/isa.h"
#include "dyadic/kernels/packed_weights.h"
#include "dyadic/kernels/product_choice.h"

namespace dyadic {
namespace {

constexpr std::int64_t kSide = 4096;

struct Codes {
  const char* name;
  CodeType type;
  std::int64_t count, multiplier, offset;  // codes 0 .. count - 1, or -count / 2 .. for signed types
};

constexpr Codes kTernary = {"ternary", CodeType::u8, 3, 1, 1};
constexpr Codes kBinary = {"binary", CodeType::u8, 2, 2, 1};
constexpr Codes kInt8 = {"int8", CodeType::i8, 256, 1, 0};

struct Figure {
  const Codes& inputs;
  const Codes& weights;
  std::int64_t batch;
  TernaryKernel kernel;
  double target;  // of the ratio to the ceiling, or to the rate of reading for a batch of one
};

constexpr Figure kFigures[] = {
    {kTernary, kTernary, 1, TernaryKernel::bitplanes, 0.60}, {kTernary, kTernary, 1, TernaryKernel::bytes, 0},
    {kInt8, kTernary, 1, TernaryKernel::bytes, 0.60},        {kTernary, kTernary, 512, TernaryKernel::bitplanes, 0.85},
    {kTernary, kTernary, 512, TernaryKernel::bytes, 0},      {kBinary, kBinary, 512, TernaryKernel::bitplanes, 0},
    {kInt8, kTernary, 512, TernaryKernel::bytes, 0.50},
};

std::vector<std::int8_t> random_codes(const Codes& codes, std::int64_t n, std::uint64_t seed) {
  std::vector<std::int8_t> out(static_cast<std::size_t>(n));
  for (std::int8_t& code : out) {
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    code = static_cast<std::int8_t>((seed >> 40) % static_cast<std::uint64_t>(codes.count));  // of int8: any byte
  }
  return out;
}

IntegerOperand operand(const Codes& codes, const std::vector<std::int8_t>& memory) {
  const std::int64_t magnitude = codes.type == CodeType::i8 ? 128 : 1;
  return {memory.data(), codes.type, kSide, 1, codes.multiplier, codes.offset, magnitude};
}

struct Sums {
  std::int64_t columns;
  std::vector<std::int32_t> values;

  static void consume(void* context, const SumTile& tile, int /*part*/) {
    auto& self = *static_cast<Sums*>(context);
    for (std::int64_t i = 0; i < tile.rows; ++i) {
      const std::int32_t* from = static_cast<const std::int32_t*>(tile.sums) + i * tile.stride;
      std::copy_n(from, tile.columns, self.values.begin() + (tile.row + i) * self.columns + tile.column);
    }
  }
};

/// Looks at one sum of each tile, as an epilogue that costs nothing would.
void look(void* context, const SumTile& tile, int /*part*/) {
  *static_cast<std::int64_t*>(context) += *static_cast<const std::int32_t*>(tile.sums);
}

/// Bytes per second that this thread reads of as many bytes as packed ternary weights take, from the last cache.
double reading_rate() {
  static const AlignedVector<std::byte> memory(kSide * kSide / 4, std::byte{1});
  double best = 0;
  for (int i = 0; i < 5; ++i) {
    const double seconds = time_of([&] { ceilings::avx2::read(memory.data(), std::ssize(memory)); });
    best = std::max(best, static_cast<double>(memory.size()) / seconds);
  }
  return best;
}

Ceiling ceiling_of(const Figure& figure) {
  const bool counts = active_isa() == Isa::avx2 || cpu_features().vpopcntdq;  // else bytes run in their place
  const bool planes = figure.kernel == TernaryKernel::bitplanes && counts;
  switch (active_isa()) {
    case Isa::amx: return planes ? Ceiling::popcount_512 : Ceiling::tdpbssd;
    case Isa::avx512: return planes ? Ceiling::popcount_512 : Ceiling::vpdpbusd;
    default: return planes ? Ceiling::popcount_256 : Ceiling::vpmaddubsw;
  }
}

void check(const Figure& figure, const IntegerOperand& x, const IntegerOperand& w, const PackedWeights& packed) {
  constexpr std::int64_t kRows = 2;
  const std::int64_t rows = std::min(kRows, figure.batch);
  Sums got = {kSide, std::vector<std::int32_t>(static_cast<std::size_t>(figure.batch * kSide))};
  Sums expected = {kSide, std::vector<std::int32_t>(static_cast<std::size_t>(rows * kSide))};
  packed.multiply(figure.batch, x, &Sums::consume, &got);
  const Isa isa = active_isa();
  set_isa(Isa::ref);
  integer_product(rows, kSide, kSide, x, w, SumType::i32, &Sums::consume, &expected);
  set_isa(isa);
  if (!std::equal(expected.values.begin(), expected.values.end(), got.values.begin())) {
    throw Error(std::string("WRONG ANSWER: ") + figure.inputs.name + " x " + figure.weights.name);
  }
}

nlohmann::json measure(const Figure& figure, int repetitions) {
  const std::vector<std::int8_t> x_codes = random_codes(figure.inputs, figure.batch * kSide, 1);
  const std::vector<std::int8_t> w_codes = random_codes(figure.weights, kSide * kSide, 2);
  const IntegerOperand x = operand(figure.inputs, x_codes), w = operand(figure.weights, w_codes);
  set_ternary_kernel(figure.kernel);
  const PackedWeights packed(kSide, kSide, 1, w, x, figure.batch);
  check(figure, x, w, packed);
  ProductPeer int8, float32;
  int8.prepare(ProductPeer::Numbers::int8, figure.batch, kSide, kSide);
  float32.prepare(ProductPeer::Numbers::float32, figure.batch, kSide, kSide);
  const bool reads = figure.batch == 1;
  const Ceiling ceiling = ceiling_of(figure);
  const auto limit = [&] { return reads ? reading_rate() : ceiling_rate(ceiling); };
  const double work = reads ? static_cast<double>(packed.bytes())
                            : 2.0 * static_cast<double>(figure.batch) * static_cast<double>(kSide * kSide);
  std::int64_t context = 0;
  std::vector<double> ratios, rates, peers[2];
  for (int i = 0; i < repetitions; ++i) {
    const double before = limit();
    double seconds = 1e30;
    for (int j = 0; j < (reads ? 20 : 2); ++j) {
      seconds = std::min(seconds, time_of([&] { packed.multiply(figure.batch, x, &look, &context); }));
    }
    rates.push_back(work / seconds);
    ratios.push_back(rates.back() / ((before + limit()) / 2));
    double peer_seconds[2] = {1e30, 1e30};
    for (int j = 0; j < (reads ? 5 : 1); ++j) {
      peer_seconds[0] = std::min(peer_seconds[0], int8.run());
      peer_seconds[1] = std::min(peer_seconds[1], float32.run());
    }
    for (int p = 0; p < 2; ++p) peers[p].push_back(peer_seconds[p] / seconds);
  }
  set_ternary_kernel(TernaryKernel::automatic);
  const double ratio = median(ratios);
  const bool missing = median(peers[0]) == 0;
  std::printf("%-8s x %-8s batch %3lld  %-10s %6.1f %s = %5.1f %% of %-13s %5.1f times oneDNN int8, %5.1f float32%s\n",
              figure.inputs.name, figure.weights.name, static_cast<long long>(figure.batch),
              std::string(packed.instructions()).c_str(), median(rates) / 1e9, reads ? "GB/s " : "Gop/s", 100 * ratio,
              reads ? "reading" : ceiling_info(ceiling).name, median(peers[0]), median(peers[1]),
              missing                  ? " (oneDNN is MISSING)"
              : figure.target == 0     ? ""
              : ratio >= figure.target ? "  reached"
                                       : "  MISSED");
  std::fflush(stdout);
  return {{"inputs", figure.inputs.name},
          {"weights", figure.weights.name},
          {"batch", figure.batch},
          {"kernel", ternary_kernel_name(figure.kernel)},
          {"isa", isa_name(active_isa())},
          {"rate", median(rates)},
          {"ratio", ratio},
          {"target", figure.target},
          {"onednn_int8_speed", median(peers[0])},
          {"onednn_float32_speed", median(peers[1])},
          {"packed_bytes", packed.bytes()}};
}

int run(const BenchOptions& options) {
  if (!options.isa.empty()) set_isa(parse_isa(options.isa));
  set_thread_count(1);
  std::printf("%s, %s, 1 thread, weights 4096 x 4096; medians; times are processor time\n",
              cpu_features().brand.c_str(), std::string(isa_name(active_isa())).c_str());
  std::printf("cost model: %s\n", ternary_costs().c_str());
  nlohmann::json results = nlohmann::json::array();
  for (const Figure& figure : kFigures) results.push_back(measure(figure, options.quick ? 3 : 9));
  write_report(options.json, "ternary", results);
  return 0;
}

}  // namespace
}  // namespace dyadic

int main(int argc, char** argv) {
  return dyadic::guarded(
      [](int count, char** words) { return dyadic::run(dyadic::parse_bench_options("ternary", count, words)); }, argc,
      argv);
}
