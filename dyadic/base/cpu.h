// What this processor and its kernel let a program use, asked once. Feature bits only: model names are never looked at.
#pragma once

#include <cstdint>
#include <string>

namespace dyadic {

struct CpuFeatures {
  bool avx2 = false;          // with FMA, F16C, BMI1, BMI2, LZCNT, POPCNT
  bool avx512 = false;        // F, BW, DQ, VL, CD and VNNI
  bool vpopcntdq = false;     // AVX-512 VPOPCNTDQ, beside avx512
  bool amx_int8 = false;      // with the kernel's permission to use the tile registers
  std::string brand;          // for people; nothing is decided on it
  std::int64_t l2_bytes = 0;  // that a core sees; 0 if unknown
  std::int64_t l3_bytes = 0;  // 0 if there is none
};

/// Detected on the first call. Asks Linux for the AMX tile registers (they stay permitted for this process).
const CpuFeatures& cpu_features();

}  // namespace dyadic
