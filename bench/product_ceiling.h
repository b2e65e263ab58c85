// How fast this machine is at one instruction when nothing but registers is involved: twelve independent chains, enough
// for two instructions a cycle at a latency of five.
#pragma once

#include <cstddef>
#include <cstdint>

#include "bench/timing.h"
#include "dyadic/kernels/target.h"

namespace dyadic {

enum class Ceiling {
  tdpbssd,
  vpdpbusd,
  vpdpwssd,
  vpmaddwd,
  fma32_512,
  fma64_512,
  fma32_256,
  fma64_256,
  vpmaddubsw,
  popcount_256,
  popcount_512,
};

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

// Ternary bit planes: the gate of two words, its negative part, and the bits of both counted into a sum. Four chains,
// for want of registers; each has instructions enough of its own.
inline constexpr int kCountChains = 4;

DYADIC_BEGIN_AVX512_POPCOUNT
namespace ceilings::avx512 {
inline void popcount(std::int64_t rounds) {
  __m512i gates[kCountChains] = {}, negatives[kCountChains] = {}, a = {}, b = {};
  for (std::int64_t i = 0; i < rounds; ++i) {
    __m512i gate, negative;
    _Pragma("GCC unroll 4") for (int c = 0; c < kCountChains; ++c) {
      asm volatile(
          "vpandd %4, %5, %2\n\tvmovdqa64 %2, %3\n\tvpternlogd $0x28, %4, %5, %3\n\t"
          "vpopcntd %2, %2\n\tvpopcntd %3, %3\n\tvpaddd %2, %0, %0\n\tvpaddd %3, %1, %1"
          : "+v"(gates[c]), "+v"(negatives[c]), "=&v"(gate), "=&v"(negative)
          : "v"(a), "v"(b));
    }
  }
}
}  // namespace ceilings::avx512
DYADIC_END_TARGET

DYADIC_BEGIN_AVX2
namespace ceilings::avx2 {
/// Reads whole vectors, eight at a time, and looks at their OR alone.
inline void read(const std::byte* from, std::int64_t bytes) {
  __m256i seen[8] = {};
  for (std::int64_t i = 0; i < bytes; i += 256) {
    _Pragma("GCC unroll 8") for (int v = 0; v < 8; ++v) {
      seen[v] = _mm256_or_si256(seen[v], _mm256_load_si256(reinterpret_cast<const __m256i*>(from + i + 32 * v)));
    }
    _mm_prefetch(reinterpret_cast<const char*>(from + i + 2048), _MM_HINT_T0);
    _mm_prefetch(reinterpret_cast<const char*>(from + i + 2112), _MM_HINT_T0);
    _mm_prefetch(reinterpret_cast<const char*>(from + i + 2176), _MM_HINT_T0);
    _mm_prefetch(reinterpret_cast<const char*>(from + i + 2240), _MM_HINT_T0);
  }
  for (const __m256i& vector : seen) asm volatile("" ::"x"(vector));
}
DYADIC_CEILING(vpmaddubsw, __m256i, "x", "vpmaddubsw %3, %2, %1\n\tvpaddw %1, %0, %0")
inline void popcount(std::int64_t rounds) {
  __m256i sum[kCountChains] = {}, a = {}, b = {}, nibble = {}, table = {};
  for (std::int64_t i = 0; i < rounds; ++i) {
    __m256i gate, negative, low;
    _Pragma("GCC unroll 4") for (__m256i& chain : sum) {
      asm volatile(
          "vpand %4, %5, %1\n\tvpxor %4, %5, %2\n\tvpand %1, %2, %2\n\t"
          "vpand %6, %1, %3\n\tvpsrlw $4, %1, %1\n\tvpand %6, %1, %1\n\t"
          "vpshufb %3, %7, %3\n\tvpshufb %1, %7, %1\n\tvpaddb %3, %1, %1\n\t"
          "vpand %6, %2, %3\n\tvpsrlw $4, %2, %2\n\tvpand %6, %2, %2\n\t"
          "vpshufb %3, %7, %3\n\tvpshufb %2, %7, %2\n\tvpaddb %3, %2, %2\n\t"
          "vpaddb %1, %2, %2\n\tvpaddb %2, %0, %0"
          : "+x"(chain), "=&x"(gate), "=&x"(negative), "=&x"(low)
          : "x"(a), "x"(b), "x"(nibble), "x"(table));
    }
  }
}
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
      {"vpmaddubsw", &ceilings::avx2::vpmaddubsw, 12 * 2 * 32},
      {"popcount 256", &ceilings::avx2::popcount, 4 * 2 * 256},
      {"popcount 512", &ceilings::avx512::popcount, 4 * 2 * 512},
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
