#include "dyadic/kernels/product_choice.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <iterator>
#include <limits>
#include <map>
#include <mutex>

#include "dyadic/base/aligned.h"
#include "dyadic/base/error.h"
#include "dyadic/kernels/product_plan.h"

namespace dyadic {
namespace {

constexpr std::string_view kNames[] = {"auto", "bytes", "bitplanes"};

std::atomic<TernaryKernel>& chosen_kernel() {
  static std::atomic<TernaryKernel> kernel = TernaryKernel::automatic;
  return kernel;
}

}  // namespace

TernaryKernel parse_ternary_kernel(std::string_view name) {
  const auto* found = std::ranges::find(kNames, name);
  if (found == std::end(kNames)) {
    throw UsageError("kernels.ternary = '" + std::string(name) + "': must be auto, bytes or bitplanes");
  }
  return static_cast<TernaryKernel>(found - std::begin(kNames));
}

std::string_view ternary_kernel_name(TernaryKernel kernel) { return kNames[static_cast<int>(kernel)]; }

void set_ternary_kernel(TernaryKernel kernel) { chosen_kernel() = kernel; }

TernaryKernel ternary_kernel() { return chosen_kernel(); }

namespace product {
namespace {

constexpr std::int64_t kCodes = 1024;  // of the depth

/// The shortest of a few times `body` takes, in nanoseconds: the machine may be doing something else now and then.
template <typename Body>
double best_time(Body body) {
  using Clock = std::chrono::steady_clock;
  double best = std::numeric_limits<double>::max();
  for (int repeat = 0; repeat < 12; ++repeat) {
    const Clock::time_point start = Clock::now();
    for (int i = 0; i < 4; ++i) body();
    const std::chrono::duration<double, std::nano> time = Clock::now() - start;
    best = std::min(best, time.count() / 4);
  }
  return best;
}

EngineCost measure(const EngineSet& set, const Engine& engine) {
  const std::int64_t groups = std::min<std::int64_t>(kCodes / group_codes(engine.packed_a), engine.block_groups);
  const std::int64_t codes = groups * group_codes(engine.packed_a);
  const auto panel_bytes = [&](const PanelLayout& layout, PackedType type) {
    return static_cast<std::size_t>(layout.width * groups * group_bytes(type));
  };
  AlignedVector<std::byte> a(panel_bytes(engine.a, engine.packed_a)), b(panel_bytes(engine.b, engine.packed_b));
  AlignedVector<std::int32_t> sums(static_cast<std::size_t>(engine.a.width) * static_cast<std::size_t>(engine.b.width));
  const auto multiply = [&](int rows) {
    return best_time([&] {
             engine.multiply[0][0](a.data(), b.data(), groups, rows, engine.b.width, sums.data(), engine.b.width, true);
           }) /
           static_cast<double>(rows * engine.b.width * codes);
  };
  const AlignedVector<std::int8_t> bytes(static_cast<std::size_t>(engine.b.width * codes));
  PackSource source;
  source.codes = bytes.data();
  source.type = CodeType::i8;
  source.row_stride = codes;
  source.rows = engine.b.width;
  source.depth = codes;
  PackJob job;
  job.source = &source;
  job.layout = engine.b;
  job.row_end = source.rows;
  job.groups = groups;
  job.panels = b.data();
  const PackFunction pack = set.pack(engine.packed_b, source.type);
  EngineCost cost;
  if (engine.begin != nullptr) engine.begin();
  cost.multiply = multiply(engine.a.width);
  cost.multiply_row = multiply(1);
  if (engine.end != nullptr) engine.end();
  cost.pack = best_time([&] { pack(job); }) / static_cast<double>(source.rows * codes);
  return cost;
}

}  // namespace

EngineCost engine_cost(const EngineSet& set, const Engine& engine) {
  static std::mutex mutex;
  static std::map<const Engine*, EngineCost> known;
  const std::lock_guard lock(mutex);
  const auto [entry, is_new] = known.try_emplace(&engine);
  if (is_new) entry->second = measure(set, engine);
  return entry->second;
}

double product_cost(const EngineCost& cost, int row_width, std::int64_t m, std::int64_t n, std::int64_t depth,
                    bool b_is_packed) {
  // Time of a panel rises from one row's to that of all its rows.
  const auto rows_of = [&](std::int64_t rows) {
    if (rows <= 0 || row_width == 1) return static_cast<double>(rows) * cost.multiply_row;
    const double slope = (cost.multiply * row_width - cost.multiply_row) / (row_width - 1);
    return cost.multiply_row + slope * static_cast<double>(rows - 1);
  };
  const std::int64_t panels = m / row_width;
  const double rows =
      static_cast<double>(panels) * rows_of(row_width) + (m % row_width > 0 ? rows_of(m % row_width) : 0);
  const auto packed = static_cast<double>(b_is_packed ? m : m + n);
  return static_cast<double>(depth) * (rows * static_cast<double>(n) + packed * cost.pack);
}

}  // namespace product

std::string ternary_costs() {
  const Isa isa = active_isa();
  if (isa == Isa::ref) return "scalar";
  const product::EngineSet& set = product::engines_of(isa);
  std::string text;
  for (const TernaryKernel kernel : {TernaryKernel::bitplanes, TernaryKernel::bytes}) {
    const product::Engine* engine = product::ternary_engine(set, kernel, false);
    if (engine == nullptr) continue;
    std::array<char, 64> number{};
    std::snprintf(number.data(), number.size(), "%s %.1f", std::string(ternary_kernel_name(kernel)).c_str(),
                  1000 * product::engine_cost(set, *engine).multiply);
    text += (text.empty() ? "" : ", ") + std::string(number.data());
  }
  return text + " ps per multiplication";
}

}  // namespace dyadic
