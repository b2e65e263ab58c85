#include "dyadic/kernels/update_rows.h"

#include <cmath>
#include <cstddef>
#include <vector>

#include "dyadic/base/math.h"
#include "dyadic/formats/codec.h"
#include "dyadic/tensor/tensor.h"

namespace dyadic::ref {
namespace {

struct Codes {
  void* data;
  const Format& format;
  [[nodiscard]] std::int64_t get(std::int64_t i) const { return load_code(data, code_type(format), i); }
  [[nodiscard]] double value(std::int64_t i) const { return decode(format, get(i)); }
};

/// One rounding: stores the code, adds to `overflowed`, and returns the code's value.
double round_to(const Codes& to, std::int64_t i, double value, const RandomStream& random, std::int64_t& overflowed) {
  const int bits = random_bits_per_element(to.format.rounding);
  const Encoded encoded =
      encode(to.format, value, bits == 0 ? 0 : random_bits(random, static_cast<std::uint64_t>(i), bits));
  store_code(to.data, code_type(to.format), i, encoded.code);
  overflowed += encoded.overflowed ? 1 : 0;
  return to.value(i);
}

double row_norm(const Codes& master, std::int64_t first, std::int64_t columns) {
  if (master.format.is_dyadic_grid()) {
    std::uint64_t sum = 0;
    for (std::int64_t j = 0; j < columns; ++j) {
      const std::int64_t steps = master.format.code_multiplier * master.get(first + j) - master.format.code_offset;
      sum += static_cast<std::uint64_t>(steps * steps);
    }
    return grid_norm(sum, master.format.step_exponent);
  }
  std::vector<double> squares(static_cast<std::size_t>(columns));
  for (std::int64_t j = 0; j < columns; ++j) {
    const double value = master.value(first + j);
    squares[static_cast<std::size_t>(j)] = value * value;
  }
  return std::sqrt(tree_sum(squares));
}

}  // namespace

void update_rows(const SgdUpdate& job, std::int64_t begin, std::int64_t end, SgdUpdateCounts& counts) {
  const std::int64_t first = begin * job.columns;
  const std::int64_t n = (end - begin) * job.columns;
  const Codes master_from = {job.master, job.master_from};
  const Codes master_to = {job.master, job.master_to};
  const Codes update_from = {job.update, job.update_from};
  const Codes update_to = {job.update, job.update_to};
  const Codes gradient = {const_cast<void*>(job.gradient), job.gradient_format};  // only read
  const auto at = [](void* codes, const Format& format, std::int64_t i) {
    return static_cast<std::byte*>(codes) + i * code_bytes(code_type(format));
  };
  counts.master_before += count_codes(at(job.master, job.master_from, first), n, job.master_from);
  std::int64_t ignored = 0;
  for (std::int64_t row = begin; row < end; ++row) {
    for (std::int64_t i = row * job.columns; i < (row + 1) * job.columns; ++i) {
      double slope = gradient.value(i);
      if (job.weight_decay != 0) slope += job.weight_decay * master_from.value(i);
      const double step = job.momentum * update_from.value(i) - job.learning_rate * slope;
      const double update = round_to(update_to, i, step, job.update_random, counts.update.overflowed);
      round_to(master_to, i, master_from.value(i) + update, job.master_random, ignored);
    }
    if (job.max_norm > 0) {
      const double factor = norm_factor(row_norm(master_to, row * job.columns, job.columns), job.max_norm);
      for (std::int64_t i = row * job.columns; i < (row + 1) * job.columns; ++i) {
        round_to(master_to, i, master_to.value(i) * factor, job.master_random, ignored);
      }
    }
  }
  counts.update += count_codes(at(job.update, job.update_to, first), n, job.update_to);
  counts.master_nonfinite += count_codes(at(job.master, job.master_to, first), n, job.master_to).nonfinite;
}

}  // namespace dyadic::ref
