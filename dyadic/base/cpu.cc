#include "dyadic/base/cpu.h"

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

namespace dyadic {
namespace {

/// Linux hands out the 8 KiB of tile registers only on request (arch_prctl, Linux 5.16).
bool request_tile_registers() {
  constexpr long kArchReqXcompPerm = 0x1023;
  constexpr long kXfeatureTileData = 18;
  return syscall(SYS_arch_prctl, kArchReqXcompPerm, kXfeatureTileData) == 0;
}

struct CpuidBit {
  unsigned leaf;
  int word;  // eax, ebx, ecx, edx
  int bit;
};

// F16C, BMI1, BMI2, LZCNT: not known by name to __builtin_cpu_supports of every compiler. They add no registers that
// the operating system must save.
constexpr std::array<CpuidBit, 4> kBesidesAvx2 = {{{1, 2, 29}, {7, 1, 3}, {7, 1, 8}, {0x80000001, 2, 5}}};
constexpr std::array<CpuidBit, 2> kAmxInt8 = {{{7, 3, 24}, {7, 3, 25}}};  // AMX-TILE, AMX-INT8

bool has_all(std::span<const CpuidBit> bits) {
  return std::ranges::all_of(bits, [](const CpuidBit& b) {
    std::array<unsigned, 4> words{};
    return __get_cpuid_count(b.leaf, 0, &words[0], &words[1], &words[2], &words[3]) != 0 &&
           (words[static_cast<std::size_t>(b.word)] >> b.bit & 1) != 0;
  });
}

std::string read_brand() {
  std::array<unsigned, 12> words{};
  for (unsigned i = 0; i < 3; ++i) {
    unsigned* w = &words[4 * i];
    if (__get_cpuid(0x80000002 + i, w, w + 1, w + 2, w + 3) == 0) return {};
  }
  std::array<char, 49> text{};
  std::memcpy(text.data(), words.data(), 48);
  return text.data();
}

/// Size of the data or unified cache of a level that one core sees, from the list in leaf 4 (Intel) or 0x8000001D
/// (AMD).
std::int64_t cache_bytes(unsigned level) {
  for (const unsigned leaf : {4U, 0x8000001DU}) {
    for (unsigned index = 0; index < 16; ++index) {
      std::array<unsigned, 4> w{};
      if (__get_cpuid_count(leaf, index, &w[0], &w[1], &w[2], &w[3]) == 0 || (w[0] & 31) == 0) break;
      const bool holds_data = (w[0] & 31) != 2;
      if (!holds_data || (w[0] >> 5 & 7) != level) continue;
      return std::int64_t{(w[1] >> 22) + 1} * ((w[1] >> 12 & 0x3FF) + 1) * ((w[1] & 0xFFF) + 1) *
             (std::int64_t{w[2]} + 1);
    }
  }
  return 0;
}

CpuFeatures detect() {
  CpuFeatures cpu;
  // These ask for the operating system's support of the registers (XGETBV) as well.
  cpu.avx2 = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0 &&
             __builtin_cpu_supports("popcnt") != 0 && has_all(kBesidesAvx2);
  cpu.avx512 = cpu.avx2 && __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
               __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0 &&
               __builtin_cpu_supports("avx512cd") != 0 && __builtin_cpu_supports("avx512vnni") != 0;
  cpu.vpopcntdq = cpu.avx512 && __builtin_cpu_supports("avx512vpopcntdq") != 0;
  cpu.amx_int8 = cpu.avx512 && has_all(kAmxInt8) && request_tile_registers();
  cpu.brand = read_brand();
  cpu.l2_bytes = cache_bytes(2);
  cpu.l3_bytes = cache_bytes(3);
  return cpu;
}

}  // namespace

const CpuFeatures& cpu_features() {
  static const CpuFeatures features = detect();
  return features;
}

}  // namespace dyadic
