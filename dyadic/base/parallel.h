// The only threads in dyadic: a static partition of [0, n) that depends on n and the number of threads alone. No
// reductions across threads but integer sums, which have one answer in any order (numerics.md law 4).
#pragma once

#include <cstdint>
#include <functional>

namespace dyadic {

/// Number of threads that parallel_for uses. At start: DYADIC_THREADS, else the processors this process may run on.
int thread_count();

/// Sets it; throws UsageError unless 1 <= threads <= 1024.
void set_thread_count(int threads);

/// Calls body(begin, end, part) once per part: contiguous parts that cover [0, n), each a multiple of `grain` long but
/// the last, at most thread_count() of them; part numbers count from 0. Exceptions thrown by a part are rethrown (the
/// lowest part's). Calls inside one of several parts run serially. Throws UsageError if grain < 1.
void parallel_for(std::int64_t n, std::int64_t grain,
                  const std::function<void(std::int64_t begin, std::int64_t end, int part)>& body);

}  // namespace dyadic
