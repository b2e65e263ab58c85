// Convolutions of two shapes of training, one thread: int8 against oneDNN's in the same run, every operand against the
// ceiling of its instruction, the two backward products against the forward one. Sampled sums of every product are
// compared with the definition before it is timed; a wrong one ends the run.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/convolution_peer.h"
#include "bench/product_ceiling.h"
#include "bench/report.h"
#include "bench/timing.h"
#include "dyadic/base/cpu.h"
#include "dyadic/base/error.h"
#include "dyadic/base/parallel.h"
#include "dyadic/kernels/convolution.h"
#include "dyadic/kernels/isa.h"

namespace dyadic {
namespace {

struct NamedShape {
  const char* name;
  ConvolutionShape shape;
};

constexpr NamedShape kShapes[] = {
    {"128>128 3x3 32x32", {32, 32, 32, 128, 128, 3, 3, 1, 1, 1, 1, 1, 1}},
    {"512>512 3x3 8x8", {32, 8, 8, 512, 512, 3, 3, 1, 1, 1, 1, 1, 1}},
};
constexpr const char* kProductNames[] = {"forward", "input gradient", "weight gradient"};

struct Operands {
  const char* name;
  CodeType type;
  std::int64_t low, high;
  Ceiling ceilings[3];  // avx2, avx512, amx
};

constexpr Operands kOperands[] = {
    {"int8", CodeType::i8, -128, 127, {Ceiling::vpmaddwd, Ceiling::vpdpbusd, Ceiling::tdpbssd}},
    {"10 bits", CodeType::i16, -511, 511, {Ceiling::vpmaddwd, Ceiling::vpdpwssd, Ceiling::vpdpwssd}},
    {"16 bits", CodeType::i16, -32768, 32767, {Ceiling::vpmaddwd, Ceiling::vpdpwssd, Ceiling::vpdpwssd}},
    {"float32", CodeType::f32, 0, 0, {Ceiling::fma32_256, Ceiling::fma32_512, Ceiling::fma32_512}},
};

std::vector<std::byte> random_codes(const Operands& operands, std::int64_t n, std::uint64_t seed) {
  const std::int64_t bytes = code_bytes(operands.type);
  std::vector<std::byte> memory(static_cast<std::size_t>(n * bytes));
  for (std::int64_t i = 0; i < n; ++i) {
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    const std::uint64_t word = seed >> 33;
    std::byte* to = memory.data() + i * bytes;
    if (operands.type == CodeType::f32) {
      const float value = static_cast<float>(word >> 7) * 0x1p-23F - 1.0F;
      std::memcpy(to, &value, sizeof value);
    } else {
      const auto span = static_cast<std::uint64_t>(operands.high - operands.low + 1);
      const std::int64_t code = operands.low + static_cast<std::int64_t>(word % span);
      std::memcpy(to, &code, static_cast<std::size_t>(bytes));  // little endian
    }
  }
  return memory;
}

/// Every sum of an output, as integers or the bits of floats.
struct Sums {
  std::int64_t columns;
  std::vector<std::int64_t> values;

  static void consume(void* context, const SumTile& tile, int /*part*/) {
    auto& self = *static_cast<Sums*>(context);
    for (std::int64_t i = 0; i < tile.rows; ++i) {
      std::int64_t* to = self.values.data() + tile.output_row(i) * self.columns + tile.column;
      for (std::int64_t j = 0; j < tile.columns; ++j) {
        const std::int64_t from = i * tile.stride + j;
        to[j] = tile.type == SumType::i64 ? static_cast<const std::int64_t*>(tile.sums)[from]
                                          : static_cast<const std::int32_t*>(tile.sums)[from];
      }
    }
  }
};

/// Looks at one sum of each tile, as an epilogue that costs nothing would.
void look(void* context, const SumTile& tile, int) {
  std::int32_t first = 0;
  std::memcpy(&first, tile.sums, sizeof first);
  *static_cast<std::int64_t*>(context) += first;
}

class Convolution {
 public:
  Convolution(const ConvolutionShape& shape, const Operands& operands)
      : shape_(shape),
        operands_(operands),
        x_(random_codes(operands, shape.batch * shape.height * shape.width * shape.channels, 1)),
        w_(random_codes(operands, shape.outputs * shape.kernel_h * shape.kernel_w * shape.channels, 2)),
        dz_(random_codes(operands, shape.batch * shape.out_height() * shape.out_width() * shape.outputs, 3)) {}

