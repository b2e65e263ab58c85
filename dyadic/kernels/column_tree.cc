#include "dyadic/kernels/column_tree.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <vector>

#include "dyadic/base/aligned.h"
#include "dyadic/base/parallel.h"

namespace dyadic {
namespace {

/// Values of a block: they stay in the nearest cache.
constexpr std::int64_t kBlockValues = 4096;

/// Adds the rows of `block` up into its first one. `padded`: more than one block, so that a lone row, too, meets zeros.
void fold_rows(double* block, std::int64_t rows, std::int64_t columns, bool padded) {
  for (; rows > 1; rows = (rows + 1) / 2) {
    for (std::int64_t row = 0; row + 1 < rows; row += 2) {
      const double* even = block + row * columns;
      double* sum = block + row / 2 * columns;
      for (std::int64_t j = 0; j < columns; ++j) sum[j] = even[j] + even[columns + j];
    }
    if (rows % 2 == 0) continue;
    const double* last = block + (rows - 1) * columns;
    double* sum = block + rows / 2 * columns;
    for (std::int64_t j = 0; j < columns; ++j) sum[j] = last[j] + 0.0;  // -0 becomes +0
  }
  for (std::int64_t j = 0; padded && j < columns; ++j) block[j] += 0.0;
}

}  // namespace

void column_tree_sums(std::int64_t rows, std::int64_t columns, const FillRows& fill, std::span<double> sums) {
  if (rows == 0) {
    std::ranges::fill(sums, 0.0);
    return;
  }
  const auto most =
      static_cast<std::uint64_t>(std::max<std::int64_t>(2, kBlockValues / std::max<std::int64_t>(1, columns)));
  const auto block_rows = static_cast<std::int64_t>(std::bit_floor(most));
  const std::int64_t blocks = (rows + block_rows - 1) / block_rows;
  std::vector<double> roots(static_cast<std::size_t>(blocks * columns));
  parallel_for(blocks, 1, [&](std::int64_t begin, std::int64_t end, int) {
    AlignedVector<double> block(static_cast<std::size_t>(block_rows * columns));
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t count = std::min(block_rows, rows - i * block_rows);
      fill(i * block_rows, count, block.data());
      fold_rows(block.data(), count, columns, blocks > 1 && count < block_rows);
      std::copy_n(block.data(), columns, roots.data() + i * columns);
    }
  });
  fold_rows(roots.data(), blocks, columns, false);
  std::copy_n(roots.begin(), columns, sums.begin());
}

}  // namespace dyadic
