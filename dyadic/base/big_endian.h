// 32-bit words as idx and PNG files store them: the highest byte first.
#pragma once

#include <cstdint>
#include <vector>

namespace dyadic {

inline void append_big_endian(std::vector<std::uint8_t>& bytes, std::uint32_t word) {
  for (const int shift : {24, 16, 8, 0}) bytes.push_back(static_cast<std::uint8_t>(word >> shift));
}

}  // namespace dyadic
