// Multiplication of panels in tile registers, written once for the processor's tiles and for an emulation of them that
// tests run on machines without (tests/kernels/emulated_tiles.h). A panel is two tiles of 16 rows wide, a step is 16
// groups of 4 bytes; registers 0-3 hold the 32 x 32 sums, 4-5 the rows, 6-7 the columns.
//
// `Tiles` gives zero<T>(), load<T>(from, bytes between rows), store<T>(to, bytes) and multiply<C, A, B>(), the last for
// one pair of signs: C[16][16] int32 += A[16][64] bytes times B, whose row g holds group g of 16 columns.

inline constexpr int kTilePanel = 32;

template <class Tiles, bool kTwoRows, bool kTwoColumns>
void multiply_tiles(const std::byte* a, const std::byte* b, std::int64_t steps, std::int32_t* sums,
                    std::int64_t stride_bytes, bool accumulate) {
  constexpr std::int64_t kHalf = 16;                     // rows or columns of a tile
  constexpr std::int64_t kRowBytes = 64;                 // 16 groups of a row
  constexpr std::int64_t kColumnBytes = 4 * kTilePanel;  // one group of all columns
  std::byte* const out = reinterpret_cast<std::byte*>(sums);
  std::byte* const lower = out + kHalf * stride_bytes;
  if (accumulate) {
    Tiles::template load<0>(out, stride_bytes);
    if constexpr (kTwoColumns) Tiles::template load<1>(out + kRowBytes, stride_bytes);
    if constexpr (kTwoRows) Tiles::template load<2>(lower, stride_bytes);
    if constexpr (kTwoRows && kTwoColumns) Tiles::template load<3>(lower + kRowBytes, stride_bytes);
  } else {
    Tiles::template zero<0>();
    if constexpr (kTwoColumns) Tiles::template zero<1>();
    if constexpr (kTwoRows) Tiles::template zero<2>();
    if constexpr (kTwoRows && kTwoColumns) Tiles::template zero<3>();
  }
  for (std::int64_t step = 0; step < steps; ++step) {
    Tiles::template load<4>(a, kRowBytes);
    Tiles::template load<6>(b, kColumnBytes);
    Tiles::template multiply<0, 4, 6>();
    if constexpr (kTwoColumns) {
      Tiles::template load<7>(b + kRowBytes, kColumnBytes);
      Tiles::template multiply<1, 4, 7>();
    }
    if constexpr (kTwoRows) {
      Tiles::template load<5>(a + kHalf * kRowBytes, kRowBytes);
      Tiles::template multiply<2, 5, 6>();
      if constexpr (kTwoColumns) Tiles::template multiply<3, 5, 7>();
    }
    a += kTilePanel * kRowBytes;
    b += product::kTileGroups * kColumnBytes;
  }
  Tiles::template store<0>(out, stride_bytes);
  if constexpr (kTwoColumns) Tiles::template store<1>(out + kRowBytes, stride_bytes);
  if constexpr (kTwoRows) Tiles::template store<2>(lower, stride_bytes);
  if constexpr (kTwoRows && kTwoColumns) Tiles::template store<3>(lower + kRowBytes, stride_bytes);
}

/// The product::MultiplyFunction of one pair of signs.
template <class Tiles>
void multiply_tile_panels(const std::byte* a, const std::byte* b, std::int64_t groups, int rows, int columns,
                          void* sums, std::int64_t stride, bool accumulate) {
  using Function = void (*)(const std::byte*, const std::byte*, std::int64_t, std::int32_t*, std::int64_t, bool);
  static constexpr Function kSizes[2][2] = {{&multiply_tiles<Tiles, false, false>, &multiply_tiles<Tiles, false, true>},
                                            {&multiply_tiles<Tiles, true, false>, &multiply_tiles<Tiles, true, true>}};
  kSizes[rows > kTilePanel / 2][columns > kTilePanel / 2](
      a, b, groups / product::kTileGroups, static_cast<std::int32_t*>(sums),
      stride * static_cast<std::int64_t>(sizeof(std::int32_t)), accumulate);
}

/// SignedTiles<a is unsigned, b is unsigned> is the Tiles of one pair of signs.
template <template <bool, bool> class SignedTiles>
constexpr product::Engine make_tile_engine(const char* instructions, void (*begin)(), void (*end)()) {
  product::Engine engine;
  engine.instructions = instructions;
  engine.packed_a = engine.packed_b = product::PackedType::i8x4;
  engine.accumulator = product::Accumulator::i32;
  engine.a = {kTilePanel, true};
  engine.b = {kTilePanel, false};
  engine.block_groups = 256;  // 32 KiB of columns
  engine.multiply[0][0] = &multiply_tile_panels<SignedTiles<false, false>>;
  engine.multiply[0][1] = &multiply_tile_panels<SignedTiles<false, true>>;
  engine.multiply[1][0] = &multiply_tile_panels<SignedTiles<true, false>>;
  engine.multiply[1][1] = &multiply_tile_panels<SignedTiles<true, true>>;
  engine.begin = begin;
  engine.end = end;
  return engine;
}
