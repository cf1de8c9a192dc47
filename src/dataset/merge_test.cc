// Merges of versions: what comes together, what is refused, what is told of it.
#include <gtest/gtest.h>

#include "dataset/merge_testing.h"

namespace dreamdb {
namespace {

using namespace testing;

class Merge : public MergeTest {};
INSTANTIATE_TEST_SUITE_P(Caches, Merge, ::testing::Values(0, 16 << 20));

TEST_P(Merge, OfWhatIsThereAlreadyIsNothing) {
  Dataset main = open("main");
  const Dataset other = branch("b");
  EXPECT_EQ(merged(main, main).outcome, "up-to-date");
  EXPECT_EQ(merged(main, other).outcome, "up-to-date");
  ASSERT_TRUE(main.append(small_rows({200})));
  const std::string before = main.manifest();
  const MergeReport report = merged(main, other);
  EXPECT_EQ(report.outcome, "up-to-date");
  EXPECT_EQ(report.manifest, before);
  EXPECT_EQ(main.manifest(), before);
}

TEST_P(Merge, MovesOnWhereTheTargetIsAnAncestor) {
  Dataset main = open("main"), other = branch("b");
  ASSERT_TRUE(other.append(small_rows(range(200, 10))));
  MergeOptions dry;
  dry.dry_run = true;
  const auto plan = main.merge(other, dry);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->outcome, "fast-forward");
  EXPECT_NE(main.manifest(), other.manifest());
  const MergeReport report = merged(main, other);
  EXPECT_EQ(report.outcome, "fast-forward");
  EXPECT_EQ(report.records, 10u);
  EXPECT_EQ(main.manifest(), other.manifest());
  EXPECT_EQ(open("main").manifest(), other.manifest());
  ASSERT_TRUE(main.append(small_rows({300})));
}

TEST_P(Merge, OfDisjointAppendsHasAllAndCommutes) {
  Dataset main = open("main"), left = branch("left"), right = branch("right");
  ASSERT_TRUE(left.append(small_rows(range(200, 50, 2))));
  ASSERT_TRUE(right.append(small_rows(range(201, 70, 2))));
  ASSERT_TRUE(right.append(small_rows({150, 153, 154})));
  MergeOptions forward;
  forward.forward_only = true;
  EXPECT_EQ(left.merge(right, forward).error().code, Code::kConflict);
  const std::string left_before = left.manifest(), right_before = right.manifest();
  MergeOptions dry;
  dry.dry_run = true;
  const auto plan = left.merge(right, dry);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->outcome, "union");
  EXPECT_EQ(plan->records, 73u);
  EXPECT_EQ(open("left").manifest(), left_before);

  const MergeReport report = merged(left, right);
  EXPECT_EQ(report.outcome, "union");
  EXPECT_EQ(report.records, 73u);
  EXPECT_EQ(report.common_ancestor, main.manifest());
  EXPECT_EQ(*left.count(), 223u);
  for (const Batch& batch : all_batches(left))
    for (size_t row = 0; row < batch.rows(); ++row) expect_small_row(batch, row);
  const auto commit = left.history()->next();
  ASSERT_TRUE(commit && *commit);
  EXPECT_EQ((*commit)->operation, "merge");
  EXPECT_EQ((*commit)->parents, (std::vector<std::string>{left_before, right_before}));
  EXPECT_EQ((*commit)->generation, 4u);

  const Dataset still = *open_in(space(), "right");
  Dataset other = *still.branch("other");
  OpenOptions old;
  old.manifest = left_before;
  merged(other, *open_in(space(), "main", old));
  EXPECT_EQ(scan(other), scan(left));
  // Each has all of the other by now.
  EXPECT_EQ(merged(left, other).outcome, "up-to-date");
  EXPECT_EQ(merged(other, left).outcome, "up-to-date");
}

