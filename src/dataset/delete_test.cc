// Deleting records and values: gone from every answer, and nothing brings them back.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "dataset/dataset_impl.h"
#include "dataset/index_test_data.h"
#include "store/memory_store.h"

namespace dreamdb {
namespace {

using namespace testing;

std::vector<uint64_t> records_of(const Dataset& ds, const std::string& where = "") {
  ReadOptions options;
  options.fields.emplace();
  if (!where.empty()) options.where = *Where::parse(where);
  std::vector<uint64_t> out;
  for (const Batch& batch : all_batches(ds, options))
    out.insert(out.end(), batch.anchors(), batch.anchors() + batch.rows());
  return out;
}

std::vector<uint64_t> tombstones_of(const Dataset& ds,
                                    const std::optional<std::string>& field = std::nullopt) {
  auto stream = ds.tombstones(field);
  EXPECT_TRUE(stream) << stream.error().message;
  std::vector<uint64_t> out;
  for (;;) {
    auto next = stream->next();
    EXPECT_TRUE(next) << next.error().message;
    if (!next || !*next) return out;
    const auto* anchors = reinterpret_cast<const uint64_t*>((*next)->data());
    out.insert(out.end(), anchors, anchors + (*next)->size() / 8);
  }
}

std::vector<uint64_t> without(std::vector<uint64_t> anchors, const std::set<uint64_t>& gone) {
  std::erase_if(anchors, [&](uint64_t anchor) { return gone.contains(anchor); });
  return anchors;
}

// A dataset with a hundred records.
class Deleting : public ::testing::Test {
 protected:
  Deleting() {
    auto made = create_in(space(), "main", small_schema());
    EXPECT_TRUE(made) << made.error().message;
    EXPECT_TRUE(made->append(small_rows(range(0, 100))));
  }

  std::shared_ptr<Space> space() const { return Space::on(memory_, "memory://delete", 8 << 20); }
  Dataset open(const std::string& ref = "main") const { return *open_in(space(), ref); }

  static DeleteReport deleted(Dataset& ds, const std::vector<uint64_t>& anchors,
                              const DeleteOptions& options = {}) {
    auto report = ds.delete_records(anchors, options);
    EXPECT_TRUE(report) << report.error().message;
    return report ? *report : DeleteReport{};
  }
  static DeleteOptions values_of(const std::vector<std::string>& fields) {
    DeleteOptions options;
    options.fields = fields;
    return options;
  }

