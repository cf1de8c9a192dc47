// The pool: every index once, nesting, waiting from inside, and a child after fork().
#include "runtime/thread_pool.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <vector>

#if defined(DREAMDB_SANITIZE_THREAD)
constexpr bool kThreadSanitizer = true;
#else
constexpr bool kThreadSanitizer = false;
#endif

namespace dreamdb {
namespace {

TEST(ThreadPool, RunsEachIndexOnce) {
  for (const size_t threads : {0u, 1u, 3u}) {
    ThreadPool pool(threads);
    for (const size_t count : {0u, 1u, 2u, 3u, 100u, 10'000u}) {
      std::vector<int> calls(count, 0);
      pool.parallel_for(count, [&](size_t index) { ++calls[index]; });
      for (size_t i = 0; i < count; ++i) ASSERT_EQ(calls[i], 1) << i << " of " << count;
    }
  }
}

TEST(ThreadPool, RangesCoverEachIndexOnce) {
  for (const size_t count : {0, 1, 7, 1000})
    for (const uint64_t bytes : {uint64_t{0}, kRangeBytes, 5 * kRangeBytes, 5000 * kRangeBytes}) {
      std::vector<std::atomic<int>> hits(count);
      std::atomic<size_t> calls = 0;
      parallel_ranges(count, bytes, [&](size_t begin, size_t end) {
        ++calls;
        for (size_t i = begin; i < end; ++i) ++hits[i];
      });
      for (const auto& hit : hits) EXPECT_EQ(hit, 1);
      EXPECT_EQ(calls, std::min<size_t>(std::max<size_t>(count, 1),
                                        std::max<uint64_t>(1, bytes / kRangeBytes)));
    }
}

TEST(ThreadPool, UsesSeveralThreads) {
  ThreadPool pool(2);
  std::atomic<int> inside{0};
  // Each call waits for the other: only two threads at once can finish this.
  pool.parallel_for(2, [&](size_t) {
    ++inside;
    while (inside < 2) std::this_thread::yield();
  });
  EXPECT_EQ(inside, 2);
}

TEST(ThreadPool, NestsWithoutDeadlock) {
  ThreadPool pool(2);
  std::atomic<size_t> calls{0};
  pool.parallel_for(8, [&](size_t) {
    pool.parallel_for(8, [&](size_t) { pool.parallel_for(8, [&](size_t) { ++calls; }); });
  });
  EXPECT_EQ(calls, 512u);
}

TEST(ThreadPool, ManyCallersShareIt) {
  ThreadPool pool(2);
  std::atomic<size_t> calls{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&] {
      for (int round = 0; round < 100; ++round) pool.parallel_for(10, [&](size_t) { ++calls; });
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(calls, 8000u);
}

TEST(ThreadPool, SubmittedWorkCanBeWaitedForFromInside) {
  ThreadPool pool(1);
  int result = 0;
  Task outer = pool.submit([&] {
    Task inner = pool.submit([&] { result = 41; });
    inner.wait();  // the only thread of the pool is busy here: the wait itself does the work
    ++result;
  });
  outer.wait();
  EXPECT_TRUE(outer.done());
  EXPECT_EQ(result, 42);
  Task().wait();
}

TEST(ThreadPool, FinishesWhatWasSubmittedBeforeItGoes) {
  std::atomic<int> done{0};
  {
    ThreadPool pool(2);
    for (int i = 0; i < 100; ++i) (void)pool.submit([&] { ++done; });
  }
  EXPECT_EQ(done, 100);
}

TEST(ThreadPool, SharedPoolWorksInAChildAfterFork) {
  if (kThreadSanitizer) GTEST_SKIP() << "the thread sanitizer cannot start threads after a fork";
  std::atomic<size_t> calls{0};
  shared_pool().parallel_for(100, [&](size_t) { ++calls; });
  ASSERT_EQ(calls, 100u);
  std::atomic<bool> stop{false};
  std::thread busy([&] {
    while (!stop) shared_pool().parallel_for(4, [](size_t) {});
  });
  for (int i = 0; i < 20; ++i) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      alarm(20);
      std::atomic<size_t> mine{0};
      shared_pool().parallel_for(1000, [&](size_t) { ++mine; });
      Task task = shared_pool().submit([&] { ++mine; });
      task.wait();
      _exit(mine == 1001 ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0) << "round " << i;
  }
  stop = true;
  busy.join();
}

}  // namespace
}  // namespace dreamdb
