#include "runtime/interrupt.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "runtime/runtime.h"

namespace dreamdb {
namespace {

TEST(Interrupt, WithoutAScopeEverythingGoesOn) { EXPECT_TRUE(check_interrupt().has_value()); }

TEST(Interrupt, TheInnermostScopeDecides) {
  bool stop = false;
  InterruptScope outer([] { return true; });
  {
    InterruptScope inner([&] { return stop; });
    EXPECT_TRUE(check_interrupt().has_value());
    stop = true;
    Status status = check_interrupt();
    ASSERT_FALSE(status.has_value());
    EXPECT_EQ(status.error().code, Code::kCancelled);
  }
  EXPECT_FALSE(check_interrupt().has_value());
}

TEST(Interrupt, OtherThreadsAreNotAsked) {
  InterruptScope scope([] { return true; });
  bool went_on = false;
  std::thread([&] { went_on = check_interrupt().has_value(); }).join();
  EXPECT_TRUE(went_on);
}

TEST(Interrupt, AJointScopeAsksTheOneAroundToo) {
  bool outer_stops = false, inner_stops = false;
  const InterruptScope outer([&] { return outer_stops; });
  const JointScope inner([&] { return inner_stops; });
  EXPECT_TRUE(check_interrupt().has_value());
  inner_stops = true;
  EXPECT_FALSE(check_interrupt().has_value());
  inner_stops = false;
  outer_stops = true;
  EXPECT_FALSE(check_interrupt().has_value());
}

TEST(Interrupt, WhatIsToBeFinishedGoesOnAndTheCallerIsToldOnce) {
  bool stop = false;
  int told = 0;
  const InterruptScope outer([&] { return stop; }, [&] { ++told; });
  {
    const FinishScope finish;
    EXPECT_TRUE(check_interrupt().has_value());
    EXPECT_EQ(told, 0);
    stop = true;
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(check_interrupt().has_value());
    EXPECT_EQ(told, 1);
  }
  EXPECT_FALSE(check_interrupt().has_value());
  const FinishScope none_around;
  EXPECT_TRUE(check_interrupt().has_value());
}

// Each call waits until it is stopped, whichever thread it is on.
TEST(Interrupt, ALoopOverThreadsStopsWithItsCaller) {
  for (const size_t threads : {0, 3}) {
    ThreadPool pool(threads);
    std::atomic<int> begun = 0, stopped = 0;
    const InterruptScope scope([&] { return threads == 0 || begun == 4; });
    interruptible_for(pool, 4, [&](size_t) {
      ++begun;
      while (check_interrupt()) real_runtime().sleep_ns(1'000'000);
      ++stopped;
    });
    EXPECT_EQ(stopped, 4);
  }
  ThreadPool pool(2);
  std::atomic<size_t> sum = 0;
  interruptible_for(pool, 10, [&](size_t i) { sum += i; });
  interruptible_for(pool, 0, [&](size_t) { sum += 100; });
  EXPECT_EQ(sum, 45u);
}

}  // namespace
}  // namespace dreamdb