  const std::shared_ptr<MemoryStore> memory_ = std::make_shared<MemoryStore>("delete");
};

TEST_F(Deleting, HidesRecordsOnEveryPath) {
  auto ds = open();
  const auto before = ds.branch("before");
  ASSERT_TRUE(before);
  const DeleteReport report = deleted(ds, {99, 30, 0, 31});
  EXPECT_EQ(report.deleted, 4u);
  EXPECT_EQ(report.manifest, ds.manifest());
  const std::set<uint64_t> gone = {0, 30, 31, 99};
  const std::vector<uint64_t> left = without(range(0, 100), gone);

  for (const Dataset& handle : {ds, open()}) {
    EXPECT_EQ(*handle.count(), 96u);
    EXPECT_EQ(records_of(handle), left);
    EXPECT_EQ(records_of(handle, "n >= 29 and n < 33"), (std::vector<uint64_t>{29, 32}));
    EXPECT_EQ(*handle.count(*Where::parse("label == 'cat'")), 31u);  // of 0, 3, ... 99, without 3
    for (const Batch& batch : all_batches(handle))
      for (size_t row = 0; row < batch.rows(); ++row) expect_small_row(batch, row);
    EXPECT_EQ(handle.take({{29, 30}}).error().code, Code::kNotFound);
    EXPECT_EQ(handle.take({{29, 30, 32}}, std::nullopt, true)->rows(), 2u);
    uint64_t values = 0;
    const auto distinct = handle.distinct_values("n");
    ASSERT_TRUE(distinct);
    for (const auto& [value, count] : *distinct) values += count;
    EXPECT_EQ(values, 96u);
    const auto stat = handle.stat();
    EXPECT_EQ(stat->records, 96u);
    EXPECT_EQ(stat->deleted, 4u);
    EXPECT_EQ(stat->first_anchor, 1u);
    EXPECT_EQ(stat->last_anchor, 98u);
    EXPECT_EQ(tombstones_of(handle), (std::vector<uint64_t>{0, 30, 31, 99}));
  }
  EXPECT_EQ(*before->count(), 100u);
  EXPECT_EQ(records_of(*before), range(0, 100));
  const auto diff = before->diff(ds);
  ASSERT_TRUE(diff) << diff.error().message;
  EXPECT_EQ(diff->records_only_left, 4u);
  EXPECT_EQ(diff->records_only_right, 0u);
}

TEST_F(Deleting, HidesThemFromSearches) {
  auto ds = open();
  const auto query = small_rows({50}).columns[1];
  const std::span<const float> vector(query.as<float>(), 4);
  deleted(ds, {50});
  ASSERT_TRUE(ds.delete_records({{51}}, values_of({"score"})));
  SearchOptions all;
  all.top_k = 1000;
  const auto check = [&](SearchOptions options, size_t rows) {
    const auto found = ds.search("emb", vector, 1, options);
    ASSERT_TRUE(found) << found.error().message;
    const Batch& hits = found->hits[0].rows;
    EXPECT_EQ(hits.rows(), rows);
    for (size_t row = 0; row < hits.rows(); ++row) EXPECT_NE(hits.anchors()[row], 50u);
  };
  const auto check_all = [&] {
    check(all, 99);
    SearchOptions some = all;
    some.where = *Where::parse("n >= 45 and n < 55");
    check(some, 9);
    some.exact = true;
    check(some, 9);
    some.where = *Where::parse("score is null");
    check(some, 1);
    some = all;
    some.start = 50;
    some.end = 52;
    check(some, 1);
  };
  check_all();
  // An index that is built over what is left, and one from before.
  ASSERT_TRUE(ds.reindex("emb"));
  check_all();
  deleted(ds, {49});
  SearchOptions few = all;
  few.top_k = 98;
  check(few, 98);
}

// The nearest rows are deleted, and a hundred others of a thousand; held or looked up.
TEST_F(Deleting, SearchesFindAllThatIsLeftBehindWhatIsDeleted) {
  const auto made = create_in(space(), "indexed", vectors_schema("dreamdb.ivf-cosine"));
  ASSERT_TRUE(made);
  ASSERT_TRUE(Dataset(*made).append(rows_of(0, 2000)));
  auto ds = open("indexed");
  IndexOptions index;
  index.cells = 20;
  ASSERT_TRUE(ds.reindex("emb", index));
  SearchOptions options;
  options.top_k = 900;
  const auto nearest = anchors_of(testing::search(ds, 1, options).hits[0]);
  deleted(ds, {nearest.begin(), nearest.begin() + 800});
  const std::set<uint64_t> gone(nearest.begin(), nearest.begin() + 800);
  uint64_t compared[2] = {};
  for (const bool are_held : {true, false}) {
    const auto own = space();
    if (!are_held) own->tombstones().set_anchors_max(0);
    const auto handle = *open_in(own, "indexed");
    for (const size_t top_k : {10, 500, 2000}) {
      options.top_k = top_k;
      const SearchAnswer found = testing::search(handle, 3, options);
      EXPECT_FALSE(found.report.algorithm.empty());
      for (const SearchHits& hits : found.hits) {
        EXPECT_EQ(hits.rows.rows(), std::min<size_t>(top_k, 1200));
        for (const uint64_t anchor : anchors_of(hits)) EXPECT_FALSE(gone.contains(anchor));
      }
      if (top_k == 10) compared[are_held ? 0 : 1] = found.report.reranked;
    }
    SearchReport report;
    EXPECT_GE(recall_of(handle, 20, {}, report), 0.85);
  }
  EXPECT_LT(compared[0], compared[1]);  // what is held is no candidate
}

TEST_F(Deleting, ANewDeletionIsNotAnsweredFromWhatIsKept) {
  auto ds = open();
  const auto query = small_rows({50}).columns[1];
  SearchOptions options;
  options.where = *Where::parse("n >= 50 and n < 53");
  const auto find = [&] {
    return ds.search("emb", {query.as<float>(), 4}, 1, options)->hits[0].rows.rows();
  };
  EXPECT_EQ(find(), 3u);
  deleted(ds, {51});
  EXPECT_EQ(find(), 2u);
  deleted(ds, {52}, values_of({"n"}));
  EXPECT_EQ(find(), 1u);
}

TEST_F(Deleting, HidesValuesOfFields) {
  auto ds = open();
  const DeleteReport report = deleted(ds, {10, 11, 12}, values_of({"score", "n"}));
  EXPECT_EQ(report.deleted, 6u);
  EXPECT_EQ(*ds.count(), 100u);
  EXPECT_EQ(records_of(ds, "n is null"), (std::vector<uint64_t>{10, 11, 12}));
  EXPECT_EQ(records_of(ds, "score >= 4.5 and score < 7"), (std::vector<uint64_t>{9, 13}));
  const auto batch = ds.take({{9, 10}});
  ASSERT_TRUE(batch);
  EXPECT_TRUE(batch->find("n")->is_valid(0));
  EXPECT_FALSE(batch->find("n")->is_valid(1));
  EXPECT_TRUE(batch->find("score")->is_valid(0));
  EXPECT_FALSE(batch->find("score")->is_valid(1));  // both trees are one page
  EXPECT_EQ(batch->find("label")->text(1), "dog");
  EXPECT_EQ(tombstones_of(ds, "n"), (std::vector<uint64_t>{10, 11, 12}));
  EXPECT_TRUE(tombstones_of(ds).empty());
  EXPECT_EQ(ds.distinct_values("n")->size(), 97u);
  // What is gone, and what was never there.
  EXPECT_EQ(deleted(ds, {10, 13}, values_of({"n"})).unchanged, 1u);
  ASSERT_TRUE(ds.append(rows_at({200}, {small_rows({200}).columns[0], small_rows({200}).columns[1],
                                        small_rows({200}).columns[2]})));
  const DeleteReport none = deleted(ds, {200}, values_of({"n"}));
  EXPECT_EQ(none.deleted, 0u);
  EXPECT_EQ(none.unchanged, 1u);
  EXPECT_EQ(ds.delete_records({{1}}, values_of({"label"})).error().code, Code::kInvalidArgument);
  EXPECT_EQ(ds.delete_records({{1}}, values_of({"x"})).error().code, Code::kInvalidArgument);
  EXPECT_EQ(ds.delete_records({{1}}, values_of({})).error().code, Code::kInvalidArgument);
}

TEST_F(Deleting, ValuesOfWideFieldsToo) {
  Schema schema;
  EXPECT_TRUE(schema.add(embedding_field("emb", 4, false)));
  EXPECT_TRUE(schema.add(field_of("img", FieldType::kImage, false)));
  auto ds = create_in(space(), "wide", schema);
  ASSERT_TRUE(ds);
  const NewRows rows = small_rows(range(0, 20));
  ASSERT_TRUE(ds->append(rows_at(range(0, 20), {rows.columns[0], rows.columns[1]})));
  EXPECT_EQ(deleted(*ds, {4, 5}, values_of({"emb"})).deleted, 2u);
  EXPECT_EQ(deleted(*ds, {5}, values_of({"img"})).deleted, 1u);
  const auto batch = ds->take({{3, 4, 5}});
  ASSERT_TRUE(batch);
  for (size_t row = 0; row < 3; ++row) {
    EXPECT_EQ(batch->find("emb")->is_valid(row), row == 0);
    EXPECT_EQ(batch->find("img")->is_valid(row), row < 2);
  }
  SearchOptions all;
  all.top_k = 100;
  for (const bool indexed : {false, true}) {
    if (indexed) {
      ASSERT_TRUE(ds->reindex("emb"));
    }
    const auto found = ds->search("emb", {rows.columns[1].as<float>(), 4}, 1, all);
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_EQ(found->hits[0].rows.rows(), 18u);
  }
  ReadOptions present;
  present.fields = std::vector<std::string>{"emb"};
  present.present_only = true;
  uint64_t count = 0;
  for (const Batch& one : all_batches(*ds, present)) count += one.rows();
  EXPECT_EQ(count, 18u);
}

TEST_F(Deleting, RepeatsAreSafeAndStrangersAreNamed) {
  auto ds = open();
  deleted(ds, {5, 6});
  const std::string version = ds.manifest();
  const DeleteReport again = deleted(ds, {6, 5, 5});
  EXPECT_EQ(again.deleted, 0u);
  EXPECT_EQ(again.unchanged, 2u);
  EXPECT_EQ(ds.manifest(), version);
  const auto refused = ds.delete_records({{7, 1000, 2000}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kNotFound);
  EXPECT_NE(refused.error().message.find("1000, 2000"), std::string::npos);
  EXPECT_EQ(ds.manifest(), version);
  DeleteOptions options;
  options.skip_missing = true;
  const DeleteReport some = deleted(ds, {6, 7, 1000}, options);
  EXPECT_EQ(some.deleted, 1u);
  EXPECT_EQ(some.unchanged, 1u);
  EXPECT_EQ(some.missing, 1u);
  EXPECT_EQ(deleted(ds, {}).manifest, ds.manifest());
}

TEST_F(Deleting, NoAppendBringsThemBack) {
  auto ds = open();
  deleted(ds, {5});
  deleted(ds, {6}, values_of({"n"}));
  for (const OnConflict on_conflict : {OnConflict::kRefuse, OnConflict::kReplace}) {
    AppendOptions options;
    options.on_conflict = on_conflict;
    const auto record = ds.append(small_rows({4, 5, 1000}), options);
    ASSERT_FALSE(record);
    EXPECT_EQ(record.error().code, Code::kConflict);
    EXPECT_NE(record.error().message.find("deleted records: 5;"), std::string::npos)
        << record.error().message;
    const auto value = ds.append(rows_at({6, 7}, {int_column("n", {6, 7})}), options);
    ASSERT_FALSE(value);
    EXPECT_NE(value.error().message.find("`n` is deleted: 6;"), std::string::npos)
        << value.error().message;
  }
  AppendOptions skip;
  skip.on_conflict = OnConflict::kSkip;
  const auto report = ds.append(small_rows({4, 5, 6, 1000}), skip);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->records, 1u);
  EXPECT_EQ(report->skipped, 2u);
  EXPECT_EQ(records_of(ds), without(records_of(open()), {}));
  EXPECT_EQ(*ds.count(), 100u);
  EXPECT_FALSE(ds.take({{6}})->find("n")->is_valid(0));
  // All rows are.
  const auto none = ds.append(small_rows({5}), skip);
  ASSERT_TRUE(none) << none.error().message;
  EXPECT_EQ(none->skipped, 1u);
}

TEST_F(Deleting, WhatAFilterFinds) {
  auto ds = open();
  const auto report = ds.delete_where(*Where::parse("label == 'cat' and n < 50"));
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->deleted, 17u);
  EXPECT_EQ(*ds.count(), 83u);
  EXPECT_EQ(*ds.count(*Where::parse("label == 'cat'")), 17u);
  const std::string version = ds.manifest();
  EXPECT_EQ(ds.delete_where(*Where::parse("label == 'cat' and n < 50"))->deleted, 0u);
  EXPECT_EQ(ds.manifest(), version);
  EXPECT_EQ(ds.delete_where(*Where::parse("zz < 50")).error().code, Code::kInvalidArgument);
  EXPECT_EQ(ds.delete_where(*Where::parse("n < 60"), values_of({"score"}))->deleted, 43u);
  EXPECT_EQ(ds.count(*Where::parse("score is null")), 43u);
}

TEST_F(Deleting, MeetsOthersWhoWrite) {
  auto ours = open(), theirs = open();
  deleted(theirs, {10, 11});
  ASSERT_TRUE(theirs.append(small_rows(range(200, 10))));
  // The ref has moved: 10 is deleted there, 12 is not.
  const DeleteReport report = deleted(ours, {10, 12});
  EXPECT_EQ(report.deleted, 1u);
  EXPECT_EQ(report.unchanged, 1u);
  EXPECT_EQ(records_of(ours), without(records_of(theirs), {12}));
  EXPECT_EQ(tombstones_of(ours), (std::vector<uint64_t>{10, 11, 12}));
  // Nothing is left of it.
  auto late = open();
  deleted(ours, {20});
  EXPECT_EQ(deleted(late, {20}).deleted, 0u);
  EXPECT_EQ(late.manifest(), ours.manifest());
  // An append that was made before the deletion comes after it.
  auto writer = open();
  deleted(ours, {21});
  const auto filled = writer.append(rows_at({21, 22}, {int_column("n", {21, 22})}));
  ASSERT_TRUE(filled) << filled.error().message;  // equal to what it saw: nothing to write
  const auto replaced = [&] {
    AppendOptions options;
    options.on_conflict = OnConflict::kReplace;
    return open().append(rows_at({21}, {int_column("n", {-1})}), options);
  }();
  EXPECT_EQ(replaced.error().code, Code::kConflict);
  AppendOptions replace;
  replace.on_conflict = OnConflict::kReplace;
  auto stale = open();
  deleted(ours, {23});
  EXPECT_EQ(stale.append(rows_at({23}, {int_column("n", {-1})}), replace).error().code,
            Code::kConflict);
}

TEST_F(Deleting, ManyPiecesAreOneCommit) {
  Schema schema;
  EXPECT_TRUE(schema.add(field_of("n", FieldType::kInt)));
  auto ds = create_in(space(), "many", schema);
  ASSERT_TRUE(ds);
  constexpr size_t kRows = 300'000;
  std::vector<uint64_t> anchors = range(0, kRows, 3);
  for (size_t i = 0; i < kRows; i += 7) ++anchors[i];  // no sequence
  std::vector<int64_t> numbers(kRows);
  for (size_t i = 0; i < kRows; ++i) numbers[i] = static_cast<int64_t>(i);
  ASSERT_TRUE(ds->append(rows_at(anchors, {int_column("n", numbers)})));
  const uint64_t generation = ds->generation();
  const auto report = ds->delete_where(*Where::parse("n >= 1000"));
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->deleted, kRows - 1000);
  EXPECT_EQ(ds->generation(), generation + 1);
  EXPECT_EQ(*ds->count(), 1000u);
  EXPECT_EQ(records_of(*ds), (std::vector<uint64_t>(anchors.begin(), anchors.begin() + 1000)));
  EXPECT_EQ(tombstones_of(*ds), (std::vector<uint64_t>(anchors.begin() + 1000, anchors.end())));
  EXPECT_EQ(ds->stat()->last_anchor, anchors[999]);
}