TEST_P(Merge, TakesTheSameBytesAtAnAnchorForOneRecord) {
  Dataset left = branch("left"), right = branch("right");
  ASSERT_TRUE(left.append(small_rows(range(200, 50))));
  ASSERT_TRUE(right.append(small_rows(range(230, 50))));
  const MergeReport report = merged(left, right);
  EXPECT_EQ(report.records, 30u);
  EXPECT_EQ(*left.count(), 180u);
  const std::vector<Batch> all = all_batches(left);
  for (const Batch& batch : all)
    for (size_t row = 0; row < batch.rows(); ++row) expect_small_row(batch, row);
  EXPECT_EQ(*left.count(*Where::parse("n >= 225 and n < 285")), 55u);
  const float query[] = {1, 2, 3, 4};
  SearchOptions options;
  options.top_k = 100;
  const auto found = left.search("emb", query, 1, options);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->hits[0].rows.rows(), 100u);
  EXPECT_EQ(merged(left, right).outcome, "up-to-date");
  // And the other way round, where a segment is there that introduces other records here.
  merged(right, left);
  EXPECT_EQ(*right.count(), 180u);
  EXPECT_EQ(scan(right), scan(left));
  EXPECT_EQ(merged(left, right).outcome, "up-to-date");
}

TEST_P(Merge, RefusesOtherBytesAtAnAnchorAndNamesThem) {
  Dataset left = branch("left"), right = branch("right");
  ASSERT_TRUE(left.append(small_rows(range(200, 50))));
  NewRows rows = small_rows(range(240, 50));
  std::vector<int64_t> values;
  for (int64_t i = 240; i < 290; ++i) values.push_back(i == 245 ? 7 : i);
  rows.columns[4] = int_column("n", values);
  ASSERT_TRUE(right.append(std::move(rows)));
  const std::string before = left.manifest();
  MergeReport report;
  MergeOptions options;
  options.refused = &report;
  const auto refused = left.merge(right, options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kConflict);
  EXPECT_NE(refused.error().message.find("anchor 245, field `n`: target 245, source 7"),
            std::string::npos)
      << refused.error().message;
  EXPECT_EQ(report.outcome, "refused");
  ASSERT_EQ(report.conflicts.size(), 1u);
  EXPECT_EQ(report.conflicts[0].anchor, 245u);
  EXPECT_EQ(report.conflicts[0].source_manifest, right.manifest());
  EXPECT_EQ(open("left").manifest(), before);
  options.dry_run = true;
  EXPECT_EQ(left.merge(right, options)->conflicts.size(), 1u);
  // What the refusal advises.
  ASSERT_TRUE(left.append(numbers({245}, {7}), replacing()));
  merged(left, right);
  EXPECT_EQ(number_at(left, 245), 7);
  EXPECT_EQ(*left.count(), 190u);
}

TEST_P(Merge, TellsAsManyConflictsAsAskedFor) {
  constexpr size_t kConflicts = 1200;
  Dataset left = branch("left"), right = branch("right");
  const std::vector<uint64_t> anchors = range(200, kConflicts);
  ASSERT_TRUE(left.append(small_rows(anchors)));
  NewRows rows = small_rows(anchors);
  rows.columns[4] = int_column("n", std::vector<int64_t>(kConflicts, 7));
  ASSERT_TRUE(right.append(std::move(rows)));
  MergeReport report;
  MergeOptions options;
  options.refused = &report;
  ASSERT_FALSE(left.merge(right, options));
  EXPECT_EQ(report.conflicts.size(), 1000u);
  EXPECT_TRUE(report.more_conflicts);
  for (const size_t max : {kConflicts - 1, kConflicts, kConflicts + 1, size_t{1}}) {
    options.conflicts_max = max;
    ASSERT_FALSE(left.merge(right, options));
    ASSERT_EQ(report.conflicts.size(), std::min(max, kConflicts)) << max;
    EXPECT_EQ(report.more_conflicts, max < kConflicts) << max;
    for (size_t i = 0; i < report.conflicts.size(); ++i)
      ASSERT_EQ(report.conflicts[i].anchor, anchors[i]) << max;
  }
  options.conflicts_max = 0;
  EXPECT_EQ(left.merge(right, options).error().code, Code::kInvalidArgument);
}

