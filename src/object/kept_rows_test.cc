// Rows are found as they were added, within their bytes; those that are used stay.
#include "object/kept_rows.h"

#include <gtest/gtest.h>

#include <random>
#include <thread>
#include <vector>

#include "base/one_in.h"

namespace dreamdb {
namespace {

constexpr uint64_t kPlenty = 100 << 20;

std::vector<std::byte> row_of(uint64_t segment, uint64_t row, size_t bytes) {
  std::vector<std::byte> out(bytes);
  std::mt19937_64 random(segment * 1'000'003 + row);
  for (std::byte& byte : out) byte = static_cast<std::byte>(random());
  return out;
}

void add(KeptRows& rows, uint64_t segment, uint64_t row, size_t bytes, uint64_t limit) {
  rows.add(segment, row, row_of(segment, row, bytes), limit);
}

// Whether it is kept; what is kept has to be what was added.
bool has(KeptRows& rows, uint64_t segment, uint64_t row, size_t bytes) {
  std::vector<std::byte> found(bytes);
  if (!rows.copy(segment, row, found)) return false;
  EXPECT_EQ(found, row_of(segment, row, bytes)) << segment << " " << row;
  return true;
}

TEST(KeptRows, FindsWhatWasAdded) {
  KeptRows rows;
  for (uint64_t segment = 1; segment < 20; ++segment)
    for (uint64_t row = 0; row < 100; ++row) add(rows, segment, row * 7, 512, kPlenty);
  for (uint64_t segment = 1; segment < 20; ++segment)
    for (uint64_t row = 0; row < 100; ++row) EXPECT_TRUE(has(rows, segment, row * 7, 512));
  EXPECT_FALSE(has(rows, 20, 0, 512));
  EXPECT_FALSE(has(rows, 1, 1, 512));
  EXPECT_FALSE(has(rows, 1, 0, 256));  // of another size: another matrix
}

TEST(KeptRows, StaysWithinItsBytesAndKeepsWhatIsUsed) {
  static constexpr uint64_t kLimit = 2 << 20;
  KeptRows rows;
  for (uint64_t row = 0; row < 20; ++row) add(rows, 1, row, 2048, kLimit);
  OneIn looks;
  for (uint64_t row = 100; row < 20'000; ++row) {
    add(rows, 1, row, 2048, kLimit);
    ASSERT_LE(rows.size_bytes(), kLimit);
    if (!looks.takes_next()) continue;
    for (uint64_t kept = 0; kept < 20; ++kept) ASSERT_TRUE(has(rows, 1, kept, 2048)) << row;
  }
  EXPECT_GT(rows.size_bytes(), kLimit / 10 * 9);
}

TEST(KeptRows, ARoundOfMoreThanItHoldsFindsSome) {
  static constexpr uint64_t kLimit = 1 << 20, kRows = 1000;  // twice as many as have a place
  KeptRows rows;
  size_t hits = 0;
  for (int round = 0; round < 20; ++round) {
    hits = 0;
    for (uint64_t row = 0; row < kRows; ++row) {
      if (has(rows, 1, row, 2048))
        ++hits;
      else
        add(rows, 1, row, 2048, kLimit);
    }
  }
  EXPECT_GT(hits, kRows / 5);
}

TEST(KeptRows, GivesWayWhenTheLimitFalls) {
  KeptRows rows;
  for (uint64_t row = 0; row < 4000; ++row) add(rows, 1, row, 1024, kPlenty);
  rows.shrink(1 << 20);
  EXPECT_LE(rows.size_bytes(), 1u << 20);
  size_t left = 0;
  for (uint64_t row = 0; row < 4000; ++row) left += has(rows, 1, row, 1024) ? 1 : 0;
  EXPECT_GT(left, 800u);
  EXPECT_LT(left, 1024u);
  rows.shrink(0);
  EXPECT_EQ(rows.size_bytes(), 0u);
  for (uint64_t row = 0; row < 4000; ++row) EXPECT_FALSE(has(rows, 1, row, 1024));
  add(rows, 1, 1, 1024, kPlenty);
  EXPECT_TRUE(has(rows, 1, 1, 1024));
}

TEST(KeptRows, ALimitBelowOneSlabKeepsNothing) {
  KeptRows rows;
  add(rows, 1, 1, 2048, 10'000);
  EXPECT_EQ(rows.size_bytes(), 0u);
  EXPECT_FALSE(has(rows, 1, 1, 2048));
}

TEST(KeptRows, RowsOfAnotherSizeGetAPlaceOfThoseThere) {
  static constexpr uint64_t kLimit = 1 << 20;
  KeptRows rows;
  for (uint64_t row = 0; row < 2000; ++row) add(rows, 1, row, 2048, kLimit);
  add(rows, 2, 5, 768, kLimit);
  EXPECT_TRUE(has(rows, 2, 5, 768));
  EXPECT_LE(rows.size_bytes(), kLimit);
}

TEST(KeptRows, ThreadsShareIt) {
  static constexpr uint64_t kLimit = 1 << 20;
  KeptRows rows;
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      std::mt19937_64 random(t);
      for (int i = 0; i < 5'000; ++i) {
        const uint64_t row = random() % 1000;
        if (!has(rows, 3, row, 1024)) add(rows, 3, row, 1024, kLimit);
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(rows.size_bytes(), kLimit);
}

}  // namespace
}  // namespace dreamdb
