// Clocks and medians of the benchmarks.
#pragma once

#include <algorithm>
#include <ctime>
#include <vector>

namespace dyadic {

/// Processor time of this thread: what other programs take away is not counted.
inline double thread_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

template <typename Call>
double time_of(const Call& call) {
  const double start = thread_seconds();
  call();
  return thread_seconds() - start;
}

/// The upper one of the middle two.
inline double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

}  // namespace dyadic
