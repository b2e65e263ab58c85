// Matrix products against the ceiling of the instruction they lean on. The ceiling is a loop of that instruction on
// registers alone, timed right before and after every repetition: machines change speed under other people's load, the
// ratio does not. One thread. A product is compared with the reference before it is timed; a wrong one ends the run.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/product_ceiling.h"
#include "bench/report.h"
#include "bench/timing.h"
#include "dyadic/base/cpu.h"
#include "dyadic/base/error.h"
#include "dyadic/base/parallel.h"
#include "dyadic/kernels/product_plan.h"

namespace dyadic {
namespace {

struct Shape {
  const char* name;
  std::int64_t m, n, depth;
  bool a_across, b_across;  // strides (1, rows) instead of (depth, 1)
};

constexpr Shape kCube = {"1024^3", 1024, 1024, 1024, false, false};
constexpr Shape kForward = {"x.w^T 100x1200x784", 100, 1200, 784, false, false};
constexpr Shape kWeightGradient = {"dz^T.x 1200x784x100", 1200, 784, 100, true, true};
constexpr Shape kInputGradient = {"dz.w 100x240x1200", 100, 240, 1200, false, true};

struct Operands {
  const char* name;
  CodeType a_type;
  std::int64_t a_low, a_high;
  CodeType b_type;
  std::int64_t b_low, b_high;
};

constexpr Operands kInt8 = {"int8 x int8", CodeType::i8, -128, 127, CodeType::i8, -128, 127};
constexpr Operands kTenBits = {"10 x 10 bits", CodeType::i16, -511, 511, CodeType::i16, -511, 511};
constexpr Operands kInputs = {"uint8 x 10 bits", CodeType::u8, 0, 255, CodeType::i16, -511, 511};
constexpr Operands kSixteenBits = {"16 x 16 bits", CodeType::i16, -32768, 32767, CodeType::i16, -32768, 32767};
constexpr Operands kWideWeights = {"uint8 x 20 bits", CodeType::u8, 0, 255, CodeType::i32, -524287, 524287};
constexpr Operands kTwentyBits = {"20 x 20 bits", CodeType::i32, -524287, 524287, CodeType::i32, -524287, 524287};
constexpr Operands kFloats = {"float32", CodeType::f32, 0, 0, CodeType::f32, 0, 0};

/// The ratio to `ceiling` that a figure must reach; 0: only reported.
struct Figure {
  Shape shape;
  Operands operands;
  Isa isa;
  Ceiling ceiling;
  double target;
};

const std::vector<Figure>& figures() {
  static const std::vector<Figure> all = {
      {kCube, kInt8, Isa::amx, Ceiling::tdpbssd, 0.40},
      {kCube, kTenBits, Isa::amx, Ceiling::tdpbssd, 0},
      {kCube, kSixteenBits, Isa::amx, Ceiling::tdpbssd, 0.18},
      {kForward, kInputs, Isa::amx, Ceiling::tdpbssd, 0},
      {kForward, kTenBits, Isa::amx, Ceiling::tdpbssd, 0},
      {kWeightGradient, kTenBits, Isa::amx, Ceiling::tdpbssd, 0},
      {kInputGradient, kTenBits, Isa::amx, Ceiling::tdpbssd, 0},
      {kCube, kInt8, Isa::avx512, Ceiling::vpdpbusd, 0},
      {kCube, kTenBits, Isa::avx512, Ceiling::vpdpwssd, 0.75},
      {kCube, kSixteenBits, Isa::avx512, Ceiling::vpdpwssd, 0.40},
      {kCube, kTwentyBits, Isa::avx512, Ceiling::fma64_512, 0},
      {kCube, kFloats, Isa::avx512, Ceiling::fma32_512, 0.75},
      {kForward, kInputs, Isa::avx512, Ceiling::vpdpwssd, 0.65},
      {kForward, kTenBits, Isa::avx512, Ceiling::vpdpwssd, 0.65},
      {kWeightGradient, kTenBits, Isa::avx512, Ceiling::vpdpwssd, 0},
      {kInputGradient, kTenBits, Isa::avx512, Ceiling::vpdpwssd, 0},
      {kForward, kTwentyBits, Isa::avx512, Ceiling::fma64_512, 0},
      {kWeightGradient, kTwentyBits, Isa::avx512, Ceiling::fma64_512, 0},
      {kInputGradient, kTwentyBits, Isa::avx512, Ceiling::fma64_512, 0},
      {kForward, kFloats, Isa::avx512, Ceiling::fma32_512, 0},
      {kWeightGradient, kFloats, Isa::avx512, Ceiling::fma32_512, 0},
      {kInputGradient, kFloats, Isa::avx512, Ceiling::fma32_512, 0},
      {kForward, kWideWeights, Isa::avx512, Ceiling::vpdpwssd, 0},
      {kCube, kInt8, Isa::avx2, Ceiling::vpmaddwd, 0},
      {kCube, kTenBits, Isa::avx2, Ceiling::vpmaddwd, 0},
      {kCube, kSixteenBits, Isa::avx2, Ceiling::vpmaddwd, 0},
      {kCube, kTwentyBits, Isa::avx2, Ceiling::fma64_256, 0},
      {kCube, kFloats, Isa::avx2, Ceiling::fma32_256, 0},
      {kForward, kInputs, Isa::avx2, Ceiling::vpmaddwd, 0},
      {kForward, kTenBits, Isa::avx2, Ceiling::vpmaddwd, 0},
      {kWeightGradient, kTenBits, Isa::avx2, Ceiling::vpmaddwd, 0},
      {kInputGradient, kTenBits, Isa::avx2, Ceiling::vpmaddwd, 0},
      {kForward, kWideWeights, Isa::avx2, Ceiling::vpmaddwd, 0},
      {kForward, kTwentyBits, Isa::avx2, Ceiling::fma64_256, 0},
      {kForward, kFloats, Isa::avx2, Ceiling::fma32_256, 0},
      {kWeightGradient, kFloats, Isa::avx2, Ceiling::fma32_256, 0},
  };
  return all;
}

/// Codes in [low, high], or floats in [-1, 1).
std::vector<std::byte> random_codes(CodeType type, std::int64_t low, std::int64_t high, std::int64_t n,
                                    std::uint64_t seed) {
  std::vector<std::byte> memory(static_cast<std::size_t>(n * code_bytes(type)));
  for (std::int64_t i = 0; i < n; ++i) {
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    const std::uint64_t word = seed >> 33;
    std::byte* to = memory.data() + i * code_bytes(type);
    if (type == CodeType::f32) {
      const float value = static_cast<float>(word >> 7) * 0x1p-23F - 1.0F;
      std::memcpy(to, &value, sizeof value);
    } else {
      const std::int64_t code = low + static_cast<std::int64_t>(word % static_cast<std::uint64_t>(high - low + 1));
      std::memcpy(to, &code, static_cast<std::size_t>(code_bytes(type)));  // little endian
    }
  }
  return memory;
}

class Product {
 public:
  Product(const Shape& shape, const Operands& operands)
      : shape_(shape),
        type_(operands.a_type),
        a_codes_(random_codes(operands.a_type, operands.a_low, operands.a_high, shape.m * shape.depth, 1)),
        b_codes_(random_codes(operands.b_type, operands.b_low, operands.b_high, shape.n * shape.depth, 2)) {
    a_ = {a_codes_.data(),
          operands.a_type,
          shape.a_across ? 1 : shape.depth,
          shape.a_across ? shape.m : 1,
          1,
          0,
          std::max(-operands.a_low, operands.a_high)};
    b_ = {b_codes_.data(),
          operands.b_type,
          shape.b_across ? 1 : shape.depth,
          shape.b_across ? shape.n : 1,
          1,
          0,
          std::max(-operands.b_low, operands.b_high)};
  }

