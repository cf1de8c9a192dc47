// Branches that are compacted, purged and merged: nothing that was replaced comes back, and every
// value is that of whoever knew the other.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>

#include "base/one_in.h"
#include "dataset/small_dataset.h"
#include "dreamdb/upkeep.h"

namespace dreamdb {
namespace {

using namespace testing;

constexpr uint64_t kAnchors = 40;
const std::vector<std::string> kFields = {"img", "emb", "label", "n"};

// Who has seen which writes of a value, and which is the newest: writes are numbered from 1.
struct Knowledge {
  std::set<int> seen;
  int newest = 0;
};
struct Side {
  Dataset ds;
  std::map<uint64_t, std::map<std::string, Knowledge>> records;
  std::set<uint64_t> deleted;
};

std::string text_of(int write) { return "write " + std::to_string(write); }

NewRows rows_of_write(int write, const std::vector<uint64_t>& anchors,
                      const std::set<std::string>& fields) {
  std::vector<std::string> texts(anchors.size(), text_of(write));
  std::vector<float> vectors;
  for (const uint64_t anchor : anchors)
    for (const float value : {static_cast<float>(write), static_cast<float>(anchor), 1.0f, 2.0f})
      vectors.push_back(value);
  std::vector<Column> columns;
  if (fields.contains("img")) columns.push_back(text_column("img", FieldType::kImage, texts));
  if (fields.contains("emb")) columns.push_back(embedding_column("emb", 4, vectors));
  if (fields.contains("label"))
    columns.push_back(text_column("label", FieldType::kCategorical, texts));
  if (fields.contains("n"))
    columns.push_back(int_column("n", std::vector<int64_t>(anchors.size(), write)));
  return rows_at(anchors, std::move(columns));
}

// The write that a row has its value of a field from; 0: it has none.
int write_in(const Batch& batch, size_t row, const std::string& field) {
  const Column& column = *batch.find(field);
  if (!column.is_valid(row)) return 0;
  if (field == "n") return static_cast<int>(column.as<int64_t>()[row]);
  if (field == "emb") return static_cast<int>(column.as<float>()[row * 4]);
  const std::string_view text = field == "img" ? column.blobs[row].view() : column.text(row);
  return std::stoi(std::string(text.substr(6)));
}

class Branches {
 public:
  explicit Branches(uint64_t seed) : random_(seed) {}

  void run() {
    Dataset main = *Dataset::create(fresh_locator(), small_schema());
    Side base{main, {}, {}};
    write(base);
    sides_.push_back({*main.branch("left"), base.records, {}});
    sides_.push_back({*main.branch("right"), base.records, {}});
    for (int round = 0; round < 8 && !::testing::Test::HasFailure(); ++round) {
      for (Side& side : sides_) {
        if (chance(60)) write(side);
        if (chance(25)) index(side);
        if (chance(25)) erase(side);
        if (chance(40)) shrink(side);
      }
      const size_t target = below(2);
      if (chance(60)) merge(sides_[target], sides_[1 - target]);
      for (const Side& side : sides_) check(side);
    }
  }

  int merges() const { return merges_; }
  int refusals() const { return refusals_; }

 private:
  uint64_t below(uint64_t bound) { return random_() % bound; }
  bool chance(uint64_t percent) { return below(100) < percent; }

  void write(Side& side) {
    std::set<std::string> fields;
    for (const std::string& field : kFields)
      if (chance(50)) fields.insert(field);
    std::vector<uint64_t> fresh, old;
    for (uint64_t anchor = 0; anchor < kAnchors; ++anchor) {
      if (side.deleted.contains(anchor) || !chance(15)) continue;
      (side.records.contains(anchor) ? old : fresh).push_back(anchor);
    }
    if (!fresh.empty()) append(side, fresh, {kFields.begin(), kFields.end()});
    if (!old.empty() && !fields.empty()) append(side, old, fields);
  }

  void append(Side& side, const std::vector<uint64_t>& anchors,
              const std::set<std::string>& fields) {
    AppendOptions replace;
    replace.on_conflict = OnConflict::kReplace;
    const int write = ++writes_;
    const auto report = side.ds.append(rows_of_write(write, anchors, fields), replace);
    ASSERT_TRUE(report) << report.error().message;
    for (const uint64_t anchor : anchors)
      for (const std::string& field : fields) {
        Knowledge& cell = side.records[anchor][field];
        cell.seen.insert(write);
        cell.newest = write;
      }
  }