TEST_P(Merge, LeavesEachFieldToTheSideThatChangedIt) {
  Dataset left = branch("left"), right = branch("right");
  ASSERT_TRUE(left.append(numbers({10, 11}, {-10, -11}), replacing()));
  ASSERT_TRUE(right.append(rows_at({10, 12}, {float_column("score", {0.5, 0.25})}), replacing()));
  ASSERT_TRUE(right.append(numbers({12}, {-12}), replacing()));
  merged(left, right);
  EXPECT_EQ(*left.count(), 100u);
  const auto batch = left.take({{10, 11, 12, 13}});
  ASSERT_TRUE(batch);
  const std::vector<int64_t> n(batch->find("n")->as<int64_t>(),
                               batch->find("n")->as<int64_t>() + 4);
  EXPECT_EQ(n, (std::vector<int64_t>{-10, -11, -12, 13}));
  const double* score = batch->find("score")->as<double>();
  EXPECT_EQ((std::vector<double>(score, score + 4)), (std::vector<double>{0.5, 5.5, 0.25, 6.5}));
}

// Both wrote the same, and then one side corrects it.
TEST_P(Merge, KnowsWhichOfTwoValuesTheOtherSideHasSeen) {
  Dataset left = branch("left"), right = branch("right");
  ASSERT_TRUE(left.append(small_rows({200})));
  ASSERT_TRUE(right.append(small_rows({199})));
  ASSERT_TRUE(right.append(small_rows({200})));
  merged(left, right);
  ASSERT_TRUE(right.append(numbers({200}, {1}), replacing()));
  merged(left, right);
  EXPECT_EQ(number_at(left, 200), 1);
  ASSERT_TRUE(left.append(numbers({200}, {2}), replacing()));
  EXPECT_EQ(merged(left, right).outcome, "up-to-date");
  EXPECT_EQ(number_at(left, 200), 2);
  merged(right, left);
  EXPECT_EQ(number_at(right, 200), 2);
}

TEST_P(Merge, UnitesFieldsThatWereAdded) {
  Dataset left = branch("left"), right = branch("right");
  ASSERT_TRUE(left.add_field(field_of("a", FieldType::kInt, false)));
  ASSERT_TRUE(right.add_field(field_of("b", FieldType::kText, false)));
  ASSERT_TRUE(left.append(rows_at({1}, {int_column("a", {5})})));
  ASSERT_TRUE(right.append(rows_at({1}, {text_column("b", FieldType::kText, {"five"})})));
  const MergeReport report = merged(left, right);
  EXPECT_EQ(report.fields_added, std::vector<std::string>{"b"});
  const auto batch = left.take({{1}});
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->find("a")->as<int64_t>()[0], 5);
  EXPECT_EQ(batch->find("b")->blobs[0].view(), "five");
  // The same addition is one, another of the same name is none.
  Dataset third = branch("third"), fourth = branch("fourth");
  ASSERT_TRUE(third.add_field(field_of("b", FieldType::kText, false)));
  ASSERT_TRUE(third.append(rows_at({2}, {text_column("b", FieldType::kText, {"two"})})));
  EXPECT_TRUE(merged(left, third).fields_added.empty());
  EXPECT_EQ(left.take({{2}})->find("b")->blobs[0].view(), "two");
  ASSERT_TRUE(fourth.add_field(field_of("b", FieldType::kInt, false)));
  EXPECT_EQ(left.merge(fourth).error().code, Code::kConflict);
}

