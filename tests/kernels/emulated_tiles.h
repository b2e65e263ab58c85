// Tile registers in plain C++, after the pseudocode of TILELOADD, TILESTORED and TDPB[SU][SU]D: they let packing,
// digits and tile edges of the amx tier be tested on machines without it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>

#include "dyadic/kernels/product_engine.h"

namespace dyadic::emulated {

using TileRegister = std::array<std::array<std::uint8_t, 64>, 16>;

inline std::array<TileRegister, 8>& tile_registers() {
  static thread_local std::array<TileRegister, 8> registers{};
  return registers;
}

/// True between begin_tiles and end_tiles: on hardware, tile instructions fault outside.
inline bool& tiles_are_configured() {
  static thread_local bool configured = false;
  return configured;
}
inline void begin_tiles() { tiles_are_configured() = true; }
inline void end_tiles() { tiles_are_configured() = false; }

inline TileRegister& tile(int index) {
  if (!tiles_are_configured()) throw std::logic_error("tile register used without a configuration");
  return tile_registers()[static_cast<std::size_t>(index)];
}

template <bool kUnsignedA, bool kUnsignedB>
struct Tiles {
  template <int kTile>
  static void zero() {
    tile(kTile) = {};
  }
  template <int kTile>
  static void load(const std::byte* from, std::int64_t stride) {
    for (std::size_t row = 0; row < 16; ++row) {
      std::memcpy(tile(kTile)[row].data(), from + static_cast<std::int64_t>(row) * stride, 64);
    }
  }
  template <int kTile>
  static void store(std::byte* to, std::int64_t stride) {
    for (std::size_t row = 0; row < 16; ++row) {
      std::memcpy(to + static_cast<std::int64_t>(row) * stride, tile(kTile)[row].data(), 64);
    }
  }
  template <int kC, int kA, int kB>
  static void multiply() {
    for (std::size_t m = 0; m < 16; ++m) {
      for (std::size_t k = 0; k < 16; ++k) {
        for (std::size_t n = 0; n < 16; ++n) {
          std::uint32_t sum = 0;
          std::memcpy(&sum, &tile(kC)[m][4 * n], 4);
          for (std::size_t byte = 0; byte < 4; ++byte) {
            sum += static_cast<std::uint32_t>(number(tile(kA)[m][4 * k + byte], kUnsignedA) *
                                              number(tile(kB)[k][4 * n + byte], kUnsignedB));
          }
          std::memcpy(&tile(kC)[m][4 * n], &sum, 4);
        }
      }
    }
  }

 private:
  static std::int32_t number(std::uint8_t byte, bool is_unsigned) {
    return is_unsigned ? std::int32_t{byte} : std::int32_t{static_cast<std::int8_t>(byte)};
  }
};

#include "dyadic/kernels/generic/product_tiles-inl.h"

inline constexpr product::Engine kEngine = make_tile_engine<Tiles>("emulated tdpbssd", &begin_tiles, &end_tiles);

inline int all_products() { return 4; }

/// The avx2 tier's packing and conversions with emulated tiles; needs a processor with AVX2.
inline product::EngineSet product_engines() {
  product::EngineSet engines = avx2::product_engines();
  engines.tiles = &kEngine;
  engines.tile_products = &all_products;
  engines.planes = nullptr;  // ternary codes run on the tiles
  return engines;
}

}  // namespace dyadic::emulated
