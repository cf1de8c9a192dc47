// What ticks, when it ends, and in a child.
#include "runtime/ticker.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace dreamdb {
namespace {

void wait_for(const std::atomic<int>& count, int wanted) {
  for (int i = 0; i < 1'000 && count < wanted; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

TEST(Ticker, TicksUntilItIsDestroyed) {
  std::atomic<int> one{0}, other{0};
  auto first = start_ticking([&] { ++one; });
  const auto second = start_ticking([&] { ++other; });
  wait_for(one, 1);
  EXPECT_GE(one, 1);
  first.reset();
  const int then = one;
  wait_for(other, other + 2);
  EXPECT_EQ(one, then);
  EXPECT_GE(other, 2);
}

TEST(Ticker, DestroyingWaitsForACallUnderWay) {
  std::atomic<int> begun{0};
  std::atomic<bool> ended{false};
  auto ticking = start_ticking([&] {
    ++begun;
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    ended = true;
  });
  wait_for(begun, 1);
  ticking.reset();
  EXPECT_TRUE(ended);
}

TEST(Ticker, ShortOnesDoNotTick) {
  std::atomic<int> count{0};
  for (int i = 0; i < 10'000; ++i) start_ticking([&] { ++count; });
  EXPECT_LE(count, 2);
}

TEST(Ticker, AChildHasItsOwn) {
#if defined(DREAMDB_SANITIZE_THREAD)
  GTEST_SKIP() << "the thread sanitizer cannot start threads after a fork";
#endif
  std::atomic<int> count{0};
  auto parents = start_ticking([&] { ++count; });
  const pid_t child = fork();
  if (child == 0) {
    alarm(30);
    parents.reset();
    std::atomic<int> own{0};
    const auto ticking = start_ticking([&] { ++own; });
    wait_for(own, 1);
    _exit(own >= 1 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  wait_for(count, 1);
  EXPECT_GE(count, 1);
}

}  // namespace
}  // namespace dreamdb
