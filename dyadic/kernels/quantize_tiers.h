// What an instruction-set tier provides for rounding. Serial functions on one thread's part of a tensor.
#pragma once

#include <cstdint>

#include "dyadic/kernels/quantize.h"
#include "dyadic/kernels/quantize_plan.h"

namespace dyadic {

enum class RoundSource : std::uint8_t { f32, f64, i16, i32, i64 };

struct RoundJob {
  RoundSource source = RoundSource::f32;
  const void* input = nullptr;
  std::int64_t n = 0;
  bool values = false;  // output: float32 values instead of codes
  bool stream = false;  // values: around the caches; the output must be 64-byte aligned
  void* output = nullptr;
  RoundingRandom random;

  // Sums. f32: input + bias. i16 and i32: (input + bias) * 2^exponent, the bias of i32. i64: (input * 2^sum_shift +
  // bias * 2^bias_shift) * 2^exponent. Else the bias is of the input's type; it may be null.
  int exponent = 0;
  const void* bias = nullptr;
  int sum_shift = 0;
  int bias_shift = 0;
};

struct RoundTier {
  /// Adds to `counts`. False, with output and counts unspecified, if a sum with its bias does not fit into int64.
  bool (*round)(const RoundPlan& plan, const RoundJob& job, RoundingCounts& counts);
  void (*dequantize)(const RoundPlan& plan, CodeType type, const void* codes, std::int64_t n, float* values);
  /// Counts some of the first codes and returns how many.
  std::int64_t (*count_codes)(const RoundPlan& plan, CodeType type, const void* codes, std::int64_t n,
                              RoundingCounts& counts);
  /// Doubles to float32, rne or rounded to odd (toward zero, last bit set if inexact).
  void (*narrow)(const double* in, std::int64_t n, bool to_odd, float* out);
};

namespace avx2 {
extern const RoundTier kRoundTier;
}
namespace avx512 {
extern const RoundTier kRoundTier;
}

/// Of active_isa(); null for ref.
const RoundTier* active_round_tier();

}  // namespace dyadic