  /// Of the forward product with padding, which the others share.
  [[nodiscard]] double operations() const {
    return 2.0 * static_cast<double>(convolution_rows(ConvolutionProduct::forward, shape_)) *
           static_cast<double>(shape_.outputs) *
           static_cast<double>(convolution_depth(ConvolutionProduct::forward, shape_));
  }
  [[nodiscard]] const std::byte* a(ConvolutionProduct product) const {
    return product == ConvolutionProduct::forward ? x_.data() : dz_.data();
  }
  [[nodiscard]] const std::byte* b(ConvolutionProduct product) const {
    return product == ConvolutionProduct::weight_gradient ? x_.data() : w_.data();
  }

  void run(ConvolutionProduct product, SumConsumer consume, void* context) const {
    if (operands_.type == CodeType::f32) {
      float_convolution(product, shape_, reinterpret_cast<const float*>(a(product)),
                        reinterpret_cast<const float*>(b(product)), consume, context);
      return;
    }
    const std::int64_t most = std::max(-operands_.low, operands_.high);
    const SumType type = integer_sum_type(convolution_depth(product, shape_), most, most, 0);
    integer_convolution(product, shape_, {a(product), operands_.type, 1, 0, most},
                        {b(product), operands_.type, 1, 0, most}, type, consume, context);
  }

  [[nodiscard]] std::vector<std::int64_t> sums(ConvolutionProduct product) const {
    const std::int64_t columns = convolution_columns(product, shape_);
    Sums out{columns, std::vector<std::int64_t>(static_cast<std::size_t>(convolution_rows(product, shape_) * columns),
                                                INT64_MIN)};
    run(product, &Sums::consume, &out);
    return out.values;
  }

  /// Throws unless sampled sums, corners among them, are those of the definition.
  void check(ConvolutionProduct product, const std::vector<std::int64_t>& sums) const {
    const std::int64_t n = std::ssize(sums);
    for (std::int64_t sample = 0; sample < 300; ++sample) {
      const std::int64_t at = sample * 7919 * 104729 % n;
      const std::int64_t index = sample == 0 ? 0 : sample == 1 ? n - 1 : at;
      if (sums[static_cast<std::size_t>(index)] != definition(product, index)) {
        throw Error(std::string("WRONG ANSWER: ") + kProductNames[static_cast<int>(product)] + " " + operands_.name);
      }
    }
  }

 private:
  [[nodiscard]] std::int64_t integer(const std::byte* codes, std::int64_t i) const {
    if (operands_.type == CodeType::i8) return reinterpret_cast<const std::int8_t*>(codes)[i];
    return reinterpret_cast<const std::int16_t*>(codes)[i];
  }

  [[nodiscard]] std::int64_t definition(ConvolutionProduct product, std::int64_t index) const {
    const ConvolutionShape& s = shape_;
    std::int64_t sum = 0;
    float float_sum = 0;
    const auto add = [&](std::int64_t i, std::int64_t j) {
      const std::byte* left = a(product);
      const std::byte* right = b(product);
      if (operands_.type == CodeType::f32) {
        float_sum =
            std::fma(reinterpret_cast<const float*>(left)[i], reinterpret_cast<const float*>(right)[j], float_sum);
      } else {
        sum += integer(left, i) * integer(right, j);
      }
    };
    const auto inside = [&](std::int64_t h, std::int64_t w) { return h >= 0 && h < s.height && w >= 0 && w < s.width; };
    const std::int64_t columns = convolution_columns(product, s);
    const std::int64_t row = index / columns;
    const std::int64_t column = index % columns;
    // Both shapes have stride 1 and as many output as input pixels.
    const std::int64_t n = row / (s.height * s.width);
    const std::int64_t h = row / s.width % s.height;
    const std::int64_t w = row % s.width;
    if (product == ConvolutionProduct::weight_gradient) {
      const std::int64_t tap = column / s.channels;
      for (std::int64_t pixel = 0; pixel < s.batch * s.height * s.width; ++pixel) {
        const std::int64_t y = pixel / s.width % s.height - s.pad_top + tap / s.kernel_w;
        const std::int64_t x = pixel % s.width - s.pad_left + tap % s.kernel_w;
        const std::int64_t from = (pixel / (s.height * s.width) * s.height + y) * s.width + x;
        if (inside(y, x)) add(pixel * s.outputs + row, from * s.channels + column % s.channels);
      }
    } else {
      const bool forward = product == ConvolutionProduct::forward;
      for (std::int64_t tap = 0; tap < s.kernel_h * s.kernel_w; ++tap) {
        const std::int64_t down = tap / s.kernel_w - s.pad_top;
        const std::int64_t right = tap % s.kernel_w - s.pad_left;
        const std::int64_t y = forward ? h + down : h - down;
        const std::int64_t x = forward ? w + right : w - right;
        if (!inside(y, x)) continue;
        const std::int64_t from = (n * s.height + y) * s.width + x;
        for (std::int64_t c = 0; c < (forward ? s.channels : s.outputs); ++c) {
          const std::int64_t weight = forward ? (column * s.kernel_h * s.kernel_w + tap) * s.channels + c
                                              : (c * s.kernel_h * s.kernel_w + tap) * s.channels + column;
          add(from * (forward ? s.channels : s.outputs) + c, weight);
        }
      }
    }
    if (operands_.type != CodeType::f32) return sum;
    std::int32_t bits = 0;
    std::memcpy(&bits, &float_sum, sizeof bits);
    return bits;
  }

