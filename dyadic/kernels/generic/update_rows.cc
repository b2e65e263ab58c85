#include "dyadic/kernels/update_rows.h"

#include <cmath>
#include <cstddef>
#include <span>

#include "dyadic/base/aligned.h"
#include "dyadic/base/math.h"
#include "dyadic/kernels/decode.h"

namespace dyadic::generic {
namespace {

double row_norm(const Format& format, std::span<const double> values, AlignedVector<double>& squares) {
  if (format.is_dyadic_grid()) {
    std::uint64_t sum = 0;
    const double scale = std::ldexp(1.0, -format.step_exponent);
    for (const double value : values) {
      const auto steps = static_cast<std::int64_t>(value * scale);
      sum += static_cast<std::uint64_t>(steps * steps);
    }
    return grid_norm(sum, format.step_exponent);
  }
  for (std::size_t j = 0; j < values.size(); ++j) squares[j] = values[j] * values[j];
  return std::sqrt(tree_sum({squares.data(), values.size()}));
}

/// The format that W + u' is rounded to: to nearest where the sum is a whole number of steps, which never moves and
/// needs no random bits.
Format sum_format(const SgdUpdate& job) {
  Format format = job.master_to;
  const auto whole = [&](const Format& term) {
    return term.is_dyadic_grid() && term.step_exponent >= format.step_exponent;
  };
  const bool random = random_bits_per_element(format.rounding) != 0;
  if (random && format.is_dyadic_grid() && whole(job.master_from) && whole(job.update_to)) {
    format.rounding = Rounding::rne;
  }
  return format;
}

}  // namespace

void update_rows(const SgdUpdate& job, std::int64_t begin, std::int64_t end, SgdUpdateCounts& counts) {
  const std::int64_t n = job.columns;
  const auto size = static_cast<std::size_t>(n);
  const Format sum_to = sum_format(job);
  AlignedVector<double> update(size);
  AlignedVector<double> other(size);
  AlignedVector<double> decayed(job.weight_decay != 0 ? size : 0);
  const auto row_of = [n](void* codes, const Format& format, std::int64_t row) {
    return static_cast<std::byte*>(codes) + row * n * code_bytes(code_type(format));
  };
  for (std::int64_t row = begin; row < end; ++row) {
    void* master_codes = row_of(job.master, job.master_from, row);
    void* update_codes = row_of(job.update, job.update_from, row);
    const void* gradient_codes = row_of(const_cast<void*>(job.gradient), job.gradient_format, row);
    const auto first = static_cast<std::uint64_t>(row * n);
    const RoundingRandom update_random = {job.update_random, first};
    const RoundingRandom master_random = {job.master_random, first};

    counts.master_before += count_codes(master_codes, n, job.master_from);
    decode_values(update_codes, job.update_from, 0, n, update.data());
    decode_values(gradient_codes, job.gradient_format, 0, n, other.data());
    if (job.weight_decay != 0) {
      decode_values(master_codes, job.master_from, 0, n, decayed.data());
      for (std::size_t j = 0; j < size; ++j) other[j] += job.weight_decay * decayed[j];
    }
    for (std::size_t j = 0; j < size; ++j) update[j] = job.momentum * update[j] - job.learning_rate * other[j];
    counts.update += quantize(update.data(), n, job.update_to, update_codes, update_random);

    decode_values(update_codes, job.update_to, 0, n, update.data());
    decode_values(master_codes, job.master_from, 0, n, other.data());
    for (std::size_t j = 0; j < size; ++j) other[j] += update[j];
    RoundingCounts master_counts = quantize(other.data(), n, sum_to, master_codes, master_random);
    if (job.max_norm > 0) {
      decode_values(master_codes, job.master_to, 0, n, other.data());
      const double factor = norm_factor(row_norm(job.master_to, other, update), job.max_norm);
      for (std::size_t j = 0; j < size; ++j) other[j] *= factor;
      master_counts = quantize(other.data(), n, job.master_to, master_codes, master_random);
    }
    counts.master_nonfinite += master_counts.nonfinite;
  }
}

}  // namespace dyadic::generic
