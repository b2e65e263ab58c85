// The tile engine of the amx tier. Everything else is the avx512 tier's.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "dyadic/kernels/product_engine.h"
#include "dyadic/kernels/target.h"

DYADIC_BEGIN_AMX
namespace dyadic::amx {
namespace {

/// What ldtilecfg reads: palette 1, all eight registers 16 rows of 64 bytes.
struct alignas(64) TileConfig {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileConfig) == 64);

constexpr TileConfig kTileConfig;

// Instructions by hand: GCC 12's intrinsics take register numbers as literals only, do not tell the compiler that
// tileloadd reads memory, and say that ldtilecfg reads 8 bytes, so that stores to the rest of a local are dropped.

void load_config() { asm volatile("ldtilecfg %0" ::"m"(kTileConfig)); }
void release() { asm volatile("tilerelease" ::: "memory"); }

struct TileMemory {
  template <int kTile>
  static DYADIC_INLINE void zero() {
    asm volatile("tilezero %%tmm%c0" ::"i"(kTile));
  }
  template <int kTile>
  static DYADIC_INLINE void load(const std::byte* from, std::int64_t stride) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(stride), "i"(kTile) : "memory");
  }
  template <int kTile>
  static DYADIC_INLINE void store(std::byte* to, std::int64_t stride) {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(stride), "i"(kTile) : "memory");
  }
};

template <bool kUnsignedA, bool kUnsignedB>
struct Tiles : TileMemory {
  template <int kC, int kA, int kB>
  static DYADIC_INLINE void multiply() {
    if constexpr (kUnsignedA && kUnsignedB)
      asm volatile("tdpbuud %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kC), "i"(kA), "i"(kB));
    else if constexpr (kUnsignedA) asm volatile("tdpbusd %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kC), "i"(kA), "i"(kB));
    else if constexpr (kUnsignedB) asm volatile("tdpbsud %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kC), "i"(kA), "i"(kB));
    else asm volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kC), "i"(kA), "i"(kB));
  }
};

#include "dyadic/kernels/generic/product_tiles-inl.h"

constexpr product::Engine kTiles = make_tile_engine<Tiles>("tdpbssd", &load_config, &release);

/// Nanoseconds for `engine` to multiply 32 x 48 panels of `groups` groups out of the nearest cache, at best.
double best_time(const product::Engine& engine, std::int64_t groups) {
  alignas(64) static std::byte a[32 * 64 * 4];
  alignas(64) static std::byte b[48 * 64 * 4];
  alignas(64) static std::int32_t sums[32 * 48];
  using Clock = std::chrono::steady_clock;
  double best = std::numeric_limits<double>::max();
  for (int repeat = 0; repeat < 16; ++repeat) {
    const Clock::time_point start = Clock::now();
    for (int i = 0; i < 8; ++i) {
      engine.multiply[0][0](a, b, groups, engine.a.width, engine.b.width, sums, 48, true);
    }
    const std::chrono::duration<double, std::nano> time = Clock::now() - start;
    best = std::min(best, time.count());
  }
  return best / static_cast<double>(engine.a.width * engine.b.width * groups * product::group_codes(engine.packed_a));
}

/// Tile registers run at their own speed or, while a neighbour uses the same core, at less than half of it; four digit
/// products then only tie with vpdpwssd. So the machine is asked, once.
int measure_tile_products() {
  load_config();
  const double tiles = best_time(kTiles, 64);
  release();
  const double pairs = best_time(*avx512::product_engines().pairs, 64);
  return static_cast<int>(std::clamp(pairs / tiles, 1.0, 4.0));
}

int tile_products() {
  static const int products = measure_tile_products();
  return products;
}

product::EngineSet make_engines() {
  product::EngineSet engines = avx512::product_engines();
  engines.tiles = &kTiles;
  engines.tile_products = &tile_products;
  return engines;
}

}  // namespace

const product::EngineSet& product_engines() {
  static const product::EngineSet engines = make_engines();
  return engines;
}

}  // namespace dyadic::amx
DYADIC_END_TARGET
