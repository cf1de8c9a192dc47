#include "http/endpoint.h"

#include <gtest/gtest.h>

#include <set>

namespace dreamdb {
namespace {

using Word = Endpoints::Word;
constexpr uint64_t kSecond = 1'000'000'000;

TEST(Endpoints, RequestsGoWhereTheFewestAreInFlight) {
  Endpoints endpoints(3);
  for (int i = 0; i < 30; ++i) endpoints.pick(0);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(endpoints.in_flight(i), 10u);
  for (int i = 0; i < 6; ++i) endpoints.done(1, Word::kAlive, 1);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(endpoints.pick(2), 1u);
}

TEST(Endpoints, OneAtATimeUsesAllInTurn) {
  Endpoints endpoints(3);
  std::set<size_t> seen;
  for (int i = 0; i < 3; ++i) {
    const size_t picked = endpoints.pick(0);
    seen.insert(picked);
    endpoints.done(picked, Word::kAlive, 0);
  }
  EXPECT_EQ(seen.size(), 3u);
}

TEST(Endpoints, ADeadOneIsLeftOutForATimeThatDoubles) {
  Endpoints endpoints(2);
  uint64_t now = 0, rest = kSecond;
  size_t dead = endpoints.pick(now, 1);
  ASSERT_EQ(dead, 0u);
  endpoints.done(dead, Word::kDead, now);
  for (int round = 0; round < 8; ++round) {
    EXPECT_TRUE(endpoints.is_resting(0, now + rest - 1));
    for (int i = 0; i < 10; ++i) {
      const size_t picked = endpoints.pick(now + rest - 1);
      EXPECT_EQ(picked, 1u);
      endpoints.done(picked, Word::kAlive, now + rest - 1);
    }
    now += rest;
    EXPECT_FALSE(endpoints.is_resting(0, now));
    ASSERT_EQ(endpoints.pick(now, 1), 0u);
    endpoints.done(0, Word::kDead, now);
    rest = std::min(2 * rest, 30 * kSecond);
  }
}

TEST(Endpoints, OneRequestProbesAfterTheRest) {
  Endpoints endpoints(2);
  ASSERT_EQ(endpoints.pick(0, 1), 0u);
  endpoints.done(0, Word::kDead, 0);
  ASSERT_EQ(endpoints.pick(2 * kSecond, 1), 0u);
  // The probe is under way: nobody else goes there, not even those who would avoid the other.
  for (int i = 0; i < 20; ++i) EXPECT_EQ(endpoints.pick(2 * kSecond), 1u);
  EXPECT_EQ(endpoints.pick(2 * kSecond, 1), 1u);
  endpoints.done(0, Word::kAlive, 3 * kSecond);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(endpoints.pick(3 * kSecond), 0u);
}

TEST(Endpoints, ADroppedProbeIsMadeAgain) {
  Endpoints endpoints(2);
  ASSERT_EQ(endpoints.pick(0, 1), 0u);
  endpoints.done(0, Word::kDead, 0);
  ASSERT_EQ(endpoints.pick(2 * kSecond, 1), 0u);
  endpoints.done(0, Word::kNothing, 2 * kSecond);
  EXPECT_EQ(endpoints.pick(2 * kSecond, 1), 0u);
}

TEST(Endpoints, FailuresOfTheSameMomentCountAsOneRest) {
  Endpoints endpoints(2);
  for (int i = 0; i < 10; ++i) ASSERT_EQ(endpoints.pick(0, 1), 0u);
  for (int i = 0; i < 10; ++i) endpoints.done(0, Word::kDead, 5);
  EXPECT_TRUE(endpoints.is_resting(0, 5 + kSecond - 1));
  EXPECT_FALSE(endpoints.is_resting(0, 5 + kSecond));
}

TEST(Endpoints, ThreeFailuresInARowAreADeathAndFewerAreNot) {
  Endpoints endpoints(2);
  for (const Word word :
       {Word::kFailed, Word::kFailed, Word::kAlive, Word::kFailed, Word::kFailed}) {
    ASSERT_EQ(endpoints.pick(0, 1), 0u);
    endpoints.done(0, word, 0);
    EXPECT_FALSE(endpoints.is_resting(0, 0));
  }
  ASSERT_EQ(endpoints.pick(0, 1), 0u);
  endpoints.done(0, Word::kFailed, 0);
  EXPECT_TRUE(endpoints.is_resting(0, 0));
}

TEST(Endpoints, WhenAllAreDeadTheOneThatRestsLeastIsTried) {
  Endpoints endpoints(2);
  ASSERT_EQ(endpoints.pick(0, 1), 0u);
  endpoints.done(0, Word::kDead, 0);
  ASSERT_EQ(endpoints.pick(10), 1u);
  endpoints.done(1, Word::kDead, 10);
  EXPECT_EQ(endpoints.pick(20), 0u);
  Endpoints only(1);
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(only.pick(0, 0), 0u);
    only.done(0, Word::kDead, 0);
  }
}

TEST(Endpoints, AChildBeginsWithNothingInFlight) {
  Endpoints endpoints(2);
  ASSERT_EQ(endpoints.pick(0, 1), 0u);
  endpoints.done(0, Word::kDead, 0);
  ASSERT_EQ(endpoints.pick(2 * kSecond, 1), 0u);
  endpoints.forget_flights();
  EXPECT_EQ(endpoints.in_flight(0), 0u);
  EXPECT_EQ(endpoints.pick(2 * kSecond, 1), 0u);
}

}  // namespace
}  // namespace dreamdb
