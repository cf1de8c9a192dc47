#include "http/skew.h"

#include <gtest/gtest.h>

#include "http/http_date.h"

namespace dreamdb {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr uint64_t kNow = 1'767'323'045ull * 1'000'000'000;  // Fri, 02 Jan 2026 03:04:05 GMT

HttpReply reply(int status, std::map<std::string, std::string> headers) {
  HttpReply made;
  made.status = status;
  made.headers = std::move(headers);
  return made;
}

TEST(HttpDate, TheThreeFormsOfTheStandard) {
  EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), std::nullopt);  // before any of us
  EXPECT_EQ(parse_http_date("Fri, 02 Jan 2026 03:04:05 GMT"), 1'767'323'045);
  EXPECT_EQ(parse_http_date("Friday, 02-Jan-26 03:04:05 GMT"), 1'767'323'045);
  EXPECT_EQ(parse_http_date("Fri Jan  2 03:04:05 2026"), 1'767'323'045);
}

TEST(HttpDate, WhatIsNone) {
  for (const char* text : {"", "soon", "Fri, 99 Jan 2026 03:04:05 GMT", "-1",
                           "Fri, 02 Jan 9999 03:04:05 GMT", "Thu, 01 Jan 1970 00:00:00 GMT"})
    EXPECT_EQ(parse_http_date(text), std::nullopt) << text;
  EXPECT_EQ(parse_http_date(std::string(100'000, '1')), std::nullopt);
}

TEST(Skew, AClockThatIsOffIsToldAndHalfAMinuteIsNot) {
  const auto told = [](const char* date) {
    return skew_of("GET", reply(200, {{"date", date}}), kNow);
  };
  EXPECT_EQ(told("Fri, 02 Jan 2026 05:04:05 GMT"), 7'200 * kSecond);
  EXPECT_EQ(told("Fri, 02 Jan 2026 02:04:05 GMT"), -3'600 * kSecond);
  EXPECT_EQ(told("Fri, 02 Jan 2026 03:04:35 GMT"), 0);
  EXPECT_EQ(told("Fri, 02 Jan 2026 03:03:35 GMT"), 0);
  EXPECT_EQ(told("Fri, 02 Jan 2026 03:04:36 GMT"), 31 * kSecond);
  EXPECT_EQ(told("yesterday"), std::nullopt);
  EXPECT_EQ(skew_of("GET", reply(200, {}), kNow), std::nullopt);
}

TEST(Skew, AReplyThatACacheKeptTellsNothing) {
  const std::string date = "Fri, 02 Jan 2026 01:04:05 GMT";
  const std::vector<std::pair<std::string, std::string>> signs = {
      {"age", "7200"},
      {"age", "0"},
      {"x-cache", "HIT from cache.example"},
      {"x-cache", "TCP_hit"},
      {"x-cache-status", "HIT"},
      {"cf-cache-status", "HIT"},
      {"via", "1.1 varnish"}};
  for (const auto& [name, value] : signs) {
    EXPECT_EQ(skew_of("GET", reply(200, {{"date", date}, {name, value}}), kNow), std::nullopt)
        << name << ": " << value;
  }
  EXPECT_EQ(skew_of("GET", reply(200, {{"date", date}, {"x-cache", "MISS"}}), kNow),
            -7'200 * kSecond);
}

TEST(Skew, BehindAProxyWhatNoCacheKeepsStillTells) {
  const HttpReply refused =
      reply(403, {{"date", "Fri, 02 Jan 2026 01:04:05 GMT"}, {"via", "1.1 proxy"}});
  EXPECT_EQ(skew_of("GET", refused, kNow), -7'200 * kSecond);
  HttpReply written = refused;
  written.status = 200;
  EXPECT_EQ(skew_of("PUT", written, kNow), -7'200 * kSecond);
  EXPECT_EQ(skew_of("GET", written, kNow), std::nullopt);
}

}  // namespace
}  // namespace dreamdb