TEST_F(Deleting, ReasonsStandInTheHistory) {
  auto ds = open();
  DeleteOptions options;
  options.reason = "asked for by its subject";
  deleted(ds, {1}, options);
  const auto version = (*ds.history()).next();
  EXPECT_EQ((*version)->operation, "delete");
  EXPECT_TRUE((*version)->writer.ends_with(";reason=asked for by its subject"));
  EXPECT_EQ((*version)->records, 99u);
  options.reason = std::string(257, 'x');
  EXPECT_EQ(ds.delete_records({{2}}, options).error().code, Code::kInvalidArgument);
  options.reason = "a\nb";
  EXPECT_EQ(ds.delete_records({{2}}, options).error().code, Code::kInvalidArgument);
}

TEST_F(Deleting, AnOlderVersionIsRestored) {
  auto ds = open();
  ASSERT_TRUE(ds.snapshot("v1"));
  deleted(ds, {1, 2});
  ASSERT_TRUE(ds.append(small_rows({500})));
  Field more = field_of("more", FieldType::kInt, false);
  ASSERT_TRUE(ds.add_field(more));
  const uint32_t next = ds.schema().next_id();
  const auto restored = ds.restore(open("main@v1"));
  ASSERT_TRUE(restored) << restored.error().message;
  EXPECT_EQ(*restored, ds.manifest());
  EXPECT_EQ(records_of(ds), range(0, 100));
  EXPECT_TRUE(tombstones_of(ds).empty());
  EXPECT_EQ(ds.schema().find("more"), nullptr);
  EXPECT_EQ(ds.schema().next_id(), next);
  EXPECT_EQ((*(*ds.history()).next())->operation, "restore");
  // Again, there is nothing to do.
  EXPECT_EQ(*ds.restore(open("main@v1")), *restored);
  EXPECT_EQ(*ds.restore(ds), *restored);
  // What was removed may come again.
  ASSERT_TRUE(ds.append(small_rows({500})));
  EXPECT_EQ(*ds.count(), 101u);
  // Only an older version of this ref is restored.
  auto side = ds.branch("side");
  ASSERT_TRUE(side->append(small_rows({600})));
  EXPECT_EQ(ds.restore(*side).error().code, Code::kInvalidArgument);
  auto other = Dataset::create(fresh_locator(), small_schema());
  EXPECT_EQ(ds.restore(*other).error().code, Code::kInvalidArgument);
}

