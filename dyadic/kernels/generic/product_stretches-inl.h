// Register-blocked multiplication of two panels whose sums are narrow on the way: a few groups of the depth are summed
// in registers (bytes or int16), then added to the int32 sums in memory. `Lanes` names a tier's types and its one
// multiply-add, exact for kMostGroups groups: Sum, Row and Column, row(panel, r), column(panel, v), add(sum, row,
// column), and total(sum), the int32 sums of kLanes columns.

template <class Lanes, int kRows, int kVectors>
void multiply_stretches(const std::byte* a, const std::byte* b, std::int64_t groups, std::int32_t* sums,
                        std::int64_t stride, bool accumulate) {
  // Of nearly equal length: a last stretch of one group would cost as much as a whole one.
  const std::int64_t stretches = (groups + Lanes::kMostGroups - 1) / Lanes::kMostGroups;
  for (std::int64_t stretch = 0; stretch < stretches; ++stretch) {
    const std::int64_t count = groups * (stretch + 1) / stretches - groups * stretch / stretches;
    typename Lanes::Sum sum[kRows][kVectors] = {};
    for (std::int64_t k = 0; k < count; ++k) {
      typename Lanes::Column column[kVectors];
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) column[v] = Lanes::column(b, v);
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
        const typename Lanes::Row row = Lanes::row(a, r);
#pragma GCC unroll 8
        for (int v = 0; v < kVectors; ++v) sum[r][v] = Lanes::add(sum[r][v], row, column[v]);
      }
      a += Lanes::kRowWidth * Lanes::kRowGroupBytes;
      b += Lanes::kColumnWidth * Lanes::kGroupBytes;
    }
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) {
        std::int32_t* to = sums + r * stride + v * Lanes::kLanes;
        Lanes::store(to, accumulate ? Lanes::add32(Lanes::load(to), Lanes::total(sum[r][v])) : Lanes::total(sum[r][v]));
      }
    }
    accumulate = true;
  }
}

template <class Lanes, int... kIndex>
DYADIC_INLINE void multiply_stretches_sized(std::integer_sequence<int, kIndex...> /*sizes*/, const std::byte* a,
                                            const std::byte* b, std::int64_t groups, int rows, int columns,
                                            std::int32_t* sums, std::int64_t stride, bool accumulate) {
  constexpr int kVectors = Lanes::kColumnWidth / Lanes::kLanes;
  using Function = void (*)(const std::byte*, const std::byte*, std::int64_t, std::int32_t*, std::int64_t, bool);
  static constexpr Function kSizes[] = {&multiply_stretches<Lanes, kIndex / kVectors + 1, kIndex % kVectors + 1>...};
  kSizes[(rows - 1) * kVectors + (columns - 1) / Lanes::kLanes](a, b, groups, sums, stride, accumulate);
}

/// The product::MultiplyFunction of such an engine.
template <class Lanes>
void multiply_in_stretches(const std::byte* a, const std::byte* b, std::int64_t groups, int rows, int columns,
                           void* sums, std::int64_t stride, bool accumulate) {
  multiply_stretches_sized<Lanes>(
      std::make_integer_sequence<int, Lanes::kRowWidth * Lanes::kColumnWidth / Lanes::kLanes>(), a, b, groups, rows,
      columns, static_cast<std::int32_t*>(sums), stride, accumulate);
}

template <class Lanes>
constexpr product::Engine make_stretch_engine(const char* instructions, product::PackedType packed) {
  product::Engine engine;
  engine.instructions = instructions;
  engine.packed_a = engine.packed_b = packed;
  engine.accumulator = product::Accumulator::i32;
  engine.a = {Lanes::kRowWidth, false};
  engine.b = {Lanes::kColumnWidth, false};
  // 16 KiB of columns, with the rows that pass by half of a 32 KiB cache of level 1.
  engine.block_groups = 16 * 1024 / (Lanes::kColumnWidth * Lanes::kGroupBytes) / 16 * 16;
  engine.multiply[0][0] = engine.multiply[0][1] = engine.multiply[1][0] = engine.multiply[1][1] =
      &multiply_in_stretches<Lanes>;
  return engine;
}
