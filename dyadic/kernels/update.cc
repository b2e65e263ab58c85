#include "dyadic/kernels/update.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "dyadic/base/parallel.h"
#include "dyadic/kernels/isa.h"
#include "dyadic/kernels/update_jobs.h"
#include "dyadic/kernels/update_rows.h"

namespace dyadic {
namespace {

struct UpdateKernel {
  Isa isa;
  bool (*takes)(const SgdUpdate& job);
  UpdateRowsKernel rows;
};

bool takes_all(const SgdUpdate&) { return true; }

// The first that the tier in use has and that takes the job runs.
constexpr UpdateKernel kUpdateKernels[] = {
    {Isa::avx512, &can_update_short, &avx512::update_short_rows},
    {Isa::avx512, &can_update_grids, &avx512::update_rows},
    {Isa::avx512, &can_update_floats, &avx512::update_rows},
    {Isa::avx2, &can_update_short, &avx2::update_short_rows},
    {Isa::avx2, &can_update_grids, &avx2::update_grid_rows},
    {Isa::avx2, &can_update_floats, &avx2::update_float_rows},
    {Isa::avx2, &can_update_halves, &avx2::update_half_rows},
    {Isa::avx2, &takes_all, &generic::update_rows},
    {Isa::ref, &takes_all, &ref::update_rows},
};

UpdateRowsKernel select_kernel(const SgdUpdate& job) {
  const Isa isa = active_isa();
  const bool decays = job.weight_decay != 0;  // which only the general kernels know
  return std::ranges::find_if(kUpdateKernels,
                              [&](const UpdateKernel& kernel) {
                                return kernel.isa <= isa && kernel.takes(job) &&
                                       (!decays || kernel.takes == &takes_all);
                              })
      ->rows;
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
