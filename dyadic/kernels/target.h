// Target regions: code between DYADIC_BEGIN_<TIER> and DYADIC_END_TARGET may use that tier's instructions, everything
// else in the program is baseline x86-64. There are no per-file -m flags, because templates shared with other files
// (std::vector, std::min) would then be compiled with wide instructions and the linker might keep that copy for
// machines without them. Hence the rules of a region:
//
//   - every standard header is included before it begins;
//   - everything in it lives in the tier's namespace (dyadic::avx2, dyadic::avx512, dyadic::amx);
//   - no lambdas (clang does not give them the region's target);
//   - headers named *-inl.h hold code written once for several tiers: no include guard, included inside a region, in
//     an unnamed namespace of the tier, after the tier's vector-inl.h, whose operations they are written in.
#pragma once

#include <immintrin.h>

#define DYADIC_TARGETS_AVX2 "avx2,fma,f16c,bmi,bmi2,lzcnt,popcnt"
#define DYADIC_TARGETS_AVX512 DYADIC_TARGETS_AVX2 ",avx512f,avx512bw,avx512dq,avx512vl,avx512cd,avx512vnni"
#define DYADIC_TARGETS_AVX512_POPCOUNT DYADIC_TARGETS_AVX512 ",avx512vpopcntdq"
#define DYADIC_TARGETS_AMX DYADIC_TARGETS_AVX512 ",amx-tile,amx-int8"

#define DYADIC_PRAGMA(tokens) _Pragma(#tokens)
#if defined(__clang__)
#define DYADIC_BEGIN_TARGET(targets) \
  DYADIC_PRAGMA(clang attribute push(__attribute__((target(targets))), apply_to = function))
#define DYADIC_END_TARGET DYADIC_PRAGMA(clang attribute pop)
#else
// GCC 12 warns about its own intrinsics' deliberately undefined registers (GCC bug 105593).
// clang-format off
#define DYADIC_BEGIN_TARGET(targets)                                                         \
  DYADIC_PRAGMA(GCC push_options) DYADIC_PRAGMA(GCC target targets)                          \
  DYADIC_PRAGMA(GCC diagnostic push) DYADIC_PRAGMA(GCC diagnostic ignored "-Wuninitialized") \
  DYADIC_PRAGMA(GCC diagnostic ignored "-Wmaybe-uninitialized")
// clang-format on
#define DYADIC_END_TARGET DYADIC_PRAGMA(GCC diagnostic pop) DYADIC_PRAGMA(GCC pop_options)
#endif

#define DYADIC_BEGIN_AVX2 DYADIC_BEGIN_TARGET(DYADIC_TARGETS_AVX2)
#define DYADIC_BEGIN_AVX512 DYADIC_BEGIN_TARGET(DYADIC_TARGETS_AVX512)
#define DYADIC_BEGIN_AVX512_POPCOUNT DYADIC_BEGIN_TARGET(DYADIC_TARGETS_AVX512_POPCOUNT)
#define DYADIC_BEGIN_AMX DYADIC_BEGIN_TARGET(DYADIC_TARGETS_AMX)

#define DYADIC_INLINE inline __attribute__((always_inline))
