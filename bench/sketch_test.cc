// A sketch at a size at which all that it leaves out can be looked at too.
#include "bench/sketch.h"

#include <gtest/gtest.h>

#include "bench/data.h"
#include "dreamdb/dataset.h"

namespace dreamdb::bench {
namespace {

constexpr SketchOptions kSmall{.rows = 100'000, .cells = 2000, .probes = 8, .queries = 5};
constexpr uint64_t kCellRows = 50;

Dataset open(const Scratch& folder, uint64_t cache_bytes = OpenOptions().cache_bytes) {
  OpenOptions options;
  options.cache_bytes = cache_bytes;
  return *Dataset::open(locator_of(folder.path()), options);
}

SearchAnswer search(const Dataset& dataset, const Sketch& sketch, size_t query) {
  SearchOptions options;
  options.fields.emplace();
  const auto answer = dataset.search(
      "embedding", std::span(sketch.queries).subspan(query * kDim, kDim), 1, options);
  EXPECT_TRUE(answer) << answer.error().message;
  return *answer;
}

TEST(Sketch, HoldsWhatItsQueriesLookAt) {
  const Scratch folder(testing::TempDir() + "dreamdb-sketch");
  const auto sketch = make_sketch(folder.path(), kSmall);
  ASSERT_TRUE(sketch) << sketch.error().message;
  const Dataset dataset = open(folder);
  EXPECT_EQ(sketch->rows, kSmall.rows);
  EXPECT_EQ(*dataset.count(), kSmall.rows);
  const auto index = dataset.indexes();
  ASSERT_TRUE(index) << index.error().message;
  EXPECT_EQ((*index)[0].cells, kSmall.cells);
  EXPECT_EQ((*index)[0].codes, kSmall.rows);
  EXPECT_EQ((*index)[0].uncovered, 0u);
  for (size_t q = 0; q < kSmall.queries; ++q) {
    const SearchAnswer answer = search(dataset, *sketch, q);
    EXPECT_EQ(answer.report.probes, kSmall.probes);
    EXPECT_EQ(answer.report.codes, kSmall.probes * kCellRows);
    EXPECT_EQ(answer.report.reranked, sketch->in_doubt[q]);
    ASSERT_EQ(answer.hits[0].scores.size(), 10u);
    EXPECT_GT(answer.hits[0].scores[9], 0.5f);  // what is not there scores 0
  }
}

TEST(Sketch, CentroidsThatTheCacheCannotHoldAreReadAsNeeded) {
  const Scratch folder(testing::TempDir() + "dreamdb-sketch-large");
  const auto sketch = make_sketch(folder.path(), kSmall);
  ASSERT_TRUE(sketch) << sketch.error().message;
  const uint64_t centroid_bytes = kSmall.cells * kVectorBytes;
  for (size_t q = 0; q < kSmall.queries; ++q) {
    const SearchAnswer whole = search(open(folder), *sketch, q);
    const SearchAnswer part = search(open(folder, centroid_bytes), *sketch, q);
    EXPECT_EQ(part.hits[0].scores, whole.hits[0].scores);
    EXPECT_EQ(part.report.reranked, whole.report.reranked);
    EXPECT_LE(part.report.waves, 6u);
    EXPECT_LT(part.report.bytes, whole.report.bytes - centroid_bytes / 4);
  }
}

}  // namespace
}  // namespace dreamdb::bench