TEST_P(Merge, BringsTheUserMapKeyByKey) {
  ASSERT_TRUE(open("main").set_meta("k", "0"));
  Dataset left = branch("left"), right = branch("right");
  ASSERT_TRUE(left.set_meta("left", "1"));
  ASSERT_TRUE(right.set_meta("right", "2"));
  ASSERT_TRUE(right.remove_meta("k"));
  merged(left, right);
  using Meta = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(left.meta(), (Meta{{"left", "1"}, {"right", "2"}}));
  Dataset third = branch("third"), fourth = branch("fourth");
  ASSERT_TRUE(third.set_meta("k", "3"));
  ASSERT_TRUE(fourth.set_meta("k", "4"));
  MergeReport report;
  MergeOptions options;
  options.refused = &report;
  EXPECT_EQ(third.merge(fourth, options).error().code, Code::kConflict);
  EXPECT_EQ(report.meta_conflicts, std::vector<std::string>{"k"});
}

// The common ancestor along first parents is older than what both have seen of each other.
TEST_P(Merge, KnowsOfTheUserMapAndIndexesWhatWasMergedBefore) {
  ASSERT_TRUE(open("main").append(small_rows(range(1000, 5))));
  Dataset left = branch("left"), right = branch("right");
  ASSERT_TRUE(left.set_meta("a", "1"));
  ASSERT_TRUE(right.set_meta("b", "1"));
  const Dataset left_before = open("left");
  IndexOptions options;
  options.cells = 4;
  ASSERT_TRUE(right.reindex("emb", options));
  merged(left, right);
  merged(right, left_before);
  using Meta = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(left.meta(), right.meta());
  ASSERT_TRUE(left.set_meta("b", "2"));
  ASSERT_TRUE(right.set_meta("a", "2"));
  options.cells = 6;
  ASSERT_TRUE(right.reindex("emb", options));
  merged(left, right);
  EXPECT_EQ(left.meta(), (Meta{{"a", "2"}, {"b", "2"}}));
  EXPECT_EQ((*left.indexes())[0].cells, 6u);
  ASSERT_TRUE(left.set_meta("a", "3"));
  ASSERT_TRUE(right.set_meta("a", "4"));
  EXPECT_EQ(left.merge(right).error().code, Code::kConflict);
}

TEST_P(Merge, WhatWasMergedAndUndoneStaysUndone) {
  Dataset left = branch("left"), right = branch("right");
  ASSERT_TRUE(right.set_meta("k", "1"));
  IndexOptions options;
  options.cells = 4;
  ASSERT_TRUE(right.reindex("emb", options));
  merged(left, right);
  // As they were before, at the common ancestor.
  ASSERT_TRUE(left.remove_meta("k"));
  ASSERT_TRUE(left.drop_index("emb"));
  ASSERT_TRUE(right.append(small_rows(range(300, 20))));
  merged(left, right);
  EXPECT_TRUE(left.meta().empty());
  EXPECT_TRUE(left.indexes()->empty());
  merged(right, left);
  EXPECT_TRUE(right.meta().empty());
}

TEST_P(Merge, AnOlderVersionOfWhatWasMergedBringsNothingBack) {
  Dataset left = branch("left"), right = branch("right");
  ASSERT_TRUE(left.append(small_rows(range(200, 5))));
  ASSERT_TRUE(right.set_meta("k", "1"));
  ASSERT_TRUE(right.snapshot("v1"));
  ASSERT_TRUE(right.remove_meta("k"));
  ASSERT_TRUE(right.append(small_rows(range(300, 5))));
  merged(left, right);
  const std::string before = left.manifest();
  const auto again = left.merge(open("right@v1"));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->outcome, "up-to-date");
  EXPECT_EQ(left.manifest(), before);
  // Nor does a branch that began there.
  Dataset third = *open("right@v1").branch("third");
  ASSERT_TRUE(third.append(small_rows(range(400, 5))));
  merged(left, third);
  EXPECT_TRUE(left.meta().empty());
  EXPECT_EQ(left.count(), open("main").count().value() + 15);
}

