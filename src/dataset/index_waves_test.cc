// Waves, requests and bytes of searches through an index on a far bucket, cold and warm.
#include <gtest/gtest.h>

#include <random>

#include "base/one_in.h"
#include "dataset/far_bucket.h"
#include "dataset/testing.h"

namespace dreamdb {
namespace {

using namespace testing;

constexpr size_t kDim = 64;
constexpr size_t kCells = 256;
constexpr uint64_t kNumbers = 100;
// Under a sanitizer a quarter.
const uint64_t kRows = OneIn().of(4) * 15'000, kCommitRows = kRows / 3;

std::vector<float> vectors_of(uint64_t first, size_t count) {
  std::vector<float> out;
  for (uint64_t i = first; i < first + count; ++i) {
    std::mt19937_64 about(i % 501), own(i + 7919);
    std::normal_distribution<float> normal;
    for (size_t j = 0; j < kDim; ++j) out.push_back(normal(about) + 0.5f * normal(own));
  }
  return out;
}

// Each number once in so many rows, and in all parts of a cluster.
int64_t number_of(uint64_t i) { return static_cast<int64_t>((i + i / kNumbers * 37) % kNumbers); }

NewRows rows_of(uint64_t first, size_t count, bool even) {
  std::vector<uint64_t> anchors;
  std::vector<int64_t> numbers;
  std::mt19937_64 random(first);
  for (uint64_t i = first; i < first + count; ++i) {
    anchors.push_back(i * 1000 + (even ? 0 : random() % 1000));
    numbers.push_back(number_of(i));
  }
  return rows_at(
      anchors, {embedding_column("emb", kDim, vectors_of(first, count)), int_column("n", numbers)});
}

Bucket indexed_bucket(bool even) {
  Bucket bucket;
  Schema schema = one_field(embedding_field("emb", kDim));
  EXPECT_TRUE(schema.add(field_of("n", FieldType::kInt)));
  Dataset ds = bucket.create(schema);
  for (uint64_t first = 0; first < kRows; first += kCommitRows)
    EXPECT_TRUE(ds.append(rows_of(first, kCommitRows, even)));
  IndexOptions options;
  options.cells = kCells;
  EXPECT_TRUE(ds.reindex("emb", options));
  return bucket.with(kWavesOnly);
}

class IndexWaves : public ::testing::TestWithParam<bool> {};

TEST_P(IndexWaves, WarmTwoColdSix) {
  const Bucket bucket = indexed_bucket(GetParam());
  const Dataset ds = bucket.open();
  SearchOptions options;
  options.fields.emplace();
  options.probes = 8;
  const auto search = [&](uint64_t query) {
    const auto answer = ds.search("emb", vectors_of(1'000'000 + query, 1), 1, options);
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->hits[0].rows.rows(), 10u);
  };
  EXPECT_LE(bucket.waves([&] { search(0); }), 6u);
  for (uint64_t query = 1; query < 6; ++query) {
    const StoreCounts warm = bucket.counted->snapshot();
    EXPECT_LE(bucket.waves([&] { search(query); }), 2u) << query;
    const StoreCounts asked = bucket.counted->snapshot().since(warm);
    EXPECT_LE(asked.requests(), 150u);
    EXPECT_LE(asked.read_bytes, 2'500'000u);
  }
  // What was read once is in memory.
  EXPECT_EQ(bucket.waves([&] { search(1); }), 0u);
}

TEST_P(IndexWaves, AnAppendTakesNoMore) {
  const Bucket bucket = indexed_bucket(GetParam());
  Dataset ds = bucket.open();
  ASSERT_TRUE(ds.append(rows_of(kRows, 10, GetParam())));
  EXPECT_EQ(bucket.waves([&] { ASSERT_TRUE(ds.append(rows_of(kRows + 10, 10, GetParam()))); }), 2u);
  EXPECT_EQ((*ds.indexes())[0].codes, kRows + 20);
}

TEST_P(IndexWaves, ABatchOfQueriesSharesThem) {
  const Bucket bucket = indexed_bucket(GetParam());
  const Dataset ds = bucket.open();
  SearchOptions options;
  options.fields.emplace();
  options.probes = 8;
  EXPECT_LE(
      bucket.waves([&] { ASSERT_TRUE(ds.search("emb", vectors_of(1'000'000, 50), 50, options)); }),
      6u);
}

// What a search under a filter does, and its waves: the first of a handle, which reads what the
// filter names too; one with another query; one with another filter.
struct FilterPlan {
  const char* name;
  const char* where;
  const char* other;
  bool exact, has_codes;
  uint64_t scanned;
  uint64_t cold, warm, warm_other;
};
const FilterPlan kPlans[] = {
    {"matches compared at once", "n == 7", "n == 8", false, false, kRows / kNumbers, 4, 0, 1},
    {"codes of matches", "n < 30", "n >= 70", false, true, 0, 6, 2, 2},
    {"all vectors", "n < 30", "n >= 70", true, false, kRows, 5, 0, 0},
};

TEST_P(IndexWaves, UnderAFilterNoMore) {
  const Bucket bucket = indexed_bucket(GetParam());
  for (const FilterPlan& plan : kPlans) {
    SCOPED_TRACE(plan.name);
    const Dataset ds = bucket.open();
    const auto search = [&](uint64_t query, const char* where) {
      SearchOptions options;
      options.fields.emplace();
      options.where = *Where::parse(where);
      options.exact = plan.exact;
      options.top_k = 5;
      const auto answer = ds.search("emb", vectors_of(1'000'000 + query, 1), 1, options);
      ASSERT_TRUE(answer) << answer.error().message;
      EXPECT_EQ(answer->hits[0].rows.rows(), 5u);
      EXPECT_EQ(answer->report.codes > 0, plan.has_codes);
      EXPECT_EQ(answer->report.scanned, plan.scanned);
    };
    EXPECT_LE(bucket.waves([&] { search(0, plan.where); }), plan.cold);
    for (uint64_t query = 1; query < 6; ++query)
      EXPECT_LE(bucket.waves([&] { search(query, plan.where); }), plan.warm) << query;
    EXPECT_LE(bucket.waves([&] { search(6, plan.other); }), plan.warm_other);
    EXPECT_EQ(bucket.waves([&] { search(6, plan.other); }), 0u);
  }
}

// The cache has no room for the centroids: they are read as queries need them.
TEST_P(IndexWaves, CentroidsAsNeededGiveTheSame) {
  constexpr uint64_t kSmallCache = 100'000;  // of which 56,250 bytes are for matrices
  static_assert(kCells * kDim * sizeof(float) > kSmallCache / 16 * 9);
  const Bucket bucket = indexed_bucket(GetParam());
  const Dataset whole = bucket.open();
  const auto open_small = [&] {
    return *open_in(Space::on(bucket.counted, "far", kSmallCache), "main");
  };
  SearchOptions options;
  for (const size_t probes : {size_t{1}, size_t{8}, kCells}) {
    options.probes = probes;
    const auto queries = vectors_of(1'000'000, 20);
    const auto expected = whole.search("emb", queries, 20, options);
    ASSERT_TRUE(expected) << expected.error().message;
    const auto found = open_small().search("emb", queries, 20, options);
    ASSERT_TRUE(found) << found.error().message;
    for (size_t q = 0; q < 20; ++q) EXPECT_EQ(found->hits[q].scores, expected->hits[q].scores);
  }
  options.probes = 8;
  options.fields.emplace();
  const Dataset cold = open_small();
  EXPECT_LE(
      bucket.waves([&] { ASSERT_TRUE(cold.search("emb", vectors_of(1'000'000, 1), 1, options)); }),
      6u);
  // Who appends reads them all.
  Dataset writer = open_small();
  ASSERT_TRUE(writer.search("emb", vectors_of(1'000'000, 1), 1, options));
  ASSERT_TRUE(writer.append(rows_of(kRows, 10, GetParam())));
  EXPECT_EQ((*writer.indexes())[0].codes, kRows + 10);
}

INSTANTIATE_TEST_SUITE_P(Anchors, IndexWaves, ::testing::Bool(),
                         [](const auto& p) { return p.param ? "Even" : "Uneven"; });

}  // namespace
}  // namespace dreamdb
