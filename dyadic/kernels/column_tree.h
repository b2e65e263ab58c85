// Sums of columns in the fixed tree of docs/numerics.md: rows padded with zeros to a power of two, neighbours added,
// log2 rounds; float64. Aligned blocks of rows are subtrees, so they can be summed by different threads.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

namespace dyadic {

/// Writes rows [first, first + count) of `columns` values each.
using FillRows = std::function<void(std::int64_t first, std::int64_t count, double* values)>;

/// sums[j] = tree over the `rows` rows of column j. `fill` is called from several threads, once for each row. Same bits
/// for any number of threads.
void column_tree_sums(std::int64_t rows, std::int64_t columns, const FillRows& fill, std::span<double> sums);

}  // namespace dyadic
