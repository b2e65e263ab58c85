// Register-blocked multiplication of two panels, written once. `Lanes` names a tier's vector type and its one
// multiply-add; the widths below give kLanes-wide columns in kVectors vectors against kRowWidth broadcast rows, so that
// all sums of a block live in registers. Depth runs in order, one multiply-add per step and sum: for float32 that is
// the documented order, and a second block that continues from stored sums gives the same bits.

/// Panels of rows follow each other in memory: the next one is on its way from a far cache while this one is used.
inline constexpr int kPrefetchBytes = 4096;

template <class Lanes, int kRows, int kVectors>
DYADIC_INLINE void add_products(const std::byte* a, const std::byte* b, std::int64_t groups,
                                typename Lanes::Vector (&sum)[kRows][kVectors]) {
  constexpr int kBytes = Lanes::kGroupBytes;
  for (std::int64_t k = 0; k < groups; ++k) {
    typename Lanes::Vector column[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) column[v] = Lanes::load(b + v * Lanes::kLanes * kBytes);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const typename Lanes::Vector row = Lanes::broadcast(a + r * kBytes);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) sum[r][v] = Lanes::multiply_add(sum[r][v], row, column[v]);
    }
    _mm_prefetch(reinterpret_cast<const char*>(a) + kPrefetchBytes, _MM_HINT_T0);
    a += Lanes::kRowWidth * kBytes;
    b += Lanes::kColumnWidth * kBytes;
  }
}

template <class Lanes, int kRows, int kVectors>
void multiply_block(const std::byte* a, const std::byte* b, std::int64_t groups, void* sums, std::int64_t stride,
                    bool accumulate) {
  auto* out = static_cast<typename Lanes::Sum*>(sums);
  typename Lanes::Vector sum[kRows][kVectors];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      sum[r][v] = accumulate ? Lanes::load_sum(out + r * stride + v * Lanes::kLanes) : Lanes::zero();
    }
  }
  add_products<Lanes>(a, b, groups, sum);
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) Lanes::store_sum(out + r * stride + v * Lanes::kLanes, sum[r][v]);
  }
}

template <class Lanes, int... kIndex>
DYADIC_INLINE void multiply_sized(std::integer_sequence<int, kIndex...> /*sizes*/, const std::byte* a,
                                  const std::byte* b, std::int64_t groups, int rows, int columns, void* sums,
                                  std::int64_t stride, bool accumulate) {
  constexpr int kVectors = Lanes::kColumnWidth / Lanes::kLanes;
  using Function = void (*)(const std::byte*, const std::byte*, std::int64_t, void*, std::int64_t, bool);
  static constexpr Function kSizes[] = {&multiply_block<Lanes, kIndex / kVectors + 1, kIndex % kVectors + 1>...};
  kSizes[(rows - 1) * kVectors + (columns - 1) / Lanes::kLanes](a, b, groups, sums, stride, accumulate);
}

template <class Lanes>
using Sizes = std::make_integer_sequence<int, Lanes::kRowWidth * Lanes::kColumnWidth / Lanes::kLanes>;

/// The product::MultiplyFunction of an engine.
template <class Lanes>
void multiply(const std::byte* a, const std::byte* b, std::int64_t groups, int rows, int columns, void* sums,
              std::int64_t stride, bool accumulate) {
  multiply_sized<Lanes>(Sizes<Lanes>(), a, b, groups, rows, columns, sums, stride, accumulate);
}

/// The product::MultiplyFlushFunction of an engine with int32 sums. They pass through memory: with the widening in the
/// same function GCC 12 spills sums in the loop over the depth.
template <class Lanes>
void multiply_flush(const std::byte* a, const std::byte* b, std::int64_t groups, int rows, int columns,
                    std::int64_t* sums, std::int64_t stride, int shift) {
  alignas(64) std::int32_t block[Lanes::kRowWidth * Lanes::kColumnWidth];
  multiply<Lanes>(a, b, groups, rows, columns, block, Lanes::kColumnWidth, false);
  for (int r = 0; r < rows; ++r) {
    for (int j = 0; j < columns; j += Lanes::kLanes) {
      Lanes::add_shifted(sums + r * stride + j, Lanes::load_sum(block + r * Lanes::kColumnWidth + j), shift);
    }
  }
}

template <class Lanes>
constexpr product::Engine make_engine(const char* instructions, product::PackedType packed,
                                      product::Accumulator accumulator) {
  product::Engine engine;
  engine.instructions = instructions;
  engine.packed_a = engine.packed_b = packed;
  engine.accumulator = accumulator;
  engine.a = {Lanes::kRowWidth, false};
  engine.b = {Lanes::kColumnWidth, false};
  // 36 KiB of columns: with the rows that pass by, what a 48 KiB cache of level 1 holds.
  engine.block_groups = 36 * 1024 / (Lanes::kColumnWidth * Lanes::kGroupBytes) / 16 * 16;
  engine.multiply[0][0] = engine.multiply[0][1] = engine.multiply[1][0] = engine.multiply[1][1] = &multiply<Lanes>;
  if constexpr (std::is_same_v<typename Lanes::Sum, std::int32_t>) engine.multiply_flush = &multiply_flush<Lanes>;
  return engine;
}

// Tiles of sums: flushed and converted once per block or tile, so plain loops are enough.

template <class Sum>
void flush_sums(const std::int32_t* from, std::int64_t from_stride, std::int64_t rows, std::int64_t columns, int shift,
                void* to, std::int64_t to_stride) {
  using Unsigned = std::make_unsigned_t<Sum>;
  for (std::int64_t i = 0; i < rows; ++i) {
    Sum* sums = static_cast<Sum*>(to) + i * to_stride;
    const std::int32_t* digits = from + i * from_stride;
    for (std::int64_t j = 0; j < columns; ++j) {
      sums[j] = static_cast<Sum>(static_cast<Unsigned>(sums[j]) + (static_cast<Unsigned>(Sum{digits[j]}) << shift));
    }
  }
}

template <class From, class To>
void convert_sums(const void* from, std::int64_t n, void* to) {
  const auto* in = static_cast<const From*>(from);
  auto* out = static_cast<To*>(to);
  for (std::int64_t i = 0; i < n; ++i) out[i] = static_cast<To>(in[i]);
}

constexpr product::Conversions kConversions = {
    &flush_sums<std::int32_t>,
    &flush_sums<std::int64_t>,
    &convert_sums<std::int32_t, std::int64_t>,
    &convert_sums<std::int64_t, std::int32_t>,
    &convert_sums<double, std::int32_t>,
    &convert_sums<double, std::int64_t>,
};
