#include "dyadic/base/parallel.h"

#include <omp.h>
#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include "dyadic/base/error.h"

// ThreadSanitizer does not see libgomp's barriers: tell it about the fork and the join.
#if defined(__SANITIZE_THREAD__)
#define DYADIC_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define DYADIC_TSAN 1
#endif
#endif
#ifdef DYADIC_TSAN
extern "C" void __tsan_acquire(void*);
extern "C" void __tsan_release(void*);
#endif

namespace dyadic {
namespace {

void thread_fence_release([[maybe_unused]] void* where) {
#ifdef DYADIC_TSAN
  __tsan_release(where);
#endif
}

void thread_fence_acquire([[maybe_unused]] void* where) {
#ifdef DYADIC_TSAN
  __tsan_acquire(where);
#endif
}

int checked_thread_count(long threads) {
  if (threads < 1 || threads > 1024) throw UsageError("threads: " + std::to_string(threads) + " is outside 1..1024");
  return static_cast<int>(threads);
}

int default_thread_count() {
  if (const char* text = std::getenv("DYADIC_THREADS")) {
    char* end = nullptr;
    const long threads = std::strtol(text, &end, 10);
    if (end == text || *end != '\0') throw UsageError(std::string("DYADIC_THREADS: '") + text + "' is not a number");
    return checked_thread_count(threads);
  }
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return std::clamp(CPU_COUNT(&set), 1, 1024);
}

int& configured_threads() {
  static int threads = default_thread_count();
  return threads;
}

}  // namespace

int thread_count() { return configured_threads(); }

void set_thread_count(int threads) { configured_threads() = checked_thread_count(threads); }

void parallel_for(std::int64_t n, std::int64_t grain,
                  const std::function<void(std::int64_t, std::int64_t, int)>& body) {
  if (grain < 1) throw UsageError("parallel_for: grain " + std::to_string(grain) + " is below 1");
  if (n <= 0) return;
  const std::int64_t grains = (n + grain - 1) / grain;
  const int parts = static_cast<int>(std::min<std::int64_t>(thread_count(), grains));
  if (parts == 1 || omp_in_parallel() != 0) {
    body(0, n, 0);
    return;
  }
  std::vector<std::exception_ptr> errors(static_cast<std::size_t>(parts));
  thread_fence_release(&errors);
#pragma omp parallel for schedule(static, 1) num_threads(parts)
  for (int part = 0; part < parts; ++part) {
    thread_fence_acquire(&errors);
    const std::int64_t begin = grains * part / parts * grain;
    const std::int64_t end = std::min(n, grains * (part + 1) / parts * grain);
    try {
      if (begin < end) body(begin, end, part);
    } catch (...) {
      errors[static_cast<std::size_t>(part)] = std::current_exception();
    }
    thread_fence_release(&errors);
  }
  thread_fence_acquire(&errors);
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
}

}  // namespace dyadic
