#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <type_traits>

#include "dyadic/kernels/philox.h"
#include "dyadic/kernels/quantize_tiers.h"
#include "dyadic/kernels/target.h"

DYADIC_BEGIN_AVX512
namespace dyadic::avx512 {
namespace {

// Each uses the ones before it.
// clang-format off
#include "dyadic/kernels/avx512/vector-inl.h"
#include "dyadic/kernels/generic/round_source-inl.h"
#include "dyadic/kernels/generic/round_sink-inl.h"
#include "dyadic/kernels/generic/round_fast-inl.h"
#include "dyadic/kernels/generic/round_loop-inl.h"
#include "dyadic/kernels/generic/round_codes-inl.h"
// clang-format on

}  // namespace

const RoundTier kRoundTier = {run_round, run_dequantize, run_count_codes, run_narrow};

}  // namespace dyadic::avx512
DYADIC_END_TARGET
