#include "dyadic/kernels/update.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "dyadic/base/parallel.h"
#include "dyadic/kernels/isa.h"
#include "dyadic/kernels/update_rows.h"

namespace dyadic {
namespace {

UpdateRowsKernel select_kernel(const SgdUpdate& job) {
  const bool plain = job.weight_decay == 0;  // the short cuts know no decay
  if (plain && active_isa() >= Isa::avx512 && avx512::can_update_short(job)) return &avx512::update_short_rows;
  if (plain && active_isa() >= Isa::avx512 && avx512::can_update(job)) return &avx512::update_rows;
  return active_isa() == Isa::ref ? &ref::update_rows : &generic::update_rows;
}

}  // namespace

SgdUpdateCounts sgd_update(const SgdUpdate& job) {
  const UpdateRowsKernel kernel = select_kernel(job);
  std::vector<SgdUpdateCounts> parts(static_cast<std::size_t>(thread_count()));
  parallel_for(job.rows, 1, [&](std::int64_t begin, std::int64_t end, int part) {
    kernel(job, begin, end, parts[static_cast<std::size_t>(part)]);
  });
  SgdUpdateCounts sum;
  for (const SgdUpdateCounts& part : parts) {
    sum.master_before += part.master_before;
    sum.update += part.update;
    sum.master_nonfinite += part.master_nonfinite;
  }
  return sum;
}

double norm_factor(double norm, double max_norm) { return std::min(norm, max_norm) / (1e-7 + norm); }

double grid_norm(std::uint64_t sum_of_squares, int step_exponent) {
  return std::ldexp(std::sqrt(static_cast<double>(sum_of_squares)), step_exponent);
}

}  // namespace dyadic
