#include "cli/prices.h"

#include <gtest/gtest.h>

namespace dreamdb::cli {
namespace {

constexpr const char* kGood =
    R"({"note": "x", "currency": "EUR", "per_1000_requests": {"get": 1, "put": 10, "swap": 20,
        "list": 5, "delete": 0.5}, "per_gb": {"out": 100, "in": 2}})";

TEST(Prices, OfWhatWasAsked) {
  const auto prices = parse_prices(kGood, "p.json");
  ASSERT_TRUE(prices) << prices.error().message;
  EXPECT_EQ(prices->currency, "EUR");
  StoreStats stats;
  stats.gets = 1'000;
  stats.loads = 2'000;
  stats.puts = 100;
  stats.swaps = 50;
  stats.lists = 200;
  stats.deletes = 2'000;
  stats.bytes_read = 20'000'000;
  stats.bytes_written = 500'000'000;
  const Money money = money_of(stats, *prices);
  EXPECT_DOUBLE_EQ(money.requests, 3 + 1 + 1 + 1 + 1);
  EXPECT_DOUBLE_EQ(money.bytes, 2 + 1);
  EXPECT_DOUBLE_EQ(money.sum(), 10);
}

TEST(Prices, OfWhatWasSentWhereSomethingIs) {
  StoreStats stats;
  stats.is_remote = true;
  stats.gets = 1'000'000;  // as ranges; they came with 1,000 requests
  stats.sent_gets = 1'000;
  stats.sent_swaps = 50;
  stats.bytes_received = 10'000'000;
  const Money money = money_of(stats, *parse_prices(kGood, "p.json"));
  EXPECT_DOUBLE_EQ(money.requests, 2);
  EXPECT_DOUBLE_EQ(money.bytes, 1);
}

TEST(Prices, WhatIsLeftOutCostsNothing) {
  const auto prices = parse_prices(R"({"currency": "USD"})", "p.json");
  StoreStats stats;
  stats.gets = 1'000'000;
  EXPECT_EQ(money_of(stats, *prices).sum(), 0);
}

TEST(Prices, ErrorsNameTheFileAndTheKey) {
  const std::pair<const char*, const char*> bad[] = {
      {"", "p.json"},
      {"[]", "no object"},
      {"{}", "currency"},
      {R"({"currency": 5})", "currency"},
      {R"({"currency": "USD", "per_1000_requests": {"gets": 1}})", "per_1000_requests.gets"},
      {R"({"currency": "USD", "per_1000_requests": {"get": "1"}})", "per_1000_requests.get"},
      {R"({"currency": "USD", "per_1000_requests": {"get": -1}})", "per_1000_requests.get"},
      {R"({"currency": "USD", "per_gb": 3})", "per_gb"},
      {R"({"currency": "USD", "per_tb": {}})", "per_tb"}};
  for (const auto& [text, part] : bad) {
    const auto prices = parse_prices(text, "p.json");
    ASSERT_FALSE(prices) << text;
    EXPECT_EQ(prices.error().code, Code::kInvalidArgument);
    EXPECT_NE(prices.error().message.find("p.json"), std::string::npos) << text;
    EXPECT_NE(prices.error().message.find(part), std::string::npos) << prices.error().message;
  }
}

TEST(Prices, AmountsHaveTheDigitsThatMatter) {
  EXPECT_EQ(amount_text(0), "0");
  EXPECT_EQ(amount_text(12), "12");
  EXPECT_EQ(amount_text(1.23456), "1.2346");
  EXPECT_EQ(amount_text(0.0000004), "0.0000004");
}

}  // namespace
}  // namespace dreamdb::cli
