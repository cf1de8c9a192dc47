#include "http/limit.h"

#include <gtest/gtest.h>

#include <vector>

namespace dreamdb {
namespace {

using Word = Limit::Word;

constexpr int kNames[4] = {};
Limit::Caller caller(int i) { return &kNames[i]; }

// Fills the limit, then lets all that is in flight end well.
void round_trip(Limit& limit, uint64_t began_ns, uint64_t now_ns) {
  limit.take(caller(0), 1'000);
  limit.leave(caller(0));
  for (uint32_t left = limit.in_flight(); left > 0; --left) {
    limit.give_back(Word::kGood, began_ns, now_ns);
    // The place is used again at once, as a long batch does, so that the limit stays reached.
    if (left > 1) limit.take(caller(0), limit.value() - limit.in_flight());
    limit.leave(caller(0));
  }
}

TEST(Limit, StartsAtFirstAndNeverLetsMoreIn) {
  Limit limit(16, 128);
  EXPECT_EQ(limit.take(caller(0), 1'000), 16u);
  EXPECT_EQ(limit.take(caller(0), 1'000), 0u);
  limit.give_back(Word::kNothing, 0, 1);
  EXPECT_EQ(limit.take(caller(0), 1'000), 1u);
  EXPECT_EQ(limit.in_flight(), 16u);
}

TEST(Limit, DoublesInARoundTripUntilTheFirstComplaint) {
  Limit limit(4, 16);
  round_trip(limit, 0, 1);
  EXPECT_EQ(limit.value(), 8u);
  for (int i = 0; i < 8; ++i) round_trip(limit, 0, 1);
  EXPECT_EQ(limit.value(), 16u);
}

TEST(Limit, GrowsByOneForALimitsWorthAfterAComplaint) {
  Limit limit(8, 128);
  ASSERT_EQ(limit.take(caller(0), 8), 8u);
  limit.give_back(Word::kComplaint, 10, 20);
  EXPECT_EQ(limit.value(), 4u);
  for (int i = 0; i < 7; ++i) limit.give_back(Word::kNothing, 10, 21);
  ASSERT_EQ(limit.in_flight(), 0u);
  ASSERT_EQ(limit.take(caller(0), 4), 4u);
  for (int i = 0; i < 3; ++i) {
    limit.give_back(Word::kGood, 30, 40);
    ASSERT_EQ(limit.take(caller(0), 1), 1u);
    EXPECT_EQ(limit.value(), 4u);
  }
  limit.give_back(Word::kGood, 30, 40);
  EXPECT_EQ(limit.value(), 5u);
}

TEST(Limit, IsHalvedOnceForAllThatFlewTogether) {
  Limit limit(64, 128);
  ASSERT_EQ(limit.take(caller(0), 64), 64u);
  for (int i = 0; i < 64; ++i) limit.give_back(Word::kComplaint, 100, 200);
  EXPECT_EQ(limit.value(), 32u);
  limit.take(caller(0), 1);
  limit.give_back(Word::kComplaint, 200, 300);
  EXPECT_EQ(limit.value(), 16u);
  for (int i = 0; i < 20; ++i) {
    limit.take(caller(0), 1);
    limit.give_back(Word::kComplaint, 400 + 100u * i, 500 + 100u * i);
  }
  EXPECT_EQ(limit.value(), 1u);
  EXPECT_EQ(limit.take(caller(0), 5), 1u);
}

TEST(Limit, OneAtATimeTeachesNothing) {
  Limit limit(16, 128);
  for (int i = 0; i < 1'000; ++i) {
    ASSERT_EQ(limit.take(caller(0), 1), 1u);
    limit.give_back(Word::kGood, 0, 1);
  }
  EXPECT_EQ(limit.value(), 16u);
}

TEST(Limit, WhoWaitsIsServedBeforeWhoHas) {
  Limit limit(4, 4);
  ASSERT_EQ(limit.take(caller(0), 100), 4u);
  ASSERT_EQ(limit.take(caller(1), 2), 0u);
  ASSERT_EQ(limit.callers_due(), 0u);
  // The first place goes to the first in the queue: caller 0, who has not got all; then to 1.
  limit.give_back(Word::kGood, 0, 1);
  ASSERT_EQ(limit.callers_due(), 1u);
  EXPECT_EQ(limit.caller_at(0), caller(0));
  EXPECT_EQ(limit.take(caller(1), 2), 0u);
  EXPECT_EQ(limit.take(caller(0), 96), 1u);
  limit.give_back(Word::kGood, 0, 1);
  EXPECT_EQ(limit.take(caller(0), 95), 0u);
  EXPECT_EQ(limit.take(caller(1), 2), 1u);
  limit.give_back(Word::kGood, 0, 1);
  limit.give_back(Word::kGood, 0, 1);
  // Two places: each gets one.
  EXPECT_EQ(limit.callers_due(), 2u);
  EXPECT_EQ(limit.take(caller(1), 1), 1u);
  EXPECT_EQ(limit.take(caller(0), 95), 1u);
}

TEST(Limit, ManyCallersShareEvenly) {
  Limit limit(4, 4);
  std::vector<int> got(3);
  std::deque<int> flying;
  for (int step = 0; step < 3'000; ++step) {
    for (int i = 0; i < 3; ++i) {
      for (uint32_t given = limit.take(caller(i), 50); given > 0; --given) {
        ++got[i];
        flying.push_back(i);
      }
    }
    limit.give_back(Word::kGood, 0, 1);
    flying.pop_front();
  }
  for (const int count : got) EXPECT_NEAR(count, 1'000, 5);
}

TEST(Limit, WhoLeavesHoldsNobodyUp) {
  Limit limit(1, 1);
  ASSERT_EQ(limit.take(caller(0), 1), 1u);
  ASSERT_EQ(limit.take(caller(1), 1), 0u);
  ASSERT_EQ(limit.take(caller(2), 1), 0u);
  limit.leave(caller(1));
  limit.give_back(Word::kGood, 0, 1);
  ASSERT_EQ(limit.callers_due(), 1u);
  EXPECT_EQ(limit.caller_at(0), caller(2));
  EXPECT_EQ(limit.take(caller(2), 1), 1u);
  EXPECT_EQ(limit.callers_due(), 0u);
}

TEST(Limit, HedgesTakeOnlyWhatNobodyWaitsFor) {
  Limit limit(2, 2);
  EXPECT_TRUE(limit.take_spare());
  ASSERT_EQ(limit.take(caller(0), 2), 1u);
  limit.give_back(Word::kNothing, 0, 1);
  EXPECT_FALSE(limit.take_spare());
  EXPECT_EQ(limit.take(caller(0), 1), 1u);
  EXPECT_FALSE(limit.take_spare());
}

TEST(Limit, AChildBeginsWithNothingInFlight) {
  Limit limit(2, 2);
  ASSERT_EQ(limit.take(caller(0), 3), 2u);
  limit.forget_flights();
  EXPECT_EQ(limit.in_flight(), 0u);
  EXPECT_EQ(limit.callers_due(), 0u);
  EXPECT_EQ(limit.take(caller(1), 2), 2u);
}

}  // namespace
}  // namespace dreamdb
