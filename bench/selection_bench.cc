// Max pooling and maxout with their gradients, one thread, as multiples of the time of copying their larger operand,
// which is the least that any of them has to read or write. Every result is compared with plain loops over the
// definition before it is timed; a wrong one ends the run.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <functional>
#include <nlohmann/json.hpp>
#include <ranges>
#include <string>
#include <vector>

#include "bench/report.h"
#include "bench/timing.h"
#include "dyadic/base/cpu.h"
#include "dyadic/base/error.h"
#include "dyadic/base/parallel.h"
#include "dyadic/base/philox.h"
#include "dyadic/kernels/isa.h"
#include "dyadic/kernels/maxout.h"
#include "dyadic/kernels/pool.h"

namespace dyadic {
namespace {

constexpr const char* kFormats[] = {"q2.6", "dfx10@3", "float32"};
constexpr PoolShape kShape = {
    .batch = 32, .height = 32, .width = 32, .channels = 128, .size_h = 3, .size_w = 3, .stride_h = 2, .stride_w = 2};
constexpr std::int64_t kPieces = 2;

Tensor random_tensor(const Shape& shape, const Format& format, std::uint32_t stream) {
  Tensor tensor(shape, format);
  const auto span = static_cast<std::uint32_t>(format.max_code - format.min_code + 1);
  for (std::int64_t i = 0; i < tensor.size(); ++i) {
    const std::uint32_t word = random_bits({.seed = 1, .step = 1, .stream = stream}, static_cast<std::uint64_t>(i), 32);
    if (code_type(format) == CodeType::f32) {
      tensor.codes<float>()[static_cast<std::size_t>(i)] = static_cast<float>(word >> 8) * 0x1p-23F - 1.0F;
      continue;
    }
    tensor.set_code(i, format.min_code + static_cast<std::int64_t>(word % span));
  }
  return tensor;
}

std::vector<double> values_of(const Tensor& tensor) {
  std::vector<double> values(static_cast<std::size_t>(tensor.size()));
  for (std::int64_t i = 0; i < tensor.size(); ++i) {
    values[static_cast<std::size_t>(i)] = code_type(tensor.format()) == CodeType::f32
                                              ? tensor.codes<float>()[static_cast<std::size_t>(i)]
                                              : static_cast<double>(tensor.code(i));
  }
  return values;
}

/// Sums of [pixels, channels] as doubles.
void collect(void* context, const SumTile& tile, int /*part*/) {
  double* values = static_cast<std::vector<double>*>(context)->data();
  for (std::int64_t i = 0; i < tile.rows; ++i) {
    for (std::int64_t j = 0; j < tile.columns; ++j) {
      const std::int64_t from = i * tile.stride + j;
      values[tile.output_row(i) * kShape.channels + tile.column + j] =
          tile.type == SumType::i32 ? static_cast<double>(static_cast<const std::int32_t*>(tile.sums)[from])
                                    : static_cast<double>(static_cast<const float*>(tile.sums)[from]);
    }
  }
}

/// Looks at one sum of each tile, as an epilogue that costs nothing would.
void look(void* context, const SumTile& tile, int /*part*/) {
  *static_cast<unsigned char*>(context) ^= *static_cast<const unsigned char*>(tile.sums);
}

/// What competes for one output: a window of a pool, the pieces of a maxout.
struct Group {
  std::vector<std::int64_t> elements;  // indices into z
  std::int64_t output;
};

std::vector<Group> pool_groups() {
  std::vector<Group> groups;
  const std::int64_t rows = kShape.out_height();
  const std::int64_t columns = kShape.out_width();
  for (std::int64_t output = 0; output < kShape.batch * rows * columns * kShape.channels; ++output) {
    const std::int64_t c = output % kShape.channels;
    const std::int64_t ow = output / kShape.channels % columns;
    const std::int64_t oh = output / kShape.channels / columns % rows;
    const std::int64_t n = output / kShape.channels / columns / rows;
    Group group = {.elements = {}, .output = output};
    for (std::int64_t h = oh * 2; h < std::min(kShape.height, oh * 2 + 3); ++h) {
      for (std::int64_t w = ow * 2; w < std::min(kShape.width, ow * 2 + 3); ++w) {
        group.elements.push_back(((n * kShape.height + h) * kShape.width + w) * kShape.channels + c);
      }
    }
    groups.push_back(group);
  }
  return groups;
}

std::vector<Group> maxout_groups(std::int64_t inputs) {
  std::vector<Group> groups;
  for (std::int64_t output = 0; output < inputs / kPieces; ++output) {
    groups.push_back({.elements = {kPieces * output, kPieces * output + 1}, .output = output});
  }
  return groups;
}

/// Maxima, and what each of them sends back to all elements that are equal to it, added as float32 in order: exact for
/// the integers of this benchmark.
struct Expected {
  std::vector<double> maxima, routed;

