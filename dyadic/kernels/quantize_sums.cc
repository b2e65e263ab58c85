// round_sums of integer accumulators: the exact sum with the bias, then one rounding.
#include <algorithm>
#include <array>
#include <cmath>

#include "dyadic/base/parallel.h"
#include "dyadic/kernels/quantize_ref.h"
#include "dyadic/kernels/quantize_tiers.h"

namespace dyadic {
namespace {

// Rows of sums come from inside products' parallel regions; nothing here starts threads.
constexpr std::int64_t kSumsAtOnce = 1024;
constexpr int kMaxShift = 60;  // of a term to the unit of the sum, in int64

/// Rounds int64 sums with a bias of any exponent; false if some sum may not fit into int64.
bool round_long_sums(const RoundTier& tier, const RoundPlan& plan, const std::int64_t* sums, std::int64_t n,
                     int exponent, const BiasRow* bias, std::int64_t first, const RoundingRandom& random, void* codes,
                     RoundingCounts& counts) {
  RoundJob job;
  job.source = RoundSource::i64;
  job.input = sums;
  job.n = n;
  job.exponent = exponent;
  job.output = codes;
  job.random = random;
  if (bias != nullptr) {
    job.bias = bias->steps + first;
    job.exponent = std::min(exponent, bias->exponent);
    job.sum_shift = exponent - job.exponent;
    job.bias_shift = bias->exponent - job.exponent;
    if (std::max(job.sum_shift, job.bias_shift) > kMaxShift) return false;
  }
  return tier.round(plan_for_multiples(plan, job.exponent), job, counts);
}

BiasRow from_element(const BiasRow& bias, std::int64_t i) {
  return {bias.steps + i, bias.exponent, bias.aligned == nullptr ? nullptr : bias.aligned + i};
}

template <typename T>
RoundingCounts round_piece(const T* sums, std::int64_t n, int exponent, const BiasRow* bias, std::int64_t first,
                           const Format& format, void* codes, const RoundingRandom& random) {
  const BiasRow moved = bias == nullptr ? BiasRow{} : from_element(*bias, first);
  return ref::round_sums(sums, n, exponent, bias == nullptr ? nullptr : &moved, format, codes, random);
}

template <typename T>
RoundingCounts round_integer_sums(const T* sums, std::int64_t n, int exponent, const BiasRow* bias,
                                  const Format& format, void* codes, const RoundingRandom& random) {
  RoundingCounts counts;
  const RoundTier* tier = active_round_tier();
  const RoundPlan& plan = round_plan(format);
  const bool fast = tier != nullptr && plan.rounds && plan.grid && !plan.divides;
  if constexpr (sizeof(T) == 4) {
    if (fast && (bias == nullptr || bias->aligned != nullptr)) {
      RoundJob job;
      job.source = RoundSource::i32;
      job.input = sums;
      job.n = n;
      job.exponent = exponent;
      job.bias = bias == nullptr ? nullptr : bias->aligned;
      job.output = codes;
      job.random = random;
      tier->round(plan_for_multiples(plan, exponent), job, counts);
      return counts;
    }
  }
  for (std::int64_t first = 0; first < n; first += kSumsAtOnce) {
    const std::int64_t length = std::min(kSumsAtOnce, n - first);
    auto* out = static_cast<std::byte*>(codes) + first * plan.code_bytes;
    const RoundingRandom moved = random.from(first);
    RoundingCounts piece;
    bool done = false;
    if (fast) {
      if constexpr (sizeof(T) == 8) {
        done = round_long_sums(*tier, plan, sums + first, length, exponent, bias, first, moved, out, piece);
      } else {
        std::array<std::int64_t, kSumsAtOnce> wide;
        std::copy(sums + first, sums + first + length, wide.begin());
        done = round_long_sums(*tier, plan, wide.data(), length, exponent, bias, first, moved, out, piece);
      }
    }
    if (!done) piece = round_piece(sums + first, length, exponent, bias, first, format, out, moved);
    counts += piece;
  }
  return counts;
}

}  // namespace

RoundingCounts round_sums(const std::int32_t* sums, std::int64_t n, int exponent, const BiasRow* bias,
                          const Format& format, void* codes, const RoundingRandom& random) {
  return round_integer_sums(sums, n, exponent, bias, format, codes, random);
}

RoundingCounts round_sums(const std::int64_t* sums, std::int64_t n, int exponent, const BiasRow* bias,
                          const Format& format, void* codes, const RoundingRandom& random) {
  return round_integer_sums(sums, n, exponent, bias, format, codes, random);
}

}  // namespace dyadic