  void index(Side& side) {
    IndexOptions options;
    options.seed = below(3);
    (void)side.ds.reindex("emb", options);  // refused while there is no embedding
  }

  void erase(Side& side) {
    std::vector<uint64_t> anchors;
    for (const auto& [anchor, values] : side.records)
      if (chance(10)) anchors.push_back(anchor);
    if (anchors.empty()) return;
    const auto report = side.ds.delete_records(anchors);
    ASSERT_TRUE(report) << report.error().message;
    for (const uint64_t anchor : anchors) side.records.erase(anchor);
    side.deleted.insert(anchors.begin(), anchors.end());
  }

  void shrink(Side& side) {
    CompactOptions options;
    options.segment_rows = 1 + below(40);
    options.segment_bytes = 500 + below(4000);
    options.commit_bytes = 1 + below(5000);
    options.purge = chance(40);
    const auto report = compact(side.ds, options);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->given_up, 0u);
  }

  void merge(Side& target, const Side& source) {
    MergeReport refused;
    MergeOptions options;
    options.refused = &refused;
    const auto report = target.ds.merge(source.ds, options);
    bool is_refused = false;
    for (const auto& [anchor, values] : source.records) {
      const auto ours = target.records.find(anchor);
      if (ours == target.records.end()) continue;
      for (const auto& [field, theirs] : values)
        is_refused = is_refused || clash(ours->second[field], theirs);
    }
    if (!report) {
      ++refusals_;
      ASSERT_EQ(report.error().code, Code::kConflict) << report.error().message;
      // Of embeddings that both wrote at once one segment is left out, and with it what was seen.
      const bool is_of_vectors = std::ranges::any_of(
          refused.conflicts, [](const MergeConflict& one) { return one.field == "emb"; });
      ASSERT_TRUE(is_refused || is_of_vectors) << report.error().message;
      return;
    }
    ++merges_;
    ASSERT_FALSE(is_refused);
    for (const auto& [anchor, values] : source.records) {
      if (target.deleted.contains(anchor)) continue;
      for (const auto& [field, theirs] : values) {
        Knowledge& ours = target.records[anchor][field];
        if (ours.newest == 0 || theirs.seen.contains(ours.newest)) ours.newest = theirs.newest;
        ours.seen.insert(theirs.seen.begin(), theirs.seen.end());
      }
    }
    for (const uint64_t anchor : source.deleted) target.records.erase(anchor);
    target.deleted.insert(source.deleted.begin(), source.deleted.end());
  }

  static bool clash(const Knowledge& ours, const Knowledge& theirs) {
    return ours.newest != 0 && ours.newest != theirs.newest && !theirs.seen.contains(ours.newest) &&
           !ours.seen.contains(theirs.newest);
  }

  static void check(const Side& side) {
    size_t records = 0;
    for (const Batch& batch : all_batches(side.ds))
      for (size_t row = 0; row < batch.rows(); ++row, ++records) {
        const auto at = side.records.find(batch.anchors()[row]);
        ASSERT_NE(at, side.records.end()) << "anchor " << batch.anchors()[row];
        for (const std::string& field : kFields) {
          const auto cell = at->second.find(field);
          ASSERT_EQ(write_in(batch, row, field), cell == at->second.end() ? 0 : cell->second.newest)
              << "anchor " << at->first << ", field " << field;
        }
      }
    ASSERT_EQ(records, side.records.size());
    ASSERT_EQ(side.ds.count().value(), records);
  }

