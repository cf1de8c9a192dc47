// Deletions stay within their budget of requests, waves and memory.
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "dataset/budget_testing.h"

namespace dreamdb {
namespace {

using namespace testing;

std::vector<uint64_t> some_of(uint64_t bound, size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::set<uint64_t> out;
  while (out.size() < count) out.insert(random() % bound);
  return {out.begin(), out.end()};
}

TEST(BudgetDelete, DeleteTakesTwoWavesAndFewPages) {
  const Counted counted;
  Schema schema;
  ASSERT_TRUE(schema.add(field_of("n", FieldType::kInt)));
  ASSERT_TRUE(create_in(counted.space(), "main", schema));
  auto ds = counted.open();
  constexpr uint64_t kRows = 200'000;
  std::vector<int64_t> numbers(kRows);
  ASSERT_TRUE(ds.append(rows_at(range(0, kRows), {int_column("n", numbers)})));
  const auto remove = [&](const std::vector<uint64_t>& anchors) {
    return counted.cost([&] {
      const auto report = ds.delete_records(anchors);
      ASSERT_TRUE(report) << report.error().message;
    });
  };
  const StoreCounts first = remove(some_of(kRows, 5'000, 1));
  EXPECT_LE(first.waves, 2u);
  EXPECT_LE(first.requests(), 4u);  // a segment, a page, the manifest, the swap
  for (uint64_t i = 0; i < 600; ++i) ASSERT_TRUE(ds.delete_records({{i * 300}}));
  ASSERT_TRUE(ds.count(*Where::parse("n = 1")));  // tombstones are at hand now
  const StoreCounts later = remove(some_of(kRows, 150'000, 2));
  EXPECT_LE(later.waves, 2u);
  EXPECT_LE(of_prefix(later, "segments"), 2u);
  EXPECT_LE(of_prefix(later, "pages"), 4u);
  EXPECT_LE(later.requests(), 8u);
  // Nothing is left to do: nothing is written.
  EXPECT_EQ(remove(some_of(kRows, 150'000, 2)).of(StoreOp::kPut), 0u);
}

TEST(BudgetDelete, WhatIsDeletedCostsATakeNoWave) {
  const Counted counted;
  ASSERT_TRUE(create_in(counted.space(), "main", three_tracks()));
  auto ds = counted.open();
  ASSERT_TRUE(ds.append(sequence_rows(0, 20'000)));
  ASSERT_TRUE(ds.delete_records(some_of(20'000, 9'000, 1)));
  DeleteOptions images;
  images.fields = std::vector<std::string>{"img"};
  images.skip_missing = true;
  ASSERT_TRUE(ds.delete_records(some_of(20'000, 5'000, 2), images));
  const auto cold = counted.open();
  const StoreCounts take = counted.cost([&] {
    const auto batch = cold.take(some_of(20'000, 50, 3), std::nullopt, true);
    ASSERT_TRUE(batch) << batch.error().message;
    EXPECT_LT(batch->rows(), 50u);
  });
  EXPECT_LE(take.waves, 4u);
}

TEST(BudgetDelete, DeleteByAFilterHoldsPiecesOnly) {
  const Counted counted;
  Schema schema;
  ASSERT_TRUE(schema.add(field_of("n", FieldType::kInt)));
  ASSERT_TRUE(create_in(counted.space(), "main", schema));
  auto ds = counted.open();
  constexpr uint64_t kRows = 400'000;
  std::vector<int64_t> numbers(kRows);
  for (uint64_t i = 0; i < kRows; ++i) numbers[i] = static_cast<int64_t>(i * 7 % 10);
  ASSERT_TRUE(ds.append(rows_at(range(0, kRows), {int_column("n", numbers)})));
  const StoreCounts cost = counted.cost(
      [&] { EXPECT_EQ(ds.delete_where(*Where::parse("n != 3"))->deleted, kRows / 10 * 9); });
  EXPECT_EQ(cost.of(StoreOp::kSwap), 1u);
  EXPECT_EQ(*ds.count(), kRows / 10);
}

}  // namespace
}  // namespace dreamdb
