#include "http/hedge.h"

#include <gtest/gtest.h>

namespace dreamdb {
namespace {

constexpr uint64_t kMs = 1'000'000;

TEST(Hedges, AtMostOneRequestInTwenty) {
  Hedges hedges;
  int taken = 0;
  for (int i = 1; i <= 1'000; ++i) {
    EXPECT_EQ(hedges.take(), false) << "before the requests that pay for it: " << i;
    for (int k = 0; k < 20; ++k) hedges.began();
    taken += hedges.take();
  }
  EXPECT_EQ(taken, 1'000);
}

TEST(Hedges, ALongCalmPaysForFewAtOnce) {
  Hedges hedges;
  for (int i = 0; i < 100'000; ++i) hedges.began();
  int taken = 0;
  while (hedges.take()) ++taken;
  EXPECT_EQ(taken, 8);
}

TEST(Hedges, NothingIsLateBeforeItsLikeAreKnown) {
  Hedges hedges;
  for (int i = 0; i < 15; ++i) hedges.took(1'000, 100 * kMs);
  EXPECT_EQ(hedges.patience_ns(1'000), std::nullopt);
  hedges.took(1'000, 100 * kMs);
  EXPECT_EQ(hedges.patience_ns(1'000), 300 * kMs);
  EXPECT_EQ(hedges.patience_ns(8 << 20), std::nullopt);
}

TEST(Hedges, FastOnesHaveFiftyMilliseconds) {
  Hedges hedges;
  for (int i = 0; i < 64; ++i) hedges.took(1'000, kMs);
  EXPECT_EQ(hedges.patience_ns(1'000), 50 * kMs);
}

TEST(Hedges, TheSlowestFivePercentDoNotCount) {
  Hedges hedges;
  for (int i = 0; i < 128; ++i) hedges.took(1'000, i % 32 == 0 ? 5'000 * kMs : 40 * kMs);
  EXPECT_EQ(hedges.patience_ns(1'000), 120 * kMs);
}

TEST(Hedges, WhatWasLongAgoIsForgotten) {
  Hedges hedges;
  for (int i = 0; i < 128; ++i) hedges.took(1'000, 1'000 * kMs);
  for (int i = 0; i < 128; ++i) hedges.took(1'000, 30 * kMs);
  EXPECT_EQ(hedges.patience_ns(1'000), 90 * kMs);
  // Of any duration and any size.
  for (int i = 0; i < 128; ++i) hedges.took(UINT64_MAX, UINT64_MAX);
  EXPECT_GT(hedges.patience_ns(UINT64_MAX), 0u);
  hedges.took(0, 0);
}

}  // namespace
}  // namespace dreamdb
