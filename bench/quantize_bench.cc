// The rounding kernels: float32 -> format -> float32 and -> codes, from DRAM against the better of two copy loops timed
// around every repetition, and from the second-level cache; rows of accumulators as the epilogues of products round
// them. One thread. Every kernel is compared with the codec before it is timed; a wrong one ends the run.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/report.h"
#include "bench/timing.h"
#include "dyadic/base/aligned.h"
#include "dyadic/base/cpu.h"
#include "dyadic/base/error.h"
#include "dyadic/base/parallel.h"
#include "dyadic/kernels/isa.h"
#include "dyadic/kernels/quantize.h"
#include "dyadic/kernels/quantize_ref.h"
#include "dyadic/kernels/target.h"

DYADIC_BEGIN_AVX2
namespace dyadic::avx2 {

void copy_ordinary(const float* in, std::int64_t n, float* out) {
  for (std::int64_t i = 0; i < n; i += 8) _mm256_store_ps(out + i, _mm256_load_ps(in + i));
}
void copy_non_temporal(const float* in, std::int64_t n, float* out) {
  for (std::int64_t i = 0; i < n; i += 8) _mm256_stream_ps(out + i, _mm256_load_ps(in + i));
  _mm_sfence();
}

}  // namespace dyadic::avx2
DYADIC_END_TARGET

namespace dyadic {
namespace {

constexpr const char* kFormats[] = {"float16", "bfloat16", "float8_e4m3fn", "float8_e5m2",
                                    "q2.14",   "q6.4s",    "dfx10@3",       "int8*0.0125"};
constexpr const char* kRoundings[] = {"rne", "sr16"};
const RoundingRandom kRandom = {{.seed = 1, .step = 2, .stream = 3}, 0};

/// Bell-shaped numbers of standard deviation 0.5: what weights and activations look like.
AlignedVector<float> bell(std::int64_t n) {
  AlignedVector<float> values(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < values.size(); i += 4) {
    const PhiloxBlock words = random_block({.seed = 9, .step = 9, .stream = 9}, i / 4);
    for (std::size_t j = 0; j < 4; ++j) {
      float sum = 0;
      for (int shift = 0; shift < 32; shift += 8) sum += static_cast<float>(words[j] >> shift & 0xFF) - 127.5F;
      values[i + j] = sum * (0.5F / 147.8F) + static_cast<float>(words[j]) * 0x1p-40F;
    }
  }
  return values;
}

void refuse(const std::string& what) { throw Error("wrong answer, nothing timed: " + what); }

void check(const Format& format, const AlignedVector<float>& values) {
  const std::int64_t n = std::min<std::int64_t>(100003, static_cast<std::int64_t>(values.size()));
  std::vector<float> want(static_cast<std::size_t>(n));
  std::vector<float> got(static_cast<std::size_t>(n));
  std::vector<std::byte> want_codes(static_cast<std::size_t>(4 * n));
  std::vector<std::byte> got_codes(static_cast<std::size_t>(4 * n));
  const RoundingCounts counts = ref::round_values(values.data(), n, format, want.data(), kRandom);
  const bool same_counts = round_values(values.data(), n, format, got.data(), kRandom) == counts;
  if (!same_counts || std::memcmp(want.data(), got.data(), static_cast<std::size_t>(4 * n)) != 0) {
    refuse("round_values " + format_name(format));
  }
  ref::quantize(values.data(), n, format, want_codes.data(), kRandom);
  if (quantize(values.data(), n, format, got_codes.data(), kRandom) != counts || want_codes != got_codes) {
    refuse("quantize " + format_name(format));
  }
}

class Report {
 public:
  void add(const std::string& what, Isa isa, double rate, double ratio, double target) {
    std::printf("%-58s %-7s %7.3f G/s", what.c_str(), std::string(isa_name(isa)).c_str(), rate * 1e-9);
    if (ratio > 0) std::printf("  %5.1f %% of copy", 100 * ratio);
    const bool met = target == 0 || (ratio > 0 ? ratio : rate * 1e-9) >= target;
    if (target > 0) std::printf("  (target %g%s) %s", target, ratio > 0 ? "" : " G/s", met ? "" : "MISSED");
    std::printf("\n");
    std::fflush(stdout);
    rows_.push_back({{"what", what},
                     {"isa", isa_name(isa)},
                     {"elements_per_second", rate},
                     {"ratio_to_copy", ratio},
                     {"target", target},
                     {"met", met}});
  }
  [[nodiscard]] const nlohmann::json& rows() const { return rows_; }

