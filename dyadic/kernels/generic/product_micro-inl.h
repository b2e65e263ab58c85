// Register-blocked multiplication of two panels, written once. `Lanes` names a tier's vector type and its one
// multiply-add; the widths below give kLanes-wide columns in kVectors vectors against kRowWidth broadcast rows, so that
// all sums of a block live in registers. Depth runs in order, one multiply-add per step and sum: for float32 that is
// the documented order, and a second block that continues from stored sums gives the same bits.

template <class Lanes, int kRows, int kVectors>
void multiply_block(const std::byte* a, const std::byte* b, std::int64_t groups, void* sums, std::int64_t stride,
                    bool accumulate) {
  using Vector = typename Lanes::Vector;
  constexpr int kBytes = Lanes::kGroupBytes;
  auto* out = static_cast<typename Lanes::Sum*>(sums);
  Vector sum[kRows][kVectors];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      sum[r][v] = accumulate ? Lanes::load_sum(out + r * stride + v * Lanes::kLanes) : Lanes::zero();
    }
  }
  for (std::int64_t k = 0; k < groups; ++k) {
    Vector column[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) column[v] = Lanes::load(b + v * Lanes::kLanes * kBytes);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const Vector row = Lanes::broadcast(a + r * kBytes);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) sum[r][v] = Lanes::multiply_add(sum[r][v], row, column[v]);
    }
    a += Lanes::kRowWidth * kBytes;
    b += Lanes::kColumnWidth * kBytes;
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) Lanes::store_sum(out + r * stride + v * Lanes::kLanes, sum[r][v]);
  }
}

template <class Lanes, int... kIndex>
void multiply_sized(std::integer_sequence<int, kIndex...> /*sizes*/, const std::byte* a, const std::byte* b,
                    std::int64_t groups, int rows, int columns, void* sums, std::int64_t stride, bool accumulate) {
  constexpr int kVectors = Lanes::kColumnWidth / Lanes::kLanes;
  using Function = void (*)(const std::byte*, const std::byte*, std::int64_t, void*, std::int64_t, bool);
  static constexpr Function kSizes[] = {&multiply_block<Lanes, kIndex / kVectors + 1, kIndex % kVectors + 1>...};
  kSizes[(rows - 1) * kVectors + (columns - 1) / Lanes::kLanes](a, b, groups, sums, stride, accumulate);
}

/// The product::MultiplyFunction of an engine.
template <class Lanes>
void multiply(const std::byte* a, const std::byte* b, std::int64_t groups, int rows, int columns, void* sums,
              std::int64_t stride, bool accumulate) {
  constexpr int kSizes = Lanes::kRowWidth * Lanes::kColumnWidth / Lanes::kLanes;
  multiply_sized<Lanes>(std::make_integer_sequence<int, kSizes>(), a, b, groups, rows, columns, sums, stride,
                        accumulate);
}

template <class Lanes>
constexpr product::Engine make_engine(const char* instructions, product::PackedType packed,
                                      product::Accumulator accumulator) {
  product::Engine engine;
  engine.instructions = instructions;
  engine.packed = packed;
  engine.accumulator = accumulator;
  engine.a = {Lanes::kRowWidth, false};
  engine.b = {Lanes::kColumnWidth, false};
  // 36 KiB of columns: with the rows that pass by, what a 48 KiB cache of level 1 holds.
  engine.block_groups = 36 * 1024 / (Lanes::kColumnWidth * Lanes::kGroupBytes) / 16 * 16;
  engine.multiply[0][0] = engine.multiply[0][1] = engine.multiply[1][0] = engine.multiply[1][1] = &multiply<Lanes>;
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