  [[nodiscard]] double operations() const {
    return 2.0 * static_cast<double>(shape_.m) * static_cast<double>(shape_.n) * static_cast<double>(shape_.depth);
  }

  void run(SumConsumer consume, void* context) const {
    if (type_ == CodeType::f32) {
      const FloatOperand a{reinterpret_cast<const float*>(a_codes_.data()), a_.row_stride, a_.depth_stride};
      const FloatOperand b{reinterpret_cast<const float*>(b_codes_.data()), b_.row_stride, b_.depth_stride};
      float_product(shape_.m, shape_.n, shape_.depth, a, b, consume, context);
    } else {
      const SumType type = integer_sum_type(shape_.depth, a_.max_magnitude, b_.max_magnitude, 0);
      integer_product(shape_.m, shape_.n, shape_.depth, a_, b_, type, consume, context);
    }
  }

  [[nodiscard]] std::vector<std::int64_t> sums() const {
    struct Context {
      std::int64_t n;
      std::vector<std::int64_t> sums;
    } context{shape_.n, std::vector<std::int64_t>(static_cast<std::size_t>(shape_.m * shape_.n), INT64_MIN)};
    run(
        [](void* raw, const SumTile& tile, int) {
          auto& out = *static_cast<Context*>(raw);
          for (std::int64_t i = 0; i < tile.rows; ++i) {
            for (std::int64_t j = 0; j < tile.columns; ++j) {
              const std::int64_t from = i * tile.stride + j;
              out.sums[static_cast<std::size_t>((tile.row + i) * out.n + tile.column + j)] =
                  tile.type == SumType::i64 ? static_cast<const std::int64_t*>(tile.sums)[from]
                                            : static_cast<const std::int32_t*>(tile.sums)[from];
            }
          }
        },
        &context);
    return context.sums;
  }

