// vpdpbusd in plain C++: unsigned rows times signed columns, wrapping. It lets the corrections for shifted bytes be
// tested on machines without AVX-512.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dyadic/kernels/product_engine.h"

namespace dyadic::emulated {

inline constexpr int kByteRows = 8;
inline constexpr int kByteColumns = 24;

inline std::int32_t row_byte(const std::byte* a, std::int64_t group, int row, int byte) {
  return std::to_integer<std::int32_t>(a[(group * kByteRows + row) * 4 + byte]);
}
inline std::int32_t column_byte(const std::byte* b, std::int64_t group, int column, int byte) {
  return static_cast<std::int8_t>(b[(group * kByteColumns + column) * 4 + byte]);
}

inline void multiply_bytes(const std::byte* a, const std::byte* b, std::int64_t groups, int rows, int columns,
                           void* sums, std::int64_t stride, bool accumulate) {
  auto* out = static_cast<std::int32_t*>(sums);
  for (int i = 0; i < rows; ++i) {
    for (int j = 0; j < columns; ++j) {
      std::int32_t& to = out[i * stride + j];
      auto sum = accumulate ? static_cast<std::uint32_t>(to) : 0U;
      for (std::int64_t g = 0; g < groups; ++g) {
        for (int byte = 0; byte < 4; ++byte) {
          sum += static_cast<std::uint32_t>(row_byte(a, g, i, byte) * column_byte(b, g, j, byte));
        }
      }
      to = static_cast<std::int32_t>(sum);
    }
  }
}

inline void sum_byte_rows(const std::byte* panel, std::int64_t groups, std::int64_t* sums) {
  for (int i = 0; i < kByteRows; ++i) {
    for (std::int64_t k = 0; k < 4 * groups; ++k) sums[i] += row_byte(panel, k / 4, i, static_cast<int>(k % 4));
  }
}

inline void sum_byte_columns(const std::byte* panel, std::int64_t groups, std::int64_t* sums) {
  for (int j = 0; j < kByteColumns; ++j) {
    for (std::int64_t k = 0; k < 4 * groups; ++k) sums[j] += column_byte(panel, k / 4, j, static_cast<int>(k % 4));
  }
}

inline product::Engine make_byte_engine() {
  product::Engine engine;
  engine.instructions = "emulated vpdpbusd";
  engine.packed_a = engine.packed_b = product::PackedType::i8x4;
  engine.accumulator = product::Accumulator::i32;
  engine.a = {kByteRows, false};
  engine.b = {kByteColumns, false};
  engine.block_groups = 16;
  engine.multiply[0][0] = engine.multiply[0][1] = engine.multiply[1][0] = engine.multiply[1][1] = &multiply_bytes;
  engine.sum_a = &sum_byte_rows;
  engine.sum_b = &sum_byte_columns;
  return engine;
}

/// The avx2 tier with emulated bytes; needs a processor with AVX2.
inline product::EngineSet byte_engines() {
  static const product::Engine engine = make_byte_engine();
  product::EngineSet engines = avx2::product_engines();
  engines.bytes = &engine;
  return engines;
}

}  // namespace dyadic::emulated
