#include "dyadic/kernels/adam.h"

#include <cmath>
#include <cstddef>

#include "dyadic/base/aligned.h"
#include "dyadic/base/math.h"
#include "dyadic/kernels/decode.h"

namespace dyadic {
namespace {

/// Rounds the moments `next` into codes [begin, begin + n) and decodes what was stored.
RoundingCounts store(AlignedVector<double>& next, void* codes, const Format& format, std::int64_t begin,
                     const RandomStream& random) {
  const auto n = static_cast<std::int64_t>(next.size());
  void* to = static_cast<std::byte*>(codes) + begin * code_bytes(code_type(format));
  const RoundingCounts counts = quantize(next.data(), n, format, to, {random, static_cast<std::uint64_t>(begin)});
  decode_values(codes, format, begin, n, next.data());
  return counts;
}

}  // namespace

double adam_rate(double learning_rate, double beta1, double beta2, std::int64_t t) {
  const auto power = [t](double beta) { return beta == 0 ? 0.0 : exp64(static_cast<double>(t) * log64(beta)); };
  return learning_rate * std::sqrt(1 - power(beta2)) / (1 - power(beta1));
}

AdamCounts adam_step(const AdamMoments& job, std::int64_t begin, std::int64_t n, double* gradient) {
  const auto size = static_cast<std::size_t>(n);
  AlignedVector<double> first(size), second(size);
  decode_values(job.first, job.first_from, begin, n, first.data());
  decode_values(job.second, job.second_from, begin, n, second.data());
  for (std::size_t i = 0; i < size; ++i) {
    const double g = gradient[i];
    first[i] = job.beta1 * first[i] + (1 - job.beta1) * g;
    second[i] = job.beta2 * second[i] + (1 - job.beta2) * (g * g);
  }
  AdamCounts counts;
  counts.first = store(first, job.first, job.first_to, begin, job.first_random);
  counts.second = store(second, job.second, job.second_to, begin, job.second_random);
  for (std::size_t i = 0; i < size; ++i) {
    gradient[i] = -(job.rate * (first[i] / (std::sqrt(second[i]) + job.epsilon)));
  }
  return counts;
}

}  // namespace dyadic