TEST_F(Deleting, AnIndexIsTakenOnlyWhereItsDeletionsAre) {
  auto ds = open();
  auto side = *ds.branch("side"), other = *ds.branch("other");
  ASSERT_TRUE(ds.delete_records({{7}}));
  ASSERT_TRUE(side.reindex("emb"));
  ASSERT_TRUE(ds.take_index("emb", "side"));
  const auto query = small_rows({7}).columns[1];
  SearchOptions all;
  all.top_k = 1000;
  EXPECT_EQ(ds.search("emb", {query.as<float>(), 4}, 1, all)->hits[0].rows.rows(), 99u);
  ASSERT_TRUE(other.delete_records({{5}}));
  ASSERT_TRUE(other.reindex("emb"));
  const auto taken = ds.take_index("emb", "other");
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, Code::kConflict);
  EXPECT_NE(taken.error().message.find("deletions"), std::string::npos);
}

TEST_F(Deleting, NothingIsLeftOfAnIndexWhoseRowsAreAll) {
  auto ds = open();
  deleted(ds, range(0, 100));
  EXPECT_EQ(*ds.count(), 0u);
  EXPECT_EQ(ds.stat()->last_anchor, 0u);
  EXPECT_TRUE(records_of(ds).empty());
  const auto query = small_rows({50}).columns[1];
  EXPECT_EQ(ds.search("emb", {query.as<float>(), 4}, 1)->hits[0].rows.rows(), 0u);
  const auto built = ds.reindex("emb");
  if (built) {
    EXPECT_EQ(ds.search("emb", {query.as<float>(), 4}, 1)->hits[0].rows.rows(), 0u);
  } else {
    EXPECT_EQ(built.error().code, Code::kInvalidArgument) << built.error().message;
  }
  ASSERT_TRUE(ds.append(small_rows({500})));
  EXPECT_EQ(ds.search("emb", {query.as<float>(), 4}, 1)->hits[0].rows.rows(), 1u);
}

}  // namespace
}  // namespace dreamdb
