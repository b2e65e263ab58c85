#include "dyadic/base/parallel.h"

#include <immintrin.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "dyadic/base/error.h"

namespace dyadic {
namespace {

int checked_thread_count(const char* what, long threads) {
  if (threads < 1 || threads > 1024) {
    throw UsageError(std::string(what) + ": " + std::to_string(threads) + " is outside 1..1024");
  }
  return static_cast<int>(threads);
}

int default_thread_count() {
  if (const char* text = std::getenv("DYADIC_THREADS")) {
    char* end = nullptr;
    const long threads = std::strtol(text, &end, 10);
    if (end == text || *end != '\0') throw UsageError(std::string("DYADIC_THREADS: '") + text + "' is not a number");
    return checked_thread_count("DYADIC_THREADS", threads);
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

/// Waits until value() differs from `old`: a short spin, because the next region of a training step is microseconds
/// away, then sleep, because a processor that another program needs must not be burnt (spinning for milliseconds, as
/// OpenMP runtimes do by default, made two runs on two cores 40 times slower).
template <typename T>
T wait_for_change(const std::atomic<T>& value, T old) {
  constexpr int kSpins = 1000;
  for (int i = 0; i < kSpins; ++i) {
    const T now = value.load(std::memory_order_acquire);
    if (now != old) return now;
    _mm_pause();
  }
  value.wait(old, std::memory_order_acquire);
  return value.load(std::memory_order_acquire);
}

using PartFunction = std::function<void(int part)>;

/// Workers that run parts 1, 2, ... of a job, worker i always part i; the caller runs part 0.
class Pool {
 public:
  Pool() = default;
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool() {
    function_ = nullptr;
    start(static_cast<int>(workers_.size()) + 1);
    for (std::thread& worker : workers_) worker.join();
  }

  /// Runs function(0) .. function(parts - 1). Returns false, having done nothing, if another thread is using the pool.
  bool run(int parts, const PartFunction& function) {
    const std::unique_lock lock(busy_, std::try_to_lock);
    if (!lock.owns_lock()) return false;
    while (static_cast<int>(workers_.size()) < parts - 1) {
      const int part = static_cast<int>(workers_.size()) + 1;
      workers_.emplace_back([this, part, seen = job_.load()] { work(part, seen); });
    }
    function_ = &function;
    start(parts);
    function(0);
    for (std::uint32_t left = unfinished_.load(std::memory_order_acquire); left != 0;)
      left = wait_for_change(unfinished_, left);
    return true;
  }

 private:
  // The number of parts travels in the word that workers wait on: a worker that is late for a job it has no part in
  // must not mix that job's number with the next one's parts.
  static constexpr int kPartBits = 16;

  void start(int parts) {
    unfinished_.store(static_cast<std::uint32_t>(parts - 1), std::memory_order_relaxed);
    const std::uint64_t number = (job_.load(std::memory_order_relaxed) >> kPartBits) + 1;
    job_.store(number << kPartBits | static_cast<std::uint64_t>(parts), std::memory_order_release);
    job_.notify_all();
  }

  void work(int part, std::uint64_t seen) {
    for (;;) {
      seen = wait_for_change(job_, seen);
      if (part >= static_cast<int>(seen & ((1U << kPartBits) - 1))) continue;
      if (function_ == nullptr) return;
      (*function_)(part);
      if (unfinished_.fetch_sub(1, std::memory_order_acq_rel) == 1) unfinished_.notify_one();
    }
  }

  std::mutex busy_;
  std::vector<std::thread> workers_;
  const PartFunction* function_ = nullptr;
  std::atomic<std::uint32_t> unfinished_ = 0;
  std::atomic<std::uint64_t> job_ = 0;
};

Pool& pool() {
  static Pool instance;
  return instance;
}

thread_local bool inside_part = false;

}  // namespace

int thread_count() { return configured_threads(); }

void set_thread_count(int threads) { configured_threads() = checked_thread_count("threads", threads); }

void parallel_for(std::int64_t n, std::int64_t grain,
                  const std::function<void(std::int64_t, std::int64_t, int)>& body) {
  if (grain < 1) throw UsageError("parallel_for: grain " + std::to_string(grain) + " is below 1");
  if (n <= 0) return;
  const std::int64_t grains = (n - 1) / grain + 1;
  const int parts = static_cast<int>(std::min<std::int64_t>(thread_count(), grains));
  if (parts == 1 || inside_part) {
    body(0, n, 0);
    return;
  }
  std::vector<std::exception_ptr> errors(static_cast<std::size_t>(parts));
  const PartFunction run_part = [&](int part) {
    const std::int64_t begin = grains * part / parts * grain;
    const std::int64_t end = part + 1 == parts ? n : grains * (part + 1) / parts * grain;
    inside_part = true;
    try {
      if (begin < end) body(begin, end, part);
    } catch (...) {
      errors[static_cast<std::size_t>(part)] = std::current_exception();
    }
    inside_part = false;
  };
  if (!pool().run(parts, run_part)) {
    for (int part = 0; part < parts; ++part) run_part(part);
  }
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
}

}  // namespace dyadic