 private:
  Shape shape_;
  CodeType type_;
  std::vector<std::byte> a_codes_, b_codes_;
  IntegerOperand a_, b_;
};

/// Looks at one sum of each tile, as an epilogue that costs nothing would.
void look(void* context, const SumTile& tile, int) {
  std::int32_t first = 0;
  std::memcpy(&first, tile.sums, sizeof first);
  *static_cast<std::int64_t*>(context) += first;
}

bool is_supported(Isa isa) { return std::ranges::find(supported_isas(), isa) != supported_isas().end(); }

nlohmann::json measure(const Figure& figure, int repetitions) {
  const Product product(figure.shape, figure.operands);
  set_isa(Isa::ref);
  const std::vector<std::int64_t> expected = product.sums();
  set_isa(figure.isa);
  if (product.sums() != expected) {
    throw Error(std::string("WRONG ANSWER: ") + figure.shape.name + " " + figure.operands.name + " on " +
                std::string(isa_name(figure.isa)));
  }
  std::int64_t context = 0;
  std::vector<double> rates, ceilings, ratios;
  for (int i = 0; i < repetitions; ++i) {
    const double before = ceiling_rate(figure.ceiling);
    double best = 1e30;
    for (int j = 0; j < 3; ++j) {
      const double start = thread_seconds();
      product.run(&look, &context);
      best = std::min(best, thread_seconds() - start);
    }
    const double ceiling = (before + ceiling_rate(figure.ceiling)) / 2;
    rates.push_back(product.operations() / best);
    ceilings.push_back(ceiling);
    ratios.push_back(rates.back() / ceiling);
  }
  const double ratio = median(ratios);
  const bool met = ratio >= figure.target;
  std::printf("%-22s %-16s %-7s %9.1f %9.1f of %-11s %6.1f %% [%.1f-%.1f]%s\n", figure.shape.name, figure.operands.name,
              std::string(isa_name(figure.isa)).c_str(), median(rates) / 1e9, median(ceilings) / 1e9,
              ceiling_info(figure.ceiling).name, 100 * ratio, 100 * *std::ranges::min_element(ratios),
              100 * *std::ranges::max_element(ratios), figure.target == 0 ? "" : (met ? "  reached" : "  MISSED"));
  std::fflush(stdout);
  return {{"shape", figure.shape.name},
          {"operands", figure.operands.name},
          {"isa", isa_name(figure.isa)},
          {"gigaops", median(rates) / 1e9},
          {"ceiling", ceiling_info(figure.ceiling).name},
          {"ceiling_gigaops", median(ceilings) / 1e9},
          {"ratio", ratio},
          {"target", figure.target},
          {"reached", met}};
}

int run(const BenchOptions& options) {
  const Isa only = options.isa.empty() ? Isa::ref : parse_isa(options.isa);
  set_thread_count(1);
  std::printf("%s, 1 thread; 1 multiply-accumulate = 2 operations; medians, ratios to the ceiling [min-max]\n",
              cpu_features().brand.c_str());
  std::printf("%-22s %-16s %-7s %9s %9s\n", "shape", "operands", "isa", "Gop/s", "ceiling");
  nlohmann::json results = nlohmann::json::array();
  bool skipped = false;
  for (const Figure& figure : figures()) {
    if (!options.isa.empty() && figure.isa != only) continue;
    if (!is_supported(figure.isa)) {
      std::printf("%-22s %-16s %-7s SKIPPED: this machine lacks it\n", figure.shape.name, figure.operands.name,
                  std::string(isa_name(figure.isa)).c_str());
      skipped = true;
      continue;
    }
    results.push_back(measure(figure, options.quick ? 3 : 11));
  }
  if (skipped) std::printf("SKIPPED figures were NOT measured.\n");
  write_report(options.json, "product", results);
  return 0;
}

}  // namespace
}  // namespace dyadic

int main(int argc, char** argv) {
  return dyadic::guarded(
      [](int count, char** words) { return dyadic::run(dyadic::parse_bench_options("product", count, words)); }, argc,
      argv);
}