  ConvolutionShape shape_;
  Operands operands_;
  std::vector<std::byte> x_, w_, dz_;
};

nlohmann::json measure(const NamedShape& shape, const Operands& operands, int repetitions) {
  const Convolution convolution(shape.shape, operands);
  constexpr ConvolutionProduct kProducts[] = {ConvolutionProduct::forward, ConvolutionProduct::input_gradient,
                                              ConvolutionProduct::weight_gradient};
  std::vector<std::int64_t> forward_sums;
  for (const ConvolutionProduct product : kProducts) {
    const std::vector<std::int64_t> sums = convolution.sums(product);
    convolution.check(product, sums);
    if (product == ConvolutionProduct::forward) forward_sums = sums;
  }
  const bool with_peer = operands.type == CodeType::i8;
  ConvolutionPeer peer;
  if (with_peer)
    peer.prepare(shape.shape, convolution.a(ConvolutionProduct::forward), convolution.b(ConvolutionProduct::forward));
  const int tier = static_cast<int>(active_isa()) - static_cast<int>(Isa::avx2);
  const Ceiling ceiling = operands.ceilings[std::max(0, tier)];
  std::int64_t context = 0;
  std::vector<double> ratios, peers, backward[2];
  for (int i = 0; i < repetitions; ++i) {
    const double rate = ceiling_rate(ceiling);
    double seconds[3], peer_seconds = 0;
    for (int p = 0; p < 3; ++p) {
      const double start = thread_seconds();
      convolution.run(kProducts[p], &look, &context);
      seconds[p] = thread_seconds() - start;
      if (p == 0 && with_peer) peer_seconds = peer.run();
    }
    const double after = ceiling_rate(ceiling);
    ratios.push_back(convolution.operations() / seconds[0] / ((rate + after) / 2));
    for (int p = 1; p < 3; ++p) backward[p - 1].push_back(seconds[p] / seconds[0]);
    if (peer_seconds > 0) peers.push_back(peer_seconds / seconds[0]);
  }
  std::printf("%-18s %-8s %-7s forward %5.1f %% of %-11s input gradient %.2f, weight gradient %.2f of its time",
              shape.name, operands.name, std::string(isa_name(active_isa())).c_str(), 100 * median(ratios),
              ceiling_info(ceiling).name, median(backward[0]), median(backward[1]));
  nlohmann::json result = {{"shape", shape.name},
                           {"operands", operands.name},
                           {"isa", isa_name(active_isa())},
                           {"ceiling", ceiling_info(ceiling).name},
                           {"forward_ratio", median(ratios)},
                           {"input_gradient_time", median(backward[0])},
                           {"weight_gradient_time", median(backward[1])}};
  if (!peers.empty()) {
    std::printf("; %.2f times oneDNN's speed (its sums: %s)", median(peers), peer.compare(forward_sums).c_str());
    result["onednn_speed"] = median(peers);
  } else if (with_peer) {
    std::printf("; oneDNN is MISSING, not compared");
  }
  std::printf("\n");
  std::fflush(stdout);
  return result;
}

int run(const BenchOptions& options) {
  if (!options.isa.empty()) set_isa(parse_isa(options.isa));
  set_thread_count(1);
  std::printf("%s, 1 thread, batch 32; medians; times are processor time\n", cpu_features().brand.c_str());
  nlohmann::json results = nlohmann::json::array();
  for (const NamedShape& shape : kShapes) {
    for (const Operands& operands : kOperands) results.push_back(measure(shape, operands, options.quick ? 3 : 7));
  }
  std::printf("scratch held at the end: %.1f MiB\n", static_cast<double>(product_scratch_bytes()) / (1024 * 1024));
  write_report(options.json, "convolution", results);
  return 0;
}

}  // namespace
}  // namespace dyadic

int main(int argc, char** argv) {
  return dyadic::guarded(
      [](int count, char** words) { return dyadic::run(dyadic::parse_bench_options("convolution", count, words)); },
      argc, argv);
}
