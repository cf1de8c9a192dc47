// Merges of versions of which one has deleted something: deletion wins.
#include <gtest/gtest.h>

#include "dataset/merge_testing.h"

namespace dreamdb {
namespace {

using namespace testing;

class MergeDeleted : public MergeTest {};
INSTANTIATE_TEST_SUITE_P(Caches, MergeDeleted, ::testing::Values(0, 16 << 20));

std::vector<uint64_t> deleted_in(const Dataset& ds) {
  auto stream = ds.tombstones();
  EXPECT_TRUE(stream);
  std::vector<uint64_t> out;
  for (;;) {
    const auto some = stream->next();
    EXPECT_TRUE(some);
    if (!some || !*some) return out;
    const auto* anchors = reinterpret_cast<const uint64_t*>((*some)->data());
    out.insert(out.end(), anchors, anchors + (*some)->size() / 8);
  }
}

TEST_P(MergeDeleted, WhatEitherSideHasDeletedIsDeleted) {
  Dataset left = branch("left"), right = branch("right");
  ASSERT_TRUE(left.delete_records({{1, 2, 3, 90}}));
  ASSERT_TRUE(left.append(small_rows({200})));
  ASSERT_TRUE(right.delete_records({{3, 4, 50}}));
  ASSERT_TRUE(right.delete_records({{90, 91}}));
  // What one side deletes the other changes, fills and encodes.
  ASSERT_TRUE(right.append(numbers({1}, {-1}), replacing()));
  ASSERT_TRUE(right.reindex("emb"));
  Dataset other = *right.branch("other");
  const Dataset still = *left.branch("still");
  const MergeReport report = merged(left, right);
  EXPECT_EQ(report.outcome, "union");
  EXPECT_EQ(report.records, 0u);
  EXPECT_EQ(report.deleted, 3u);
  const MergeReport back = merged(other, still);
  EXPECT_EQ(back.records, 1u);
  EXPECT_EQ(back.deleted, 2u);
  for (const Dataset& ds : {left, other, open("left")}) {
    EXPECT_EQ(deleted_in(ds), (std::vector<uint64_t>{1, 2, 3, 4, 50, 90, 91}));
    EXPECT_EQ(*ds.count(), 94u);
    EXPECT_EQ(scan(ds), scan(left));
    SearchOptions all;
    all.top_k = 1000;
    const auto query = small_rows({1}).columns[1];
    EXPECT_EQ(ds.search("emb", {query.as<float>(), 4}, 1, all)->hits[0].rows.rows(), 94u);
  }
  EXPECT_EQ(merged(left, other).outcome, "up-to-date");
  EXPECT_EQ(merged(other, left).outcome, "up-to-date");
}

TEST_P(MergeDeleted, DeletedValuesAreNoConflict) {
  Dataset left = branch("left"), right = branch("right");
  ASSERT_TRUE(left.append(small_rows({200, 201})));
  auto others = small_rows({200, 201});
  others.columns[4] = int_column("n", {-1, -2});
  const std::vector<float> vectors = {1, 2, 3, 4, 5, 6, 7, 8};
  others.columns[1] = embedding_column("emb", 4, vectors);
  ASSERT_TRUE(right.append(others));
  ASSERT_TRUE(left.append(numbers({10}, {-3}), replacing()));
  ASSERT_TRUE(right.append(numbers({10}, {-4}), replacing()));
  EXPECT_EQ(left.merge(right).error().code, Code::kConflict);
  DeleteOptions only_n;
  only_n.fields = std::vector<std::string>{"n"};
  ASSERT_TRUE(left.delete_records({{10}}, only_n));
  ASSERT_TRUE(right.delete_records({{200}}));
  ASSERT_TRUE(left.delete_records({{201}}));
  const Dataset before = *left.branch("before");
  const MergeReport report = merged(left, right);
  EXPECT_EQ(report.outcome, "union");
  EXPECT_EQ(*left.count(), 100u);
  EXPECT_EQ(*left.count(*Where::parse("n is null")), 1u);
  // Of the vectors that both wrote at once one is left, deleted or not (S6.4).
  EXPECT_EQ(open("left").stat()->tracks[2].rows, 102u);
  merged(right, before);
  EXPECT_EQ(scan(right), scan(left));
  EXPECT_EQ(deleted_in(right), (std::vector<uint64_t>{200, 201}));
}

TEST_P(MergeDeleted, OfManyUnitesWhatTheyDelete) {
  Dataset main = open("main");
  std::vector<Dataset> workers;
  for (uint64_t i = 0; i < 4; ++i) {
    workers.push_back(branch("worker-" + std::to_string(i)));
    ASSERT_TRUE(workers.back().delete_records({{i, i + 1, 50}}));
  }
  ASSERT_TRUE(main.append(small_rows({300})));
  const auto report = main.merge(workers);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->deleted, 6u);
  EXPECT_EQ(deleted_in(main), (std::vector<uint64_t>{0, 1, 2, 3, 4, 50}));
  EXPECT_EQ(*main.count(), 95u);
}

TEST_P(MergeDeleted, MovesOnToADeletion) {
  Dataset main = open("main"), other = branch("b");
  ASSERT_TRUE(other.delete_records({{7, 8}}));
  const MergeReport report = merged(main, other);
  EXPECT_EQ(report.outcome, "fast-forward");
  EXPECT_EQ(report.records, 0u);
  EXPECT_EQ(report.deleted, 2u);
  EXPECT_EQ(*main.count(), 98u);
}

}  // namespace
}  // namespace dreamdb