  std::mt19937_64 random_;
  std::vector<Side> sides_;
  int writes_ = 0, merges_ = 0, refusals_ = 0;
};

TEST(CompactMerge, LosesNothingAndBringsNothingBack) {
  int merges = 0, refusals = 0;
  for (uint64_t seed = 1; seed <= OneIn().of(150) && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Branches branches(seed);
    branches.run();
    merges += branches.merges();
    refusals += branches.refusals();
  }
  EXPECT_GT(merges, refusals / 4);
}

Dataset small_commits(size_t commits) {
  Dataset ds = *Dataset::create(fresh_locator(), small_schema());
  for (size_t i = 0; i < commits; ++i) EXPECT_TRUE(ds.append(small_rows(range(i * 10, 10))));
  return ds;
}

uint64_t segments_of(const Dataset& ds, const std::string& track) {
  const auto stat = ds.stat();
  for (const TrackStat& one : stat->tracks)
    if (one.name == track) return one.segments;
  return 0;
}

TEST(CompactMerge, ASideThatCompactedMeetsOneThatAppended) {
  for (const bool compacts_target : {true, false}) {
    Dataset target = small_commits(10);
    Dataset source = *target.branch("side");
    Dataset& compacted = compacts_target ? target : source;
    Dataset& appended = compacts_target ? source : target;
    ASSERT_TRUE(compacted.append(small_rows(range(200, 10))));
    ASSERT_TRUE(compact(compacted));
    ASSERT_TRUE(appended.append(small_rows(range(100, 10))));
    const auto report = target.merge(source);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->records, 10u);
    for (const std::string track : {"(records)", "img", "emb"})
      EXPECT_EQ(segments_of(target, track), 2u) << track;
    EXPECT_EQ(target.count(), 120u);
    uint64_t rows = 0;
    for (const Batch& batch : all_batches(target))
      for (size_t row = 0; row < batch.rows(); ++row, ++rows) expect_small_row(batch, row);
    EXPECT_EQ(rows, 120u);
    EXPECT_EQ(target.merge(source)->outcome, "up-to-date");
  }
}

TEST(CompactMerge, AValueThatWasChangedLongAgoWinsOverACompactedOldOne) {
  AppendOptions replace;
  replace.on_conflict = OnConflict::kReplace;
  for (const bool compacts_target : {true, false}) {
    Dataset target = small_commits(3);
    Dataset source = *target.branch("side");
    Dataset& compacted = compacts_target ? target : source;
    Dataset& changed = compacts_target ? source : target;
    ASSERT_TRUE(changed.append(
        rows_at({5}, {text_column("img", FieldType::kImage, {"new"}), int_column("n", {-5}),
                      embedding_column("emb", 4, {9, 9, 9, 8})}),
        replace));
    for (size_t i = 3; i < 8; ++i) ASSERT_TRUE(compacted.append(small_rows(range(i * 10, 10))));
    ASSERT_TRUE(compact(compacted));
    const auto report = target.merge(source);
    ASSERT_TRUE(report) << report.error().message;
    const auto taken = target.take(std::vector<uint64_t>{4, 5});
    EXPECT_EQ(taken->find("img")->blobs[1].view(), "new");
    EXPECT_EQ(taken->find("n")->as<int64_t>()[1], -5);
    EXPECT_EQ(taken->find("emb")->as<float>()[7], 8);
    EXPECT_EQ(taken->find("label")->text(1), "dog");
    EXPECT_EQ(target.count(), 80u);
    // The other way round it is the same.
    ASSERT_TRUE(source.merge(target));
    EXPECT_EQ(source.take(std::vector<uint64_t>{5})->find("n")->as<int64_t>()[0], -5);
  }
}

NewRows vectors_at(const std::vector<uint64_t>& anchors, float first) {
  std::vector<float> values;
  for (const uint64_t anchor : anchors) {
    const float last = anchor == 5 ? first : 0;
    for (const float value : {static_cast<float>(anchor), 1.0f, 2.0f, last})
      values.push_back(value);
  }
  NewRows rows = small_rows(anchors);
  for (Column& column : rows.columns)
    if (column.name == "emb") column = embedding_column("emb", 4, values);
  return rows;
}

// The source's segment has an anchor in common with one of the target's of the same `seq`, so its
// other rows go into a new one; among them that value, which meets a compacted old one.
TEST(CompactMerge, AChangedValueBesideOneThatBothHaveWrittenIsKept) {
  AppendOptions replace;
  replace.on_conflict = OnConflict::kReplace;
  for (const bool compacts_target : {true, false}) {
    Dataset target = small_commits(3);
    Dataset source = *target.branch("side");
    Dataset& compacted = compacts_target ? target : source;
    Dataset& changed = compacts_target ? source : target;
    ASSERT_TRUE(compact(compacted));
    ASSERT_TRUE(changed.set_meta("one", "commit"));
    ASSERT_TRUE(compacted.append(vectors_at({500}, 0)));
    ASSERT_TRUE(changed.append(vectors_at({5, 500}, 77), replace));
    const auto report = target.merge(source);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(target.take(std::vector<uint64_t>{5})->find("emb")->as<float>()[3], 77);
    ASSERT_TRUE(source.merge(target));
    EXPECT_EQ(source.take(std::vector<uint64_t>{5})->find("emb")->as<float>()[3], 77);
    EXPECT_EQ(target.count(), 31u);
  }
}

