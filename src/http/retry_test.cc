#include "http/retry.h"

#include <gtest/gtest.h>

namespace dreamdb {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kNow = 1'767'323'045ull * kSecond;  // Fri, 02 Jan 2026 03:04:05 GMT

HttpReply replied(int status) {
  HttpReply reply;
  reply.status = status;
  return reply;
}

HttpReply failed(HttpFailure failure) {
  HttpReply reply;
  reply.failure = failure;
  return reply;
}

TEST(Retry, RetryAfterIsSecondsOrADate) {
  EXPECT_EQ(parse_retry_after("0", kNow), 0u);
  EXPECT_EQ(parse_retry_after("120", kNow), 120 * kSecond);
  EXPECT_EQ(parse_retry_after("Fri, 02 Jan 2026 03:04:15 GMT", kNow), 10 * kSecond);
  EXPECT_EQ(parse_retry_after("Fri, 02 Jan 2026 03:04:00 GMT", kNow), 0u);
  // The longest that is believed.
  for (const char* text :
       {"86400", "99999999", "99999999999999999999999999", "Fri, 09 Jan 2026 03:04:15 GMT"})
    EXPECT_EQ(parse_retry_after(text, kNow), 86'400 * kSecond) << text;
  for (const char* text : {"", "-1", "1.5", "12 s", "soon", " "})
    EXPECT_EQ(parse_retry_after(text, kNow), std::nullopt) << text;
}

TEST(Retry, WhatMayPass) {
  for (const int status : {408, 429, 500, 502, 503, 504, 520})
    EXPECT_TRUE(may_pass(replied(status))) << status;
  for (const int status : {200, 206, 301, 304, 400, 403, 404, 409, 412, 416, 501, 505})
    EXPECT_FALSE(may_pass(replied(status))) << status;
  for (const HttpFailure failure :
       {HttpFailure::kNotSent, HttpFailure::kCut, HttpFailure::kTimeout})
    EXPECT_TRUE(may_pass(failed(failure)));
  EXPECT_FALSE(may_pass(failed(HttpFailure::kRefused)));
}

TEST(Retry, AConditionalWriteIsRepeatedOnlyWhenItWasNotSent) {
  EXPECT_TRUE(may_repeat(failed(HttpFailure::kNotSent), Repeat::kNever));
  for (const HttpFailure failure : {HttpFailure::kCut, HttpFailure::kTimeout, HttpFailure::kNone}) {
    EXPECT_FALSE(may_repeat(failed(failure), Repeat::kNever));
    EXPECT_TRUE(may_repeat(failed(failure), Repeat::kIdempotent));
  }
  EXPECT_FALSE(may_repeat(replied(503), Repeat::kNever));
}

TEST(Retry, PausesAreAnythingUpToABoundThatDoubles) {
  uint64_t bound = 40'000'000;
  for (uint32_t failures = 1; failures < 50; ++failures) {
    EXPECT_EQ(retry_pause_ns(failures, 0, {}), 0u);
    const uint64_t most = retry_pause_ns(failures, UINT32_MAX, {});
    EXPECT_LE(most, bound);
    EXPECT_GE(most, bound - bound / 1'000);
    EXPECT_NEAR(double(retry_pause_ns(failures, 1u << 31, {})), double(bound) / 2,
                double(bound) / 100);
    bound = std::min(2 * bound, 4 * kSecond);
  }
  EXPECT_EQ(retry_pause_ns(1, 0, 7 * kSecond), 7 * kSecond);
  EXPECT_GT(retry_pause_ns(1, UINT32_MAX, 7 * kSecond), 7 * kSecond);
  EXPECT_LE(retry_pause_ns(1, UINT32_MAX, 7 * kSecond), 7 * kSecond + 40'000'000);
}

TEST(Retry, NobodyThereIsToldSoon) {
  EXPECT_EQ(budget_of(HttpFailure::kNotSent, 60 * kSecond), 10 * kSecond);
  EXPECT_EQ(budget_of(HttpFailure::kNotSent, 2 * kSecond), 2 * kSecond);
  EXPECT_EQ(budget_of(HttpFailure::kCut, 60 * kSecond), 60 * kSecond);
}

}  // namespace
}  // namespace dreamdb