  Expected(const Tensor& z, const Tensor& d_y, const std::vector<Group>& groups)
      : maxima(groups.size()), routed(static_cast<std::size_t>(z.size())) {
    const std::vector<double> inputs = values_of(z);
    const std::vector<double> gradients = values_of(d_y);
    for (const Group& group : groups) {
      const auto output = static_cast<std::size_t>(group.output);
      const auto input = [&](std::int64_t at) { return inputs[static_cast<std::size_t>(at)]; };
      maxima[output] = std::ranges::max(group.elements | std::views::transform(input));
      for (const std::int64_t at : group.elements) {
        double& to = routed[static_cast<std::size_t>(at)];
        if (input(at) == maxima[output]) to = static_cast<float>(to + gradients[output]);
      }
    }
  }
};

void expect(const std::vector<double>& found, const std::vector<double>& wanted, const char* what) {
  if (found != wanted) throw Error(std::string("WRONG ANSWER: ") + what);
}

class Bench {
 public:
  explicit Bench(bool quick) : repetitions_(quick ? 5 : 15) {}

  void measure(const char* what, const Format& format, std::int64_t bytes, const std::function<void()>& call) {
    std::vector<std::byte> from(static_cast<std::size_t>(bytes), std::byte{1});
    std::vector<std::byte> to(from.size());
    std::vector<double> ratios, times;
    for (int i = 0; i < repetitions_; ++i) {
      const double copy = time_of([&] { std::memcpy(to.data(), from.data(), from.size()); });
      times.push_back(time_of(call));
      const double again = time_of([&] { std::memcpy(to.data(), from.data(), from.size()); });
      ratios.push_back(times.back() / std::min(copy, again));
    }
    std::printf("%-14s %-22s %6.2f ms, %5.1f times a copy of its %.1f MiB\n", what, format_name(format).c_str(),
                1000 * median(times), median(ratios), static_cast<double>(bytes) / (1024 * 1024));
    std::fflush(stdout);
    results_.push_back(
        {{"what", what}, {"format", format_name(format)}, {"ms", 1000 * median(times)}, {"copies", median(ratios)}});
  }
  [[nodiscard]] const nlohmann::json& results() const { return results_; }

 private:
  int repetitions_;
  nlohmann::json results_ = nlohmann::json::array();
};

void bench_pool(const Format& format, Bench& bench) {
  const Tensor z = random_tensor({kShape.batch, kShape.height, kShape.width, kShape.channels}, format, 1);
  const Tensor d_y = random_tensor({kShape.batch, kShape.out_height(), kShape.out_width(), kShape.channels}, format, 2);
  const Expected expected(z, d_y, pool_groups());
  Tensor y;
  max_pool_select(z, kShape, y);
  expect(values_of(y), expected.maxima, "max_pool_select");
  std::vector<double> routed(static_cast<std::size_t>(z.size()));
  max_pool_route(z, d_y, kShape, Ties::all, &collect, &routed);
  expect(routed, expected.routed, "max_pool_route");
  bench.measure("pool select", format, z.bytes(), [&] { max_pool_select(z, kShape, y); });
  unsigned char seen = 0;
  const std::int64_t sum_bytes = 4 * z.size();
  bench.measure("pool route", format, sum_bytes, [&] { max_pool_route(z, d_y, kShape, Ties::all, &look, &seen); });
}

void bench_maxout(const Format& format, Bench& bench) {
  const Tensor z = random_tensor({kShape.batch * 256, 1024}, format, 1);
  const Tensor d_y = random_tensor({kShape.batch * 256, 1024 / kPieces}, format, 2);
  const Expected expected(z, d_y, maxout_groups(z.size()));
  Tensor y;
  maxout_select(z, kPieces, y);
  expect(values_of(y), expected.maxima, "maxout_select");
  Tensor routed;
  maxout_route(z, d_y, kPieces, Ties::all, false, routed);
  expect(values_of(routed), expected.routed, "maxout_route");
  bench.measure("maxout select", format, z.bytes(), [&] { maxout_select(z, kPieces, y); });
  bench.measure("maxout route", format, z.bytes(), [&] { maxout_route(z, d_y, kPieces, Ties::all, false, routed); });
}

int run(const BenchOptions& options) {
  if (!options.isa.empty()) set_isa(parse_isa(options.isa));
  set_thread_count(1);
  std::printf("%s, 1 thread; pools 3x3 stride 2 of 32x32x128, batch 32; maxout of %d pieces; processor time\n",
              cpu_features().brand.c_str(), static_cast<int>(kPieces));
  Bench bench(options.quick);
  for (const char* name : kFormats) {
    bench_pool(parse_format(name), bench);
    bench_maxout(parse_format(name), bench);
  }
  write_report(options.json, "selection", bench.results());
  return 0;
}

}  // namespace
}  // namespace dyadic

int main(int argc, char** argv) {
  return dyadic::guarded(
      [](int count, char** words) { return dyadic::run(dyadic::parse_bench_options("selection", count, words)); }, argc,
      argv);
}
