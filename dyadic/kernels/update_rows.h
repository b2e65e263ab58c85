// The update step over a range of rows, one implementation per tier. Internal to kernels/: call sgd_update.
#pragma once

#include <cstdint>

#include "dyadic/kernels/update.h"

namespace dyadic {

/// Rewrites rows [begin, end) of the job and counts. Rows are independent of each other.
using UpdateRowsKernel = void (*)(const SgdUpdate& job, std::int64_t begin, std::int64_t end, SgdUpdateCounts& counts);

namespace ref {
/// One element at a time through the codec: what the update means.
void update_rows(const SgdUpdate& job, std::int64_t begin, std::int64_t end, SgdUpdateCounts& counts);
}  // namespace ref

namespace generic {
/// Any formats: rows of float64 through the rounding kernels of the active tier.
void update_rows(const SgdUpdate& job, std::int64_t begin, std::int64_t end, SgdUpdateCounts& counts);
}  // namespace generic

// Which jobs these take: update_jobs.h.

namespace avx2 {
/// can_update_short: integers wherever they give the same bits.
void update_short_rows(const SgdUpdate& job, std::int64_t begin, std::int64_t end, SgdUpdateCounts& counts);
/// can_update_grids, can_update_floats and can_update_halves: one pass over the row in float64, one for its norm.
void update_grid_rows(const SgdUpdate& job, std::int64_t begin, std::int64_t end, SgdUpdateCounts& counts);
void update_float_rows(const SgdUpdate& job, std::int64_t begin, std::int64_t end, SgdUpdateCounts& counts);
void update_half_rows(const SgdUpdate& job, std::int64_t begin, std::int64_t end, SgdUpdateCounts& counts);
}  // namespace avx2

namespace avx512 {
/// can_update_short.
void update_short_rows(const SgdUpdate& job, std::int64_t begin, std::int64_t end, SgdUpdateCounts& counts);
/// can_update_grids and can_update_floats.
void update_rows(const SgdUpdate& job, std::int64_t begin, std::int64_t end, SgdUpdateCounts& counts);
}  // namespace avx512

/// min(n, c) / (1e-7 + n), in float64.
double norm_factor(double norm, double max_norm);

/// sqrt(sum of squares) of integer codes: the exact sum rounded once to float64, its root, times 2^step_exponent.
double grid_norm(std::uint64_t sum_of_squares, int step_exponent);

}  // namespace dyadic
