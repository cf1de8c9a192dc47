#include "runtime/quiet.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime/runtime.h"

namespace dreamdb {
namespace {

bool sleeps_within(uint64_t limit_ns) {
  const uint64_t begin_ns = real_runtime().monotonic_ns();
  while (!other_threads_sleep()) {
    if (real_runtime().monotonic_ns() - begin_ns > limit_ns) return false;
    real_runtime().sleep_ns(100'000);
  }
  return true;
}

TEST(Quiet, TellsWhoWaitsFromWhoWorks) {
  std::mutex mutex;
  std::condition_variable wake;
  bool go = false;
  std::thread waiting([&] {
    std::unique_lock lock(mutex);
    wake.wait(lock, [&] { return go; });
  });
  EXPECT_TRUE(sleeps_within(20'000'000'000));
  std::atomic<bool> stop{false};
  std::atomic<bool> begun{false};
  std::thread working([&] {
    begun = true;
    while (!stop) {
    }
  });
  while (!begun) real_runtime().sleep_ns(100'000);
  for (int i = 0; i < 200; ++i) ASSERT_FALSE(other_threads_sleep());
  stop = true;
  working.join();
  EXPECT_TRUE(sleeps_within(20'000'000'000));
  {
    const std::lock_guard lock(mutex);
    go = true;
  }
  wake.notify_one();
  waiting.join();
}

// One token goes round a ring of threads: at no moment do all sleep, although at nearly every
// moment each but one does.
TEST(Quiet, NeverBelievesThatATokenIsLost) {
  constexpr size_t kThreads = 6;
  std::array<std::atomic<uint32_t>, kThreads> has{};
  std::atomic<bool> stop{false};
  std::vector<std::thread> ring;
  for (size_t i = 0; i < kThreads; ++i)
    ring.emplace_back([&, i] {
      while (true) {
        has[i].wait(0);
        has[i] = 0;
        const bool last = stop;
        std::atomic<uint32_t>& next = has[(i + 1) % kThreads];
        next = 1;
        next.notify_one();
        if (last) return;
      }
    });
  has[0] = 1;
  has[0].notify_one();
  for (int i = 0; i < 2000; ++i) ASSERT_FALSE(other_threads_sleep());
  stop = true;
  for (std::thread& thread : ring) thread.join();
}

}  // namespace
}  // namespace dreamdb
