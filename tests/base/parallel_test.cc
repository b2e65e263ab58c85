#include "dyadic/base/parallel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <vector>

#include "dyadic/base/error.h"

namespace dyadic {
namespace {

/// Sets the number of threads for one test.
class WithThreads {
 public:
  explicit WithThreads(int threads) : before_(thread_count()) { set_thread_count(threads); }
  ~WithThreads() { set_thread_count(before_); }

 private:
  int before_;
};

struct Part {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  int calls = 0;
};

TEST(ParallelFor, PartsCoverTheRangeOnceInMultiplesOfTheGrain) {
  for (const int threads : {1, 2, 3, 7, 16}) {
    const WithThreads with(threads);
    for (const std::int64_t n : {1, 2, 15, 16, 17, 100, 1023, 4096}) {
      for (const std::int64_t grain : {1, 3, 16, 64, 5000}) {
        std::vector<Part> parts(static_cast<std::size_t>(threads));
        parallel_for(n, grain, [&](std::int64_t begin, std::int64_t end, int part) {
          Part& mine = parts.at(static_cast<std::size_t>(part));
          mine = {begin, end, mine.calls + 1};
        });
        std::int64_t next = 0;
        for (const Part& part : parts) {
          if (part.calls == 0) continue;
          EXPECT_EQ(part.calls, 1);
          EXPECT_EQ(part.begin, next);
          EXPECT_LT(part.begin, part.end);
          EXPECT_EQ(part.begin % grain, 0);
          next = part.end;
        }
        EXPECT_EQ(next, n) << threads << " threads, grain " << grain;
      }
    }
  }
}

TEST(ParallelFor, PartsAreEvenToOneGrain) {
  const WithThreads with(3);
  std::vector<std::int64_t> lengths(3);
  parallel_for(1000, 10, [&](std::int64_t begin, std::int64_t end, int part) {
    lengths[static_cast<std::size_t>(part)] = end - begin;
  });
  EXPECT_THAT(lengths, testing::Each(testing::AllOf(testing::Ge(330), testing::Le(340))));
}

TEST(ParallelFor, DoesNothingForAnEmptyRange) {
  int calls = 0;
  parallel_for(0, 8, [&](std::int64_t, std::int64_t, int) { ++calls; });
  parallel_for(-5, 8, [&](std::int64_t, std::int64_t, int) { ++calls; });
  EXPECT_EQ(calls, 0);
}

TEST(ParallelFor, RethrowsTheLowestPartsException) {
  const WithThreads with(4);
  std::atomic<int> finished{0};
  try {
    parallel_for(4, 1, [&](std::int64_t, std::int64_t, int part) {
      if (part == 1) throw std::runtime_error("part 1");
      if (part == 3) throw std::runtime_error("part 3");
      ++finished;
    });
    ADD_FAILURE() << "nothing was thrown";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "part 1");
  }
  EXPECT_EQ(finished, 2) << "the other parts finish";
}

TEST(ParallelFor, CallsInsideAPartRunSerially) {
  const WithThreads with(4);
  std::atomic<int> inner_calls{0};
  std::atomic<std::int64_t> covered{0};
  parallel_for(4, 1, [&](std::int64_t, std::int64_t, int) {
    parallel_for(100, 1, [&](std::int64_t begin, std::int64_t end, int part) {
      EXPECT_EQ(part, 0);
      ++inner_calls;
      covered += end - begin;
    });
  });
  EXPECT_EQ(inner_calls, 4);
  EXPECT_EQ(covered, 400);
}

TEST(ParallelFor, RefusesAGrainBelowOne) {
  EXPECT_THROW(parallel_for(10, 0, [](std::int64_t, std::int64_t, int) {}), UsageError);
}

TEST(ThreadCount, RefusesWhatIsOutside1To1024) {
  const int before = thread_count();
  for (const int threads : {0, -1, 1025}) EXPECT_THROW(set_thread_count(threads), UsageError);
  EXPECT_EQ(thread_count(), before);
  const WithThreads with(1024);
  EXPECT_EQ(thread_count(), 1024);
}

}  // namespace
}  // namespace dyadic
