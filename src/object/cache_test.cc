// The cache stays within its bytes and keeps what was used last.
#include "object/cache.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <thread>
#include <vector>

namespace dreamdb {
namespace {

CacheKey key_of(uint64_t n, Part part = Part::kPage) {
  CacheKey key;
  key.part = part;
  key.offset = n;
  return key;
}

void put(Cache& cache, uint64_t n, uint64_t size_bytes) {
  cache.add<uint64_t>(key_of(n), std::make_shared<const uint64_t>(n), size_bytes);
}

TEST(Cache, TheLeastRecentlyUsedGoesFirst) {
  Cache cache(100'000);
  for (uint64_t n = 0; n < 9; ++n) put(cache, n, 10'000);
  ASSERT_NE(cache.find<uint64_t>(key_of(0)), nullptr);  // used again: 1 is the oldest now
  put(cache, 9, 10'000);
  EXPECT_EQ(cache.find<uint64_t>(key_of(1)), nullptr);
  EXPECT_EQ(*cache.find<uint64_t>(key_of(0)), 0u);
  EXPECT_EQ(*cache.find<uint64_t>(key_of(9)), 9u);
}

TEST(Cache, WhatIsDroppedMakesRoom) {
  Cache cache(100'000);
  for (uint64_t n = 0; n < 9; ++n) put(cache, n, 10'000);
  const uint64_t full = cache.size_bytes();
  EXPECT_TRUE(cache.has(key_of(8)));
  EXPECT_FALSE(cache.has(key_of(9)));
  cache.drop(key_of(8));
  cache.drop(key_of(9));  // nothing
  EXPECT_FALSE(cache.has(key_of(8)));
  EXPECT_EQ(cache.size_bytes(), full / 9 * 8);
  put(cache, 10, 10'000);
  for (const uint64_t n : {0, 1, 2, 3, 4, 5, 6, 7, 10}) EXPECT_TRUE(cache.has(key_of(n))) << n;
  // Being asked whether it is there is no use.
  EXPECT_TRUE(cache.has(key_of(0)));
  put(cache, 11, 10'000);
  EXPECT_FALSE(cache.has(key_of(0)));
}

TEST(Cache, WhatSeldomGoesServesScansThatAreLargerThanTheCache) {
  Cache cache(100'000, Eviction::kSeldom);
  size_t hits = 0, last = 0;
  for (int pass = 0; pass < 40; ++pass) {
    last = 0;
    for (uint64_t n = 0; n < 20; ++n) {
      if (cache.find<uint64_t>(key_of(n)) != nullptr)
        ++last;
      else
        put(cache, n, 10'000);
    }
    hits += last;
    EXPECT_LE(cache.size_bytes(), 100'000u);
  }
  EXPECT_GE(hits, 39u * 7);  // of the nine that fit
}

TEST(Cache, WhatSeldomGoesGoesWhenNobodyAsksForIt) {
  Cache cache(100'000, Eviction::kSeldom);
  for (uint64_t n = 0; n < 9; ++n) put(cache, n, 10'000);
  for (int pass = 0; pass < 40; ++pass)
    for (uint64_t n = 100; n < 104; ++n)
      if (cache.find<uint64_t>(key_of(n)) == nullptr) put(cache, n, 10'000);
  for (uint64_t n = 100; n < 104; ++n) EXPECT_NE(cache.find<uint64_t>(key_of(n)), nullptr);
}

TEST(Cache, WhereLittleGoesAllThatFitsIsKept) {
  Cache cache(80'000, Eviction::kSeldom);
  put(cache, 1, 60'000);  // more than an eighth
  ASSERT_NE(cache.find<uint64_t>(key_of(1)), nullptr);
  put(cache, 2, 30'000);
  EXPECT_EQ(cache.find<uint64_t>(key_of(2)), nullptr);
  put(cache, 3, 15'000);
  EXPECT_NE(cache.find<uint64_t>(key_of(3)), nullptr);
  EXPECT_NE(cache.find<uint64_t>(key_of(1)), nullptr);
}

TEST(Cache, KeepsNothingThatIsTooLarge) {
  Cache cache(80'000);
  put(cache, 1, 10'001);
  EXPECT_EQ(cache.size_bytes(), 0u);
  Cache none(0);
  put(none, 1, 1);
  EXPECT_EQ(none.find<uint64_t>(key_of(1)), nullptr);
}

TEST(Cache, PartsAndOffsetsAreKeysOfTheirOwn) {
  Cache cache(100'000);
  put(cache, 5, 10);
  EXPECT_EQ(cache.find<uint64_t>(key_of(5, Part::kSegment)), nullptr);
  EXPECT_EQ(cache.find<uint64_t>(key_of(6)), nullptr);
  const uint64_t before = cache.size_bytes();
  put(cache, 5, 10);  // again: counted once
  EXPECT_EQ(cache.size_bytes(), before);
}

TEST(Cache, GivesWayWhenItsCapacityFalls) {
  Cache cache(100'000);
  for (uint64_t n = 0; n < 9; ++n) put(cache, n, 10'000);
  cache.set_capacity(50'000);
  EXPECT_LE(cache.size_bytes(), 50'000u);
  EXPECT_EQ(cache.find<uint64_t>(key_of(0)), nullptr);
  EXPECT_NE(cache.find<uint64_t>(key_of(8)), nullptr);
  cache.set_capacity(0);
  EXPECT_EQ(cache.size_bytes(), 0u);
}

TEST(Cache, AValueLivesOnWithItsHolder) {
  Cache cache(10'000);
  put(cache, 1, 500);
  const auto held = cache.find<uint64_t>(key_of(1));
  for (uint64_t n = 2; n < 100; ++n) put(cache, n, 500);
  EXPECT_EQ(cache.find<uint64_t>(key_of(1)), nullptr);
  EXPECT_EQ(*held, 1u);
}

TEST(Cache, ThreadsShareItWithinItsBytes) {
  static constexpr uint64_t kCapacity = 200'000;
  Cache cache(kCapacity);
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 4; ++t)
    threads.emplace_back([&cache, t] {
      std::mt19937_64 random(t);
      for (int i = 0; i < 20'000; ++i) {
        const uint64_t n = random() % 100;
        if (const auto found = cache.find<uint64_t>(key_of(n))) {
          ASSERT_EQ(*found, n);
        } else {
          put(cache, n, random() % 20'000);
        }
        ASSERT_LE(cache.size_bytes(), kCapacity);
      }
    });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace dreamdb
