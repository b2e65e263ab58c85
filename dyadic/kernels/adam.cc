#include "dyadic/kernels/adam.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "dyadic/base/aligned.h"
#include "dyadic/base/math.h"
#include "dyadic/formats/block.h"
#include "dyadic/kernels/elements.h"

namespace dyadic {
namespace {

/// Rounds the moments `next` into elements [begin, begin + n) and reads what was stored.
RoundingCounts store(AlignedVector<double>& next, Tensor& tensor, const Format& format, std::int64_t begin,
                     const RandomStream& random) {
  const RoundingCounts counts = write_elements(next.data(), begin, std::ssize(next), format, random, tensor);
  reread_elements(tensor, format, begin, std::ssize(next), next.data());
  return counts;
}

/// Raises moments [begin, begin + n) to the step of their block.
void raise_to_steps(AlignedVector<double>& moments, const Tensor& tensor, const Format& format, std::int64_t begin) {
  const auto size = static_cast<std::size_t>(format.block_size);
  const std::size_t first_block = static_cast<std::size_t>(begin) / size;
  double step = 0;
  for (std::size_t i = 0; i < moments.size(); ++i) {
    if (i % size == 0) {
      step = std::ldexp(1.0, block_step_exponent(format, tensor.exponents()[first_block + i / size]));
    }
    moments[i] = std::max(moments[i], step);
  }
}

}  // namespace

double adam_rate(double learning_rate, double beta1, double beta2, std::int64_t t) {
  const auto power = [t](double beta) { return beta == 0 ? 0.0 : exp64(static_cast<double>(t) * log64(beta)); };
  return learning_rate * std::sqrt(1 - power(beta2)) / (1 - power(beta1));
}

AdamCounts adam_step(const AdamMoments& job, std::int64_t begin, std::int64_t n, double* gradient) {
  const auto size = static_cast<std::size_t>(n);
  AlignedVector<double> first(size), second(size);
  read_elements(*job.first, begin, n, first.data());
  read_elements(*job.second, begin, n, second.data());
  for (std::size_t i = 0; i < size; ++i) {
    const double g = gradient[i];
    first[i] = job.beta1 * first[i] + (1 - job.beta1) * g;
    second[i] = job.beta2 * second[i] + (1 - job.beta2) * (g * g);
  }
  AdamCounts counts;
  counts.first = store(first, *job.first, job.first_to, begin, job.first_random);
  counts.second = store(second, *job.second, job.second_to, begin, job.second_random);
  if (job.second_to.has_blocks()) raise_to_steps(second, *job.second, job.second_to, begin);
  for (std::size_t i = 0; i < size; ++i) {
    gradient[i] = -(job.rate * (first[i] / (std::sqrt(second[i]) + job.epsilon)));
  }
  return counts;
}

}  // namespace dyadic
