// What bytes pay for, on a clock of the test's own.
#include "http/pace.h"

#include <gtest/gtest.h>

namespace dreamdb {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;

TEST(Pace, BytesPayForTheTimeThatPassed) {
  Pace pace(5 * kSecondNs);
  EXPECT_EQ(pace.unpaid_ns(5 * kSecondNs), 0u);
  EXPECT_EQ(pace.unpaid_ns(8 * kSecondNs), 3 * kSecondNs);
  EXPECT_EQ(pace.pay(8 * kSecondNs, kPaceBytesPerSecond), kSecondNs);
  EXPECT_EQ(pace.unpaid_ns(8 * kSecondNs), 2 * kSecondNs);
  EXPECT_EQ(pace.pay(8 * kSecondNs, 0), 0u);
  EXPECT_EQ(pace.pay(9 * kSecondNs, 3 * kPaceBytesPerSecond), 3 * kSecondNs);
  EXPECT_EQ(pace.unpaid_ns(9 * kSecondNs), 0u);
}

TEST(Pace, NothingIsPaidInAdvance) {
  Pace pace(0);
  EXPECT_EQ(pace.pay(kSecondNs, UINT64_MAX), kSecondNs);
  EXPECT_EQ(pace.unpaid_ns(61 * kSecondNs), 60 * kSecondNs);
  EXPECT_EQ(pace.unpaid_ns(0), 0u);
}

TEST(Pace, AByteNowAndThenPaysForNextToNothing) {
  Pace pace(0);
  uint64_t paid_ns = 0;
  for (uint64_t second = 1; second <= 60; ++second) paid_ns += pace.pay(second * kSecondNs, 5);
  EXPECT_LT(paid_ns, kSecondNs / 10);
}

TEST(Pace, ALinkThatMovesInBurstsPaysForThePauses) {
  Pace pace(0);
  for (uint64_t second = 5; second <= 600; second += 5) {
    EXPECT_EQ(pace.pay(second * kSecondNs, 100'000), 5 * kSecondNs);
  }
}

}  // namespace
}  // namespace dreamdb