 private:
  nlohmann::json rows_ = nlohmann::json::array();
};

/// Best of several repetitions of enough calls to be measured.
template <typename Call>
double rate_in_cache(std::int64_t elements, const Call& call) {
  const int calls = static_cast<int>(std::max<std::int64_t>(1, (std::int64_t{1} << 22) / elements));
  double best = 0;
  for (int repetition = 0; repetition < 15; ++repetition) {
    const double time = time_of([&] {
      for (int i = 0; i < calls; ++i) call();
    });
    best = std::max(best, static_cast<double>(elements) * calls / time);
  }
  return best;
}

void from_memory(Isa isa, const Format& format, double target, const AlignedVector<float>& in,
                 AlignedVector<float>& out, Report& report) {
  const auto n = static_cast<std::int64_t>(in.size());
  std::vector<double> ratios;
  double best = 1e9;
  for (int repetition = 0; repetition < 7; ++repetition) {
    const double ordinary = time_of([&] { avx2::copy_ordinary(in.data(), n, out.data()); });
    const double around = time_of([&] { avx2::copy_non_temporal(in.data(), n, out.data()); });
    const double time = time_of([&] { round_values(in.data(), n, format, out.data(), kRandom); });
    const double again = time_of([&] { avx2::copy_non_temporal(in.data(), n, out.data()); });
    ratios.push_back(std::min({ordinary, around, again}) / time);
    best = std::min(best, time);
  }
  report.add("DRAM  float32 -> " + format_name(format) + " -> float32", isa, static_cast<double>(n) / best,
             median(ratios), target);
}

void from_cache(Isa isa, const Format& format, double target, const AlignedVector<float>& in, AlignedVector<float>& out,
                Report& report) {
  // Input and output together fill half of the second-level cache.
  const std::int64_t l2 = cpu_features().l2_bytes > 0 ? cpu_features().l2_bytes : 1 << 20;
  const std::int64_t n = std::min<std::int64_t>(l2 / 16, static_cast<std::int64_t>(in.size())) / 64 * 64;
  report.add("L2    float32 -> " + format_name(format) + " -> float32", isa,
             rate_in_cache(n, [&] { round_values(in.data(), n, format, out.data(), kRandom); }), 0, target);
  report.add("L2    float32 -> " + format_name(format) + " codes", isa,
             rate_in_cache(n, [&] { quantize(in.data(), n, format, out.data(), kRandom); }), 0, 0);
}

template <typename Sum>
void rows_of_sums(Isa isa, const char* name, std::int64_t n, int exponent, Report& report) {
  const Format format = parse_format(name);
  std::vector<Sum> sums(static_cast<std::size_t>(n));
  std::vector<std::int64_t> steps(sums.size());
  std::vector<std::int32_t> aligned(sums.size());
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const std::uint32_t word = random_bits({.seed = 4, .step = 4, .stream = 4}, i, 32);
    sums[i] = static_cast<Sum>(static_cast<std::int32_t>(word) >> 10);
    steps[i] = static_cast<std::int32_t>(word * 3) >> 24;
    aligned[i] = static_cast<std::int32_t>(steps[i] * 16);
  }
  const BiasRow bias = {steps.data(), exponent + 4, sizeof(Sum) == 4 ? aligned.data() : nullptr};
  std::vector<std::byte> want(static_cast<std::size_t>(4 * n));
  std::vector<std::byte> got(static_cast<std::size_t>(4 * n));
  const RoundingCounts counts = ref::round_sums(sums.data(), n, exponent, &bias, format, want.data(), kRandom);
  if (round_sums(sums.data(), n, exponent, &bias, format, got.data(), kRandom) != counts || want != got) {
    refuse("round_sums " + format_name(format));
  }
  const std::string what = std::string("row   int") + (sizeof(Sum) == 4 ? "32" : "64") + " sums + bias -> " +
                           format_name(format) + ", " + std::to_string(n) + " long";
  report.add(what, isa,
             rate_in_cache(n, [&] { round_sums(sums.data(), n, exponent, &bias, format, got.data(), kRandom); }), 0, 0);
}

/// As quick as it gets: --quick changes nothing.
int run(const BenchOptions& options) {
  const std::vector<Isa> isas = options.isa.empty()    ? std::vector<Isa>{active_isa()}
                                : options.isa == "all" ? supported_isas()
                                                       : std::vector<Isa>{parse_isa(options.isa)};
  set_thread_count(1);
  constexpr std::int64_t kElements = 32 << 20;  // 128 MiB in, 128 MiB out
  const AlignedVector<float> in = bell(kElements);
  AlignedVector<float> out(in.size());
  Report report;
  for (const Isa isa : isas) {
    set_isa(isa);
    std::printf("instruction set %s, 1 thread, %s\n", std::string(isa_name(isa)).c_str(), cpu_features().brand.c_str());
    for (const char* name : kFormats) {
      for (const char* rounding : kRoundings) {
        const Format format = parse_format(std::string(name) + ":" + rounding);
        const bool nearest = format.rounding == Rounding::rne;
        check(format, in);
        const bool timed = isa >= Isa::avx512;  // what the project's figures ask for
        if (isa != Isa::ref) from_memory(isa, format, timed ? (nearest ? 0.90 : 0.75) : 0, in, out, report);
        from_cache(isa, format, timed ? (nearest ? 2.0 : 1.0) : 0, in, out, report);
      }
    }
    for (const std::int64_t n : {240, 1200}) {
      rows_of_sums<std::int32_t>(isa, "dfx10@3:sat:rna", n, -14, report);
      rows_of_sums<std::int64_t>(isa, "q6.14s:sat:rna", n, -28, report);
    }
  }
  write_report(options.json, "quantize", report.rows());
  return 0;
}

}  // namespace
}  // namespace dyadic

int main(int argc, char** argv) {
  return dyadic::guarded(
      [](int count, char** words) {
        return dyadic::run(dyadic::parse_bench_options("quantize", count, words, "NAME|all"));
      },
      argc, argv);
}