TEST(CompactMerge, WhatWasMergedAndThenChangedIsNoConflictWhenItIsMergedAgain) {
  AppendOptions replace;
  replace.on_conflict = OnConflict::kReplace;
  Dataset target = small_commits(3);
  Dataset source = *target.branch("side");
  ASSERT_TRUE(target.append(vectors_at({500}, 0)));
  ASSERT_TRUE(source.append(vectors_at({5, 500}, 7), replace));
  ASSERT_TRUE(target.merge(source));
  ASSERT_TRUE(target.append(vectors_at({5}, 8), replace));
  for (int i = 0; i < 2; ++i) {
    const auto again = target.merge(source);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(again->outcome, "up-to-date");
    EXPECT_EQ(target.take(std::vector<uint64_t>{5})->find("emb")->as<float>()[3], 8);
  }
  ASSERT_TRUE(source.append(vectors_at({600}, 0)));
  ASSERT_TRUE(target.merge(source));
  EXPECT_EQ(target.count(), 32u);
  ASSERT_TRUE(source.merge(target));
  EXPECT_EQ(source.take(std::vector<uint64_t>{5})->find("emb")->as<float>()[3], 8);
}

TEST(CompactMerge, AChangeOfASideWinsWhereBothHaveReplacedTheSameSegments) {
  AppendOptions replace;
  replace.on_conflict = OnConflict::kReplace;
  Dataset target = small_commits(3);
  ASSERT_TRUE(target.branch("side"));
  Dataset source = *Dataset::open(target.store_url() + "@side");  // a writer of its own
  ASSERT_TRUE(compact(target));
  ASSERT_TRUE(compact(source));
  ASSERT_TRUE(source.append(vectors_at({5}, 7), replace));
  const auto report = target.merge(source);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(target.take(std::vector<uint64_t>{5})->find("emb")->as<float>()[3], 7);
  const auto verified = verify(target);
  ASSERT_TRUE(verified) << verified.error().message;
  for (const Damage& damage : verified->damages) ADD_FAILURE() << damage.key << damage.what;
}

// Both sides have all old rows in a segment of the same `seq`, so of the source's only the new row
// is left: written anew, by the writer who once wrote it alone, in a segment that was replaced
// since.
TEST(CompactMerge, WhatIsLeftOfACompactedSegmentIsNoneThatItReplaced) {
  Dataset target = small_commits(3);
  Dataset source = *target.branch("side");
  ASSERT_TRUE(target.append(small_rows(range(600, 1))));
  ASSERT_TRUE(source.append(small_rows(range(500, 1))));
  ASSERT_TRUE(compact(target));
  ASSERT_TRUE(compact(source));
  ASSERT_TRUE(target.merge(source));
  const auto verified = verify(target);
  ASSERT_TRUE(verified) << verified.error().message;
  for (const Damage& damage : verified->damages) ADD_FAILURE() << damage.key << damage.what;
  ASSERT_TRUE(source.merge(target));
  EXPECT_EQ(source.count(), 32u);
  for (const Batch& batch : all_batches(source))
    for (size_t row = 0; row < batch.rows(); ++row) expect_small_row(batch, row);
}

TEST(CompactMerge, AChangeOnBothSidesStaysAConflict) {
  AppendOptions replace;
  replace.on_conflict = OnConflict::kReplace;
  Dataset target = small_commits(3);
  Dataset source = *target.branch("side");
  ASSERT_TRUE(target.append(rows_at({5}, {int_column("n", {-1})}), replace));
  ASSERT_TRUE(source.append(rows_at({5}, {int_column("n", {-2})}), replace));
  ASSERT_TRUE(compact(target));
  ASSERT_TRUE(compact(source));
  EXPECT_EQ(target.merge(source).error().code, Code::kConflict);
}

TEST(CompactMerge, ReadsNoRowWhereOnlyOneSideHasWritten) {
  Dataset target = small_commits(20);
  Dataset source = *target.branch("side");
  ASSERT_TRUE(compact(source));
  const uint64_t before = target.store_stats().bytes_read;
  ASSERT_TRUE(target.merge(source));
  EXPECT_EQ(segments_of(target, "img"), 1u);
  ASSERT_TRUE(target.append(small_rows({999})));
  ASSERT_TRUE(source.append(small_rows({998})));
  ASSERT_TRUE(target.merge(source));
  EXPECT_EQ(target.count(), 202u);
  EXPECT_LT(target.store_stats().bytes_read - before, 40'000u);
}

}  // namespace
}  // namespace dreamdb
