// Spatial indexes of what is seldom given: huge queries, rows that are equal or missing, bad input.
#include <gtest/gtest.h>

#include <cmath>

#include "dataset/index_test_data.h"

namespace dreamdb {
namespace {

using namespace testing;

// Beyond 1e15 bounds overflow; all rows of a cell are compared then.
TEST(Index, HugeQueriesFindTheSame) {
  const Dataset ds = indexed("dreamdb.ivf-l2", 1000, of_cells(6));
  for (const float size : {1e-30f, 1e10f, 1e18f, 3e19f}) {
    std::vector<float> query = queries_of(1);
    for (float& value : query) value *= size;
    SearchOptions options;
    options.distance = Distance::kL2;
    options.recall = 1;
    const auto found = ds.search("emb", query, 1, options);
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_EQ(found->hits[0].rows.rows(), 10u) << size;
  }
}

TEST(Index, EqualRowsAndMissingOnesAreNoTrouble) {
  auto ds = Dataset::create(fresh_locator(), vectors_schema("dreamdb.ivf-l2"));
  ASSERT_TRUE(ds);
  std::vector<float> same;
  for (int i = 0; i < 300; ++i) same.insert(same.end(), kDim, 0.25f);
  std::vector<int64_t> numbers(300);
  ASSERT_TRUE(ds->append(
      rows_at(range(0, 300), {embedding_column("emb", kDim, same), int_column("n", numbers)})));
  ASSERT_TRUE(ds->append(rows_at(range(1000, 300), {int_column("n", numbers)})));
  const auto info = ds->reindex("emb", of_cells(16));
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->cells, 1u);
  EXPECT_EQ(info->codes, 300u);
  SearchOptions options;
  options.distance = Distance::kL2;
  options.top_k = 400;
  EXPECT_EQ(search(*ds, 1, options).hits[0].rows.rows(), 300u);
}

TEST(Index, BadInputIsTold) {
  auto empty = Dataset::create(fresh_locator(), vectors_schema("dreamdb.ivf-cosine"));
  ASSERT_TRUE(empty);
  const auto refuses = [](auto result, const std::string& text) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::kInvalidArgument) << result.error().message;
    EXPECT_NE(result.error().message.find(text), std::string::npos) << result.error().message;
  };
  refuses(empty->reindex("emb"), "no rows yet");
  Dataset ds = indexed("dreamdb.ivf-cosine", 100, {});
  refuses(ds.reindex("emb", of_cells(101)), "cells is 101");
  refuses(ds.reindex("emb", of_cells(2, 9)), "bits is 9");
  refuses(ds.reindex("emb", of_cells(2, 0)), "bits is 0");
  refuses(ds.reindex("n"), "type int");
  IndexOptions unknown;
  unknown.algorithm = "dreamdb.tree";
  refuses(ds.reindex("emb", unknown), "dreamdb.ivf-cosine");
  for (const float recall : {0.0f, -0.5f, 1.5f, NAN}) {
    SearchOptions options;
    options.recall = recall;
    refuses(ds.search("emb", queries_of(1), 1, options), "it is above 0 and at most 1");
  }
  refuses(ds.search("emb", queries_of(1), 2), "query dim 24 != schema dim 48");
  refuses(ds.search("emb", queries_of(1), 0), "no query given");
  refuses(ds.search("emb", queries_of(1), 5), "expected 5 x 48");
  refuses(ds.search("emb", std::vector<float>(kDim, NAN), 1), "query 0 holds NaN");
  refuses(ds.search("emb", std::vector<float>(kDim, 0), 1), "query 0 is the zero vector");
  refuses(ds.search("n", queries_of(1), 1), "search needs an embedding");
  refuses(ds.search("other", queries_of(1), 1), "there are emb, n");
  SearchOptions filtered;
  filtered.where = *Where::parse("other == 1");
  refuses(ds.search("emb", queries_of(1), 1, filtered), "`other` is not declared");
  filtered.top_k = 0;  // nothing is to be found, and the filter wrong all the same
  refuses(ds.search("emb", queries_of(1), 1, filtered), "`other` is not declared");
  SearchOptions many;
  many.top_k = 1'000'001;
  refuses(ds.search("emb", queries_of(1), 1, many), "top_k 1000001 is more than 1000000");
  IndexOptions ended;
  ended.progress = [](const IndexProgress&) { return false; };
  const std::string before = ds.manifest();
  const auto cancelled = ds.reindex("emb", ended);
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().code, Code::kCancelled);
  EXPECT_EQ(ds.manifest(), before);
}

}  // namespace
}  // namespace dreamdb
