#include "dreamdb/interrupt.h"

#include <gtest/gtest.h>

#include <thread>

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

}  // namespace
}  // namespace dreamdb
