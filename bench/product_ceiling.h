// How fast this machine is at one instruction when nothing but registers is involved: twelve independent chains, enough
// for two instructions a cycle at a latency of five.
#pragma once

#include <cstdint>

#include "bench/timing.h"
#include "dyadic/kernels/target.h"

namespace dyadic {

enum class Ceiling { tdpbssd, vpdpbusd, vpdpwssd, vpmaddwd, fma32_512, fma64_512, fma32_256, fma64_256 };

DYADIC_BEGIN_AMX
namespace ceilings::amx {

struct alignas(64) TileConfig {
  std::uint8_t palette = 1;
  std::uint8_t unused[15] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
constexpr TileConfig kTileConfig;

inline void tdpbssd(std::int64_t rounds) {
  asm volatile("ldtilecfg %0" ::"m"(kTileConfig));
  for (std::int64_t i = 0; i < rounds; ++i) {
    asm volatile(
        "tdpbssd %tmm6, %tmm4, %tmm0\n\ttdpbssd %tmm7, %tmm4, %tmm1\n\t"
        "tdpbssd %tmm6, %tmm5, %tmm2\n\ttdpbssd %tmm7, %tmm5, %tmm3");
  }
  asm volatile("tilerelease");
}

}  // namespace ceilings::amx
DYADIC_END_TARGET

#define DYADIC_CEILING(name, Vector, any, instructions)                                  \
  inline void name(std::int64_t rounds) {                                                \
    Vector sum[kChains] = {}, a = {}, b = {};                                            \
    for (std::int64_t i = 0; i < rounds; ++i) {                                          \
      Vector product;                                                                    \
      _Pragma("GCC unroll 12") for (Vector & chain : sum) {                              \
        asm volatile(instructions : "+" any(chain), "=&" any(product) : any(a), any(b)); \
      }                                                                                  \
    }                                                                                    \
  }

inline constexpr int kChains = 12;

DYADIC_BEGIN_AVX512
namespace ceilings::avx512 {
DYADIC_CEILING(vpdpbusd, __m512i, "v", "vpdpbusd %3, %2, %0")
DYADIC_CEILING(vpdpwssd, __m512i, "v", "vpdpwssd %3, %2, %0")
DYADIC_CEILING(fma32, __m512, "v", "vfmadd231ps %3, %2, %0")
DYADIC_CEILING(fma64, __m512d, "v", "vfmadd231pd %3, %2, %0")
}  // namespace ceilings::avx512
DYADIC_END_TARGET

DYADIC_BEGIN_AVX2
namespace ceilings::avx2 {
DYADIC_CEILING(vpmaddwd, __m256i, "x", "vpmaddwd %3, %2, %1\n\tvpaddd %1, %0, %0")
DYADIC_CEILING(fma32, __m256, "x", "vfmadd231ps %3, %2, %0")
DYADIC_CEILING(fma64, __m256d, "x", "vfmadd231pd %3, %2, %0")
}  // namespace ceilings::avx2
DYADIC_END_TARGET

struct CeilingInfo {
  const char* name;
  void (*loop)(std::int64_t rounds);
  double operations;  // of one round
};

inline const CeilingInfo& ceiling_info(Ceiling ceiling) {
  static constexpr CeilingInfo kInfos[] = {
      {"tdpbssd", &ceilings::amx::tdpbssd, 4 * 2 * 16 * 16 * 64},
      {"vpdpbusd", &ceilings::avx512::vpdpbusd, 12 * 2 * 64},
      {"vpdpwssd", &ceilings::avx512::vpdpwssd, 12 * 2 * 32},
      {"vpmaddwd", &ceilings::avx2::vpmaddwd, 12 * 2 * 16},
      {"fma 16 x 32", &ceilings::avx512::fma32, 12 * 2 * 16},
      {"fma 8 x 64", &ceilings::avx512::fma64, 12 * 2 * 8},
      {"fma 8 x 32", &ceilings::avx2::fma32, 12 * 2 * 8},
      {"fma 4 x 64", &ceilings::avx2::fma64, 12 * 2 * 4},
  };
  return kInfos[static_cast<int>(ceiling)];
}

/// Operations per second, the best of a few short runs.
inline double ceiling_rate(Ceiling ceiling) {
  constexpr std::int64_t kRounds = 20'000;
  const CeilingInfo& info = ceiling_info(ceiling);
  double best = 0;
  for (int i = 0; i < 4; ++i) {
    const double start = thread_seconds();
    info.loop(kRounds);
    const double rate = info.operations * static_cast<double>(kRounds) / (thread_seconds() - start);
    if (rate > best) best = rate;
  }
  return best;
}

}  // namespace dyadic
