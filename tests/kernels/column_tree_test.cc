// Sums of columns against the tree of one column.
#include "dyadic/kernels/column_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "dyadic/base/math.h"
#include "dyadic/base/parallel.h"
#include "dyadic/base/philox.h"

namespace dyadic {
namespace {

double element(std::int64_t row, std::int64_t column) {
  if ((row + column) % 7 == 0) return -0.0;
  // Thirds, so that every addition rounds and its order shows.
  return (static_cast<double>(random_uniform({.seed = 9}, static_cast<std::uint64_t>(row * 1000 + column))) - 0.5) / 3;
}

std::vector<double> sums_of(std::int64_t rows, std::int64_t columns) {
  std::vector<double> sums(static_cast<std::size_t>(columns), 1);
  column_tree_sums(
      rows, columns,
      [&](std::int64_t first, std::int64_t count, double* values) {
        for (std::int64_t i = 0; i < count * columns; ++i) values[i] = element(first + i / columns, i % columns);
      },
      sums);
  return sums;
}

TEST(ColumnTree, IsTheTreeOfEachColumnForAnyNumberOfRowsAndThreads) {
  for (const int threads : {1, 3}) {
    set_thread_count(threads);
    for (const std::int64_t columns : {1, 3, 700, 5000}) {
      for (const std::int64_t rows : {1, 2, 3, 4, 5, 7, 8, 63, 65, 700}) {
        if (rows * columns > 500000) continue;
        const std::vector<double> sums = sums_of(rows, columns);
        for (const std::int64_t column : {std::int64_t{0}, columns / 2, columns - 1}) {
          std::vector<double> values;
          for (std::int64_t row = 0; row < rows; ++row) values.push_back(element(row, column));
          ASSERT_EQ(std::bit_cast<std::uint64_t>(sums[static_cast<std::size_t>(column)]),
                    std::bit_cast<std::uint64_t>(tree_sum(values)))
              << rows << " rows, column " << column << " of " << columns << ", " << threads << " threads";
        }
      }
    }
  }
  set_thread_count(1);
}

TEST(ColumnTree, CrossesBlocksOfRows) {
  const std::int64_t rows = 3 * 4096 + 1;  // blocks of one column are 4096 rows; the last one is a lone row
  std::vector<double> values;
  for (std::int64_t row = 0; row < rows; ++row) values.push_back(element(row, 0));
  EXPECT_EQ(sums_of(rows, 1)[0], tree_sum(values));
}

TEST(ColumnTree, ALoneRowMeetsZeros) {
  for (const std::int64_t rows : {1, 2, 3, 4096, 4097}) {  // a block is 4096 rows of one column
    std::vector<double> sum = {1};
    column_tree_sums(
        rows, 1, [](std::int64_t, std::int64_t count, double* values) { std::fill_n(values, count, -0.0); }, sum);
    std::vector<double> values(static_cast<std::size_t>(rows), -0.0);
    EXPECT_EQ(std::signbit(sum[0]), std::signbit(tree_sum(values))) << rows;
    EXPECT_EQ(std::signbit(sum[0]), rows != 3 && rows != 4097) << rows;
  }
}

TEST(ColumnTree, OfNoRowsIsZero) { EXPECT_EQ(sums_of(0, 2), (std::vector<double>{0, 0})); }

}  // namespace
}  // namespace dyadic