TEST_P(Merge, WhatBothHaveChangedSinceTheyMergedEachOtherIsAConflict) {
  Dataset left = branch("left"), right = branch("right");
  ASSERT_TRUE(right.append(small_rows(range(300, 5))));
  ASSERT_TRUE(left.set_meta("k", "1"));
  merged(left, right);  // with a version of `right` that has no such key
  ASSERT_TRUE(right.append(small_rows(range(400, 5))));
  merged(right, left);
  ASSERT_TRUE(right.set_meta("k", "2"));
  ASSERT_TRUE(left.remove_meta("k"));
  EXPECT_EQ(left.merge(right).error().code, Code::kConflict);
  EXPECT_EQ(right.merge(left).error().code, Code::kConflict);
}

TEST_P(Merge, TheNewestOfWhatWasMergedIsTheBaseThoughItWasNotMergedLast) {
  Dataset left = branch("left"), right = branch("right");
  ASSERT_TRUE(right.set_meta("k", "1"));
  Dataset third = *right.branch("third");
  ASSERT_TRUE(right.set_meta("k", "2"));
  ASSERT_TRUE(left.append(small_rows(range(200, 5))));
  merged(left, right);
  ASSERT_TRUE(left.set_meta("k", "1"));
  ASSERT_TRUE(third.append(small_rows(range(300, 5))));
  merged(left, third);
  ASSERT_TRUE(right.append(small_rows(range(400, 5))));
  merged(left, right);
  using Meta = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(left.meta(), (Meta{{"k", "1"}}));
}

TEST_P(Merge, BringsTheKeysOfIdempotency) {
  Dataset left = branch("left"), right = branch("right");
  AppendOptions keyed;
  keyed.idempotency_key = "job/1";
  ASSERT_TRUE(right.append(small_rows(range(300, 20)), keyed));
  keyed.idempotency_key = "job/0";
  ASSERT_TRUE(left.append(small_rows(range(200, 20)), keyed));
  ASSERT_TRUE(right.append(small_rows(range(200, 20)), keyed));
  EXPECT_EQ(merged(left, right).keys, 1u);
  for (const std::string key : {"job/0", "job/1"}) {
    keyed.idempotency_key = key;
    const auto report = left.append(small_rows(range(key == "job/0" ? 200 : 300, 20)), keyed);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_TRUE(report->already_applied) << key;
  }
}

TEST_P(Merge, TakesManyAtOnceWithAllAsParents) {
  Dataset main = open("main");
  std::vector<Dataset> workers;
  for (uint64_t w = 0; w < 5; ++w) {
    workers.push_back(branch("w" + std::to_string(w)));
    // Neighbours share ten records.
    ASSERT_TRUE(workers.back().append(small_rows(range(200 + w * 40, 50))));
  }
  ASSERT_TRUE(main.append(small_rows({500})));
  const auto report = main.merge(workers);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->records, 210u);
  EXPECT_EQ(report->sources.size(), 5u);
  EXPECT_EQ(*main.count(), 311u);
  for (const Batch& batch : all_batches(open("main")))
    for (size_t row = 0; row < batch.rows(); ++row) expect_small_row(batch, row);
  EXPECT_EQ(main.history()->next().value()->parents.size(), 6u);
  EXPECT_EQ(merged(main, workers[3]).outcome, "up-to-date");
  // Nothing of a merge that is refused in the middle is seen.
  ASSERT_TRUE(workers[0].append(numbers({5}, {1}), replacing()));
  ASSERT_TRUE(workers[4].append(numbers({5}, {2}), replacing()));
  const std::string before = main.manifest();
  EXPECT_EQ(main.merge(workers).error().code, Code::kConflict);
  EXPECT_EQ(open("main").manifest(), before);
}

