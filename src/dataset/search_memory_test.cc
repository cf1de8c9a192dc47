// Vectors that codes leave in doubt are read some at a time, however many they are, and none of
// them is lost on the way.
#include <gtest/gtest.h>

#include <random>

#include "dataset/far_bucket.h"
#include "dataset/small_dataset.h"

namespace dreamdb {
namespace {

using namespace testing;

constexpr size_t kDim = 4096;  // a row is a block: no more is read than is wanted
constexpr size_t kRows = 10'000, kCommitRows = kRows / 4;
constexpr uint64_t kRowBytes = kDim * sizeof(float);
constexpr uint64_t kAtOnceBytes = 64ull << 20;

std::vector<float> vectors_of(uint32_t seed, size_t count) {
  std::mt19937 random(seed);
  std::vector<float> out(count * kDim);
  for (float& value : out) value = static_cast<float>(static_cast<int32_t>(random()));
  return out;
}

Bucket indexed_bucket() {
  const Bucket bucket;
  Dataset ds = bucket.create(one_field(embedding_field("emb", kDim)));
  for (uint32_t first = 0; first < kRows; first += kCommitRows)
    EXPECT_TRUE(
        ds.append(rows_at(range(first, kCommitRows),
                          {embedding_column("emb", kDim, vectors_of(first, kCommitRows))})));
  EXPECT_TRUE(ds.reindex("emb"));
  return bucket;
}

TEST(SearchMemory, RowsInDoubtAreReadSomeAtATime) {
  const Bucket filled = indexed_bucket();
  struct Case {
    size_t queries, top_k;
  };
  for (const auto& [count, top_k] : {Case{1, kRows}, Case{4, 10}}) {
    const std::vector<float> queries = vectors_of(77, count);
    const auto search = [&](const Bucket& bucket, bool exact) {
      SearchOptions options;
      options.fields.emplace();
      options.top_k = top_k;
      options.recall = 1;
      options.exact = exact;
      auto answer = bucket.open().search("emb", queries, count, options);
      EXPECT_TRUE(answer) << answer.error().message;
      return *std::move(answer);
    };
    const Bucket bucket = filled.with(kWavesOnly);
    const SearchAnswer found = search(bucket, false), truth = search(filled, true);
    EXPECT_GT(found.report.reranked * kRowBytes, 2 * kAtOnceBytes);
    EXPECT_LE(bucket.far->bytes_under_way_max(), kAtOnceBytes);
    for (size_t q = 0; q < count; ++q) {
      const Batch &rows = found.hits[q].rows, &expected = truth.hits[q].rows;
      ASSERT_EQ(rows.rows(), top_k);
      EXPECT_EQ(found.hits[q].scores, truth.hits[q].scores);
      EXPECT_TRUE(std::equal(rows.anchors(), rows.anchors() + top_k, expected.anchors()));
    }
  }
}

}  // namespace
}  // namespace dreamdb