TEST_P(Merge, BeginsAnewWhenTheTargetMoves) {
  Dataset stale = open("main"), other = branch("b");
  ASSERT_TRUE(other.append(small_rows(range(200, 10))));
  ASSERT_TRUE(open("main").append(small_rows(range(300, 10))));
  // It would have moved on from what it knew.
  EXPECT_EQ(merged(stale, other).outcome, "union");
  EXPECT_EQ(*stale.count(), 120u);
  ASSERT_TRUE(other.append(small_rows(range(210, 10))));
  ASSERT_TRUE(open("main").append(small_rows(range(310, 10))));
  EXPECT_EQ(merged(stale, other).outcome, "union");
  EXPECT_EQ(*open("main").count(), 140u);
  // Somebody else has merged it.
  Dataset late = open("main"), quick = open("main");
  ASSERT_TRUE(other.append(small_rows({220})));
  merged(quick, other);
  ASSERT_TRUE(late.merge(other));
  EXPECT_EQ(late.manifest(), quick.manifest());
}

// What a search through the index finds, and what it says that the index does not know.
void expect_found(const Dataset& ds, uint64_t uncovered) {
  const auto indexes = ds.indexes();
  ASSERT_TRUE(indexes) << indexes.error().message;
  ASSERT_EQ(indexes->size(), 1u);
  EXPECT_EQ((*indexes)[0].uncovered, uncovered);
  const float query[] = {1, 2, 1, 0.5};
  SearchOptions exact, all;
  exact.top_k = all.top_k = 25;
  exact.exact = true;
  all.probes = 8;  // every cell: what is missed then, the codes have ruled out
  const auto found = ds.search("emb", query, 1, all), wanted = ds.search("emb", query, 1, exact);
  ASSERT_TRUE(found && wanted) << found.error().message;
  const Batch &rows = found->hits[0].rows, &truth = wanted->hits[0].rows;
  const std::set<uint64_t> hits(rows.anchors(), rows.anchors() + rows.rows());
  EXPECT_EQ(hits.size(), 25u);
  EXPECT_GE(std::count_if(truth.anchors(), truth.anchors() + 25,
                          [&](uint64_t anchor) { return hits.contains(anchor); }),
            23);
  EXPECT_FALSE(found->report.algorithm.empty());
}

TEST_P(Merge, UnitesTheCodesOfOneIndex) {
  IndexOptions options;
  options.cells = 4;
  ASSERT_TRUE(open("main").reindex("emb", options));
  Dataset left = branch("left"), right = branch("right");
  ASSERT_TRUE(left.append(small_rows(range(200, 50))));
  ASSERT_TRUE(right.append(small_rows(range(260, 50))));
  merged(left, right);
  expect_found(left, 0);
  EXPECT_EQ((*left.indexes())[0].codes, 200u);
  // Rows that both have encoded, in segments of which a part is written anew.
  Dataset third = branch("third");
  ASSERT_TRUE(third.append(small_rows(range(190, 50))));
  merged(left, third);
  EXPECT_EQ(*left.count(), 210u);
  expect_found(left, 10);
  ASSERT_TRUE(left.append(small_rows(range(400, 5))));
  expect_found(left, 10);
}

TEST_P(Merge, LeavesTheIndexToTheSideThatChangedIt) {
  IndexOptions options;
  options.cells = 4;
  ASSERT_TRUE(open("main").reindex("emb", options));
  Dataset left = branch("left"), right = branch("right"), neither = branch("neither");
  options.cells = 6;
  ASSERT_TRUE(right.reindex("emb", options));
  ASSERT_TRUE(left.append(small_rows(range(200, 50))));
  merged(left, right);
  EXPECT_EQ((*left.indexes())[0].cells, 6u);
  expect_found(left, 50);
  ASSERT_TRUE(neither.drop_index("emb"));
  merged(neither, right);
  EXPECT_TRUE(neither.indexes()->empty());
}

TEST_P(Merge, RefusesWhatIsNoBranch) {
  Dataset main = open("main");
  const auto stranger = create_in(space(), "stranger", small_schema());
  ASSERT_TRUE(stranger);
  EXPECT_EQ(main.merge(*stranger).error().code, Code::kInvalidArgument);
  ASSERT_TRUE(main.snapshot("v1"));
  EXPECT_EQ(open("main@v1").merge(main).error().code, Code::kDenied);
}

}  // namespace
}  // namespace dreamdb
