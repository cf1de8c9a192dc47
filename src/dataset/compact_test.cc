// Compaction of datasets: the same records and values in fewer segments, whoever writes meanwhile.
#include <gtest/gtest.h>

#include <map>

#include "dataset/dataset_impl.h"
#include "dataset/small_dataset.h"
#include "dreamdb/upkeep.h"

namespace dreamdb {
namespace {

using namespace testing;

std::map<std::string, uint64_t> segments_of(const Dataset& ds) {
  std::map<std::string, uint64_t> out;
  const auto stat = ds.stat();
  for (const TrackStat& track : stat->tracks) out[track.name] = track.segments;
  return out;
}

void expect_rows(const Dataset& ds, const std::vector<uint64_t>& anchors) {
  std::vector<uint64_t> seen;
  for (const Batch& batch : all_batches(ds))
    for (size_t row = 0; row < batch.rows(); ++row) {
      seen.push_back(batch.anchors()[row]);
      expect_small_row(batch, row);
    }
  EXPECT_EQ(seen, anchors);
  EXPECT_EQ(ds.count().value(), anchors.size());
}

// `commits` commits of 10 rows each, one behind the other.
Dataset small_commits(size_t commits) {
  Dataset ds = *Dataset::create(fresh_locator(), small_schema());
  for (size_t i = 0; i < commits; ++i) EXPECT_TRUE(ds.append(small_rows(range(i * 10, 10))));
  return ds;
}

CompactOptions rows_a_segment(uint64_t rows) {
  CompactOptions options;
  options.segment_rows = rows;
  return options;
}

TEST(Compact, MakesOneSegmentOfManySmallOnes) {
  Dataset ds = small_commits(20);
  const std::string before = ds.manifest();
  EXPECT_EQ(segments_of(ds)["img"], 20u);
  const auto report = compact(ds);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->manifest, ds.manifest());
  EXPECT_EQ(report->commits, 1u);
  EXPECT_EQ(report->given_up, 0u);
  ASSERT_EQ(report->tracks.size(), 3u);
  for (const CompactedTrack& track : report->tracks) {
    EXPECT_EQ(track.segments, 20u) << track.name;
    EXPECT_EQ(track.segments_read, 20u);
    EXPECT_EQ(track.segments_written, 1u);
    EXPECT_EQ(track.rows_read, 200u);
    EXPECT_EQ(track.rows_written, 200u);
  }
  for (const auto& [track, segments] : segments_of(ds)) EXPECT_EQ(segments, 1u) << track;
  expect_rows(ds, range(0, 200));
  // The version before is as it was, also for who has it open.
  OpenOptions at;
  at.manifest = before;
  const Dataset old = *Dataset::open(ds.locator(), at);
  EXPECT_EQ(segments_of(old)["img"], 20u);
  expect_rows(old, range(0, 200));
}

TEST(Compact, HasNothingToDoTheSecondTime) {
  Dataset ds = small_commits(20);
  ASSERT_TRUE(compact(ds, rows_a_segment(64)));
  // 7, 7 and 6 of 10 rows.
  EXPECT_EQ(segments_of(ds)["(records)"], 5u);
  const std::string before = ds.manifest();
  const auto again = compact(ds, rows_a_segment(64));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_TRUE(again->tracks.empty());
  EXPECT_EQ(again->commits, 0u);
  EXPECT_EQ(ds.manifest(), before);
  Dataset none = *Dataset::create(fresh_locator(), small_schema());
  EXPECT_TRUE(compact(none)->tracks.empty());
}

TEST(Compact, PlansAndChangesNothing) {
  Dataset ds = small_commits(5);
  const std::string before = ds.manifest();
  CompactOptions options;
  options.dry_run = true;
  const auto plan = compact(ds, options);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->manifest, before);
  EXPECT_EQ(ds.manifest(), before);
  ASSERT_EQ(plan->tracks.size(), 3u);
  for (const CompactedTrack& track : plan->tracks) {
    EXPECT_EQ(track.segments_read, 5u);
    EXPECT_EQ(track.segments_written, 1u);
    EXPECT_GT(track.bytes_read, 0u);
  }
}

TEST(Compact, FoldsLayersIntoTheirRecords) {
  Dataset ds = small_commits(3);
  AppendOptions replace;
  replace.on_conflict = OnConflict::kReplace;
  for (int64_t round = 0; round < 3; ++round) {
    ASSERT_TRUE(ds.append(rows_at({5, 15, 25}, {int_column("n", {round, 10 + round, 20 + round})}),
                          replace));
  }
  ASSERT_TRUE(ds.append(rows_at({7}, {float_column("score", {-1})}), replace));
  EXPECT_EQ(segments_of(ds)["(records)"], 7u);
  // Large ones too are written anew where layers lie on them.
  ASSERT_TRUE(compact(ds, rows_a_segment(10)));
  EXPECT_EQ(segments_of(ds)["(records)"], 3u);
  const auto taken = ds.take(std::vector<uint64_t>{4, 5, 7, 15, 25});
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->find("n")->as<int64_t>()[0], 4);
  EXPECT_EQ(taken->find("n")->as<int64_t>()[1], 2);
  EXPECT_EQ(taken->find("n")->as<int64_t>()[3], 12);
  EXPECT_EQ(taken->find("n")->as<int64_t>()[4], 22);
  EXPECT_EQ(taken->find("score")->as<double>()[1], 2.5);
  EXPECT_EQ(taken->find("score")->as<double>()[2], -1);
  EXPECT_EQ(taken->find("label")->text(1), "dog");
  EXPECT_EQ(ds.count(), 30u);
}

TEST(Compact, KeepsTheNewestOfValuesThatWereReplaced) {
  Dataset ds = small_commits(3);
  AppendOptions replace;
  replace.on_conflict = OnConflict::kReplace;
  ASSERT_TRUE(ds.append(rows_at({5}, {text_column("img", FieldType::kImage, {"second"}),
                                      embedding_column("emb", 4, {1, 2, 3, 4})}),
                        replace));
  const auto report = compact(ds);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(segments_of(ds)["img"], 1u);
  EXPECT_EQ(report->tracks.size(), 3u);
  const auto taken = ds.take(std::vector<uint64_t>{4, 5});
  EXPECT_EQ(taken->find("img")->blobs[0].view(), "image 4");
  EXPECT_EQ(taken->find("img")->blobs[1].view(), "second");
  EXPECT_EQ(taken->find("emb")->as<float>()[5], 2);
}

TEST(Compact, CommitsAsItGoes) {
  Dataset ds = small_commits(20);
  CompactOptions options = rows_a_segment(50);
  options.commit_bytes = 1;
  const uint64_t generation = ds.generation();
  const auto report = compact(ds, options);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->commits, ds.generation() - generation);
  EXPECT_GT(report->commits, 3u);
  EXPECT_EQ(segments_of(ds)["(records)"], 4u);
  expect_rows(ds, range(0, 200));
}

TEST(Compact, GoesOnWhereItWasStopped) {
  Dataset ds = small_commits(20);
  CompactOptions options = rows_a_segment(50);
  options.commit_bytes = 1;
  int calls = 0;
  options.progress = [&](const IndexProgress& progress) {
    EXPECT_EQ(progress.stage, "compact");
    EXPECT_LE(progress.done, progress.of);
    return ++calls < 7;
  };
  const std::string before = ds.manifest();
  const auto stopped = compact(ds, options);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Code::kCancelled);
  EXPECT_NE(ds.manifest(), before);
  expect_rows(ds, range(0, 200));
  options.progress = {};
  ASSERT_TRUE(compact(ds, options));
  EXPECT_EQ(segments_of(ds)["(records)"], 4u);
  EXPECT_EQ(segments_of(ds)["img"], 4u);
  expect_rows(ds, range(0, 200));
}

TEST(Compact, SharesAddUp) {
  Dataset ds = small_commits(40);
  std::vector<Dataset> workers;
  for (int i = 0; i < 3; ++i) workers.push_back(*Dataset::open(ds.locator()));
  uint64_t read = 0;
  for (uint64_t i = 0; i < 3; ++i) {
    CompactOptions options = rows_a_segment(40);
    options.shard = Shard{i, 3};
    const auto report = compact(workers[i], options);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->given_up, 0u);
    for (const CompactedTrack& track : report->tracks)
      if (track.name == "(records)") read += track.segments_read;
  }
  EXPECT_EQ(read, 40u);
  ASSERT_TRUE(*ds.refresh());
  EXPECT_EQ(segments_of(ds)["(records)"], 10u);
  expect_rows(ds, range(0, 400));
  CompactOptions wrong;
  wrong.shard = Shard{3, 3};
  EXPECT_EQ(compact(ds, wrong).error().code, Code::kInvalidArgument);
}

// Another handle does something while the first one compacts.
void compact_while(Dataset& ds, const std::function<void(Dataset& other)>& act,
                   CompactReport* out = nullptr, CompactOptions options = {}) {
  Dataset other = *Dataset::open(ds.locator());
  bool is_done = false;
  options.progress = [&](const IndexProgress&) {
    if (!std::exchange(is_done, true)) act(other);
    return true;
  };
  const auto report = compact(ds, options);
  ASSERT_TRUE(report) << report.error().message;
  if (out != nullptr) *out = *report;
}

// ---- a part of a track at a time

TEST(Compact, PlansAPartAtATime) {
  AppendOptions replace;
  replace.on_conflict = OnConflict::kReplace;
  for (const uint64_t at_once : {1, 3, 7}) {
    Dataset ds = small_commits(20);
    IndexOptions index;
    index.cells = 2;
    ASSERT_TRUE(ds.reindex("emb", index));
    for (size_t i = 20; i < 40; ++i) ASSERT_TRUE(ds.append(small_rows(range(i * 10, 10))));
    // Far apart, in one segment.
    ASSERT_TRUE(ds.append(
        rows_at({5, 205, 395}, {text_column("img", FieldType::kImage, {"first", "middle", "last"}),
                                int_column("n", {-1, -2, -3})}),
        replace));
    const auto before = fingerprint(ds);
    CompactOptions options = rows_a_segment(50);
    options.entries_at_once = at_once;
    const auto report = compact(ds, options);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(fingerprint(ds)->text, before->text) << at_once;
    EXPECT_EQ(ds.indexes()->at(0).codes, 400u);
    EXPECT_EQ(ds.indexes()->at(0).uncovered, 0u);
    for (const auto& [track, segments] : segments_of(ds)) EXPECT_LT(segments, 14u) << track;
    EXPECT_GT(report->commits, 400 / 50 / at_once) << "each of a few segments";
    const auto taken = ds.take(std::vector<uint64_t>{5, 205, 395});
    EXPECT_EQ(taken->find("img")->blobs[1].view(), "middle");
    EXPECT_EQ(taken->find("n")->as<int64_t>()[2], -3);
  }
}

TEST(Compact, OfTwoPartsThatWantASegmentOneGetsIt) {
  Dataset ds = *Dataset::create(fresh_locator(), small_schema());
  AppendOptions replace;
  replace.on_conflict = OnConflict::kReplace;
  ASSERT_TRUE(ds.append(small_rows(range(0, 10))));
  ASSERT_TRUE(ds.append(small_rows(range(20, 20))));  // large enough to end a run
  ASSERT_TRUE(ds.append(small_rows(range(50, 10))));
  // Beside the first ones, and older than the last ones with which those at 50 are to be joined.
  ASSERT_TRUE(ds.append(rows_at({5, 55}, {text_column("img", FieldType::kImage, {"new", "new"})}),
                        replace));
  ASSERT_TRUE(ds.append(small_rows(range(60, 10))));
  const auto before = fingerprint(ds);
  CompactOptions options = rows_a_segment(30);
  options.entries_at_once = 3;
  const auto report = compact(ds, options);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->given_up, 0u);
  EXPECT_EQ(fingerprint(ds)->text, before->text);
  EXPECT_EQ(ds.take(std::vector<uint64_t>{55})->find("img")->blobs[0].view(), "new");
  EXPECT_EQ(segments_of(ds)["img"], 3u);
  EXPECT_TRUE(verify(ds)->is_clean());
  EXPECT_TRUE(compact(ds, options)->tracks.empty());
}

TEST(Compact, SmallSegmentsBecomeFewBeforeAPurge) {
  Dataset ds = small_commits(30);
  ASSERT_TRUE(ds.delete_records(std::vector<uint64_t>{7, 155, 295}));
  CompactOptions options = rows_a_segment(50);
  options.entries_at_once = 6;
  options.purge = true;
  const auto report = compact(ds, options);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(ds.count(), 297u);
  const Root* const track = ds.impl().manifest()->find_track(kRecordTrack);
  EXPECT_EQ(track->records, 297u);
  EXPECT_EQ(track->segments, 6u);
  EXPECT_EQ(ds.impl().manifest()->find_tombstones(kRecordTrack)->records, 0u);
  EXPECT_TRUE(compact(ds, options)->tracks.empty());
  options.entries_at_once = 0;
  EXPECT_EQ(compact(ds, options).error().code, Code::kInvalidArgument);
}

TEST(Compact, CommutesWithAppends) {
  Dataset ds = small_commits(5);
  compact_while(ds, [](Dataset& other) { ASSERT_TRUE(other.append(small_rows({77, 78}))); });
  EXPECT_EQ(segments_of(ds)["img"], 2u);
  std::vector<uint64_t> anchors = range(0, 50);
  anchors.insert(anchors.end(), {77, 78});
  expect_rows(ds, anchors);
}

TEST(Compact, LosesNoValueThatIsReplacedMeanwhile) {
  Dataset ds = small_commits(5);
  compact_while(ds, [](Dataset& other) {
    AppendOptions replace;
    replace.on_conflict = OnConflict::kReplace;
    ASSERT_TRUE(other.append(
        rows_at({5}, {text_column("img", FieldType::kImage, {"second"}), int_column("n", {-5})}),
        replace));
  });
  const auto taken = ds.take(std::vector<uint64_t>{5});
  EXPECT_EQ(taken->find("img")->blobs[0].view(), "second");
  EXPECT_EQ(taken->find("n")->as<int64_t>()[0], -5);
}

TEST(Compact, GivesUpWhatAnotherHasCompacted) {
  Dataset ds = small_commits(5);
  CompactReport report;
  compact_while(ds, [](Dataset& other) { ASSERT_TRUE(compact(other)); }, &report);
  EXPECT_EQ(report.given_up, 3u);
  EXPECT_EQ(report.commits, 0u);
  EXPECT_EQ(segments_of(ds)["img"], 1u);
  expect_rows(ds, range(0, 50));
}

TEST(Compact, PurgesNothingThatIsRestoredMeanwhile) {
  Dataset ds = small_commits(5);
  const Dataset before = *Dataset::open(ds.locator() + "@" + ds.snapshot("v1")->name.substr(5));
  ASSERT_TRUE(ds.delete_records(std::vector<uint64_t>{7, 33}));
  CompactOptions purge;
  purge.purge = true;
  CompactReport report;
  compact_while(ds, [&](Dataset& other) { ASSERT_TRUE(other.restore(before)); }, &report, purge);
  EXPECT_GT(report.given_up, 0u);
  expect_rows(ds, range(0, 50));
  // So is it where the ref was made anew.
  ASSERT_TRUE(ds.branch("again"));
  Dataset again = *Dataset::open(ds.store_url() + "@again");
  ASSERT_TRUE(again.delete_records(std::vector<uint64_t>{7, 33}));
  compact_while(
      again,
      [&](Dataset& other) {
        ASSERT_TRUE(other.delete_ref("again"));
        ASSERT_TRUE(ds.branch("again"));
      },
      &report, purge);
  expect_rows(*Dataset::open(ds.store_url() + "@again"), range(0, 50));
}

TEST(Compact, IsRefusedWhereTheRefDoesNotMove) {
  Dataset ds = small_commits(2);
  ASSERT_TRUE(ds.snapshot("v1"));
  Dataset snapshot = *Dataset::open(ds.locator() + "@v1");
  EXPECT_EQ(compact(snapshot).error().code, Code::kDenied);
  CompactOptions wrong;
  wrong.segment_rows = 0;
  EXPECT_EQ(compact(ds, wrong).error().code, Code::kInvalidArgument);
}

// ---- indexes

std::vector<uint64_t> nearest(const Dataset& ds, std::vector<float> query) {
  SearchOptions options;
  options.top_k = 5;
  const auto answer = ds.search("emb", query, 1, options);
  EXPECT_TRUE(answer) << answer.error().message;
  std::vector<uint64_t> out;
  for (size_t i = 0; i < answer->hits[0].rows.rows(); ++i)
    out.push_back(answer->hits[0].rows.anchors()[i]);
  return out;
}

TEST(Compact, JoinsCodesAndKeepsThemOfAllRows) {
  for (const uint32_t bits : {1u, 4u}) {
    Dataset ds = small_commits(10);
    IndexOptions index;
    index.cells = 4;
    index.bits = bits;
    ASSERT_TRUE(ds.reindex("emb", index));
    for (size_t i = 10; i < 30; ++i) ASSERT_TRUE(ds.append(small_rows(range(i * 10, 10))));
    const auto before = ds.indexes()->at(0);
    EXPECT_EQ(before.codes, 300u);
    const auto expected = nearest(ds, {1, -2, 0.5, 1});
    const auto report = compact(ds);
    ASSERT_TRUE(report) << report.error().message;
    const auto after = ds.indexes()->at(0);
    EXPECT_EQ(after.segments, 1u);
    EXPECT_EQ(after.codes, 300u);
    EXPECT_EQ(after.uncovered, 0u);
    EXPECT_EQ(nearest(ds, {1, -2, 0.5, 1}), expected);
    // What is appended then has codes as before.
    ASSERT_TRUE(ds.append(small_rows(range(300, 10))));
    EXPECT_EQ(ds.indexes()->at(0).uncovered, 0u);
  }
}

TEST(Compact, LeavesWithoutCodesWhatHasNone) {
  Dataset ds = small_commits(4);
  IndexOptions train;
  train.train_only = true;
  ASSERT_TRUE(ds.reindex("emb", train));
  EXPECT_EQ(ds.indexes()->at(0).uncovered, 40u);
  for (size_t i = 4; i < 8; ++i) ASSERT_TRUE(ds.append(small_rows(range(i * 10, 10))));
  EXPECT_EQ(ds.indexes()->at(0).uncovered, 40u);
  ASSERT_TRUE(compact(ds));
  EXPECT_EQ(segments_of(ds)["emb"], 2u);
  EXPECT_EQ(ds.indexes()->at(0).uncovered, 40u);
  IndexOptions shard;
  shard.shard = Shard{0, 1};
  ASSERT_TRUE(ds.reindex("emb", shard));
  EXPECT_EQ(ds.indexes()->at(0).uncovered, 0u);
  ASSERT_TRUE(compact(ds));
  EXPECT_EQ(segments_of(ds)["emb"], 1u);
  EXPECT_EQ(ds.indexes()->at(0).uncovered, 0u);
}

// ---- memory

TEST(Compact, HoldsASegmentAndAPieceOfItsInputs) {
  Schema schema;
  ASSERT_TRUE(schema.add(field_of("img", FieldType::kImage)));
  Dataset ds = *Dataset::create(fresh_locator(), schema);
  constexpr uint64_t kImageBytes = 200'000, kImages = 300;
  for (uint64_t first = 0; first < kImages; first += 3) {
    std::vector<std::string> images;
    for (uint64_t i = first; i < first + 3; ++i)
      images.push_back(std::to_string(i) + std::string(kImageBytes, 'x'));
    ASSERT_TRUE(
        ds.append(rows_at(range(first, 3), {text_column("img", FieldType::kImage, images)})));
  }
  CompactOptions options;
  options.segment_bytes = 4'000'000;
  const StoreStats before = ds.store_stats();
  uint64_t held_max = 0, calls = 0;
  options.progress = [&](const IndexProgress&) {
    const StoreStats now = ds.store_stats();
    const uint64_t read = now.bytes_read - before.bytes_read;
    held_max = std::max(held_max, read - std::min(read, now.bytes_written - before.bytes_written));
    ++calls;
    return true;
  };
  ASSERT_TRUE(compact(ds, options));
  EXPECT_GT(ds.store_stats().bytes_read - before.bytes_read, kImages * kImageBytes);
  EXPECT_GT(calls, 10u);
  // What is read ahead of what is written: a segment, a piece of 8 MiB, pages and footers.
  EXPECT_LT(held_max, 16'000'000u);
}

// ---- purge

// Bytes of all objects that the version reaches.
std::string reachable_bytes(const Dataset& ds) {
  Objects& objects = ds.impl().objects();
  const ManifestPtr version = ds.impl().manifest();
  std::string out;
  for (const TreeOfVersion& tree : version->trees()) {
    if (!names_segments(tree.kind)) continue;
    const auto entries = list_entries(objects, TreeCursor(*tree.root, 0, UINT64_MAX));
    EXPECT_TRUE(entries);
    for (const EntryPtr& entry : *entries) {
      const std::string key = segment_key(entry->child);
      const ReadRequest request{.key = key};
      const auto read = std::move(objects.store().read_many({&request, 1})[0]);
      EXPECT_TRUE(read);
      out += read->view();
    }
  }
  return out;
}

Dataset with_secrets() {
  Dataset ds = *Dataset::create(fresh_locator(), small_schema());
  for (uint64_t first = 0; first < 100; first += 50) {
    NewRows rows = small_rows(range(first, 50));
    rows.columns[0].blobs[7] = Buffer::copy_of("secret image");
    std::vector<std::string> labels(50, "cat");
    labels[7] = "secret label";
    rows.columns[2] = text_column("label", FieldType::kCategorical, labels);
    EXPECT_TRUE(ds.append(std::move(rows)));
  }
  return ds;
}

TEST(Compact, PurgesTheBytesOfDeletedRecords) {
  Dataset ds = with_secrets();
  IndexOptions index;
  index.cells = 2;
  ASSERT_TRUE(ds.reindex("emb", index));
  ASSERT_TRUE(ds.delete_records(std::vector<uint64_t>{7, 57}));
  EXPECT_NE(reachable_bytes(ds).find("secret"), std::string::npos);
  // Without --purge they stay; full segments are not written anew for their own sake.
  ASSERT_TRUE(compact(ds, rows_a_segment(50)));
  EXPECT_NE(reachable_bytes(ds).find("secret"), std::string::npos);
  CompactOptions options = rows_a_segment(50);
  options.purge = true;
  const auto report = compact(ds, options);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(reachable_bytes(ds).find("secret"), std::string::npos);
  EXPECT_EQ(ds.indexes()->at(0).codes, 98u);
  EXPECT_EQ(ds.indexes()->at(0).uncovered, 0u);
  EXPECT_EQ(ds.count(), 98u);
  EXPECT_EQ(segments_of(ds)["img"], 2u);
  EXPECT_EQ(segments_of(ds)["(records)"], 2u);
  const ManifestPtr now = ds.impl().manifest();
  const Manifest& version = *now;
  EXPECT_EQ(version.find_tombstones(kRecordTrack)->records, 0u);
  EXPECT_EQ(version.find_tombstones(kRecordTrack)->rows, 2u);
  EXPECT_EQ(version.find_track(kRecordTrack)->records, 98u);
  // Nothing is left to purge, and nobody may use the anchors again.
  EXPECT_TRUE(compact(ds, options)->tracks.empty());
  EXPECT_EQ(ds.append(small_rows({7})).error().code, Code::kConflict);
}

TEST(Compact, PurgesTheBytesOfDeletedValues) {
  Dataset ds = *Dataset::create(fresh_locator(), small_schema());
  ASSERT_TRUE(ds.append(small_rows(range(0, 20))));
  ASSERT_TRUE(ds.append(small_rows(range(20, 20))));
  DeleteOptions values;
  values.fields = std::vector<std::string>{"n", "score"};
  ASSERT_TRUE(ds.delete_records(std::vector<uint64_t>{5, 6}, values));
  CompactOptions options;
  options.purge = true;
  ASSERT_TRUE(compact(ds, options));
  const Root& track = *ds.impl().manifest()->find_track(kRecordTrack);
  const auto entries = list_entries(ds.impl().objects(), TreeCursor(track, 0, UINT64_MAX));
  ASSERT_EQ(entries->size(), 1u);
  const FieldId n = ds.schema().find("n")->id, label = ds.schema().find("label")->id;
  EXPECT_EQ((*entries)[0]->stats.find(n)->second.present, 38u);
  EXPECT_EQ((*entries)[0]->stats.find(label)->second.present, 40u);
  const auto taken = ds.take(std::vector<uint64_t>{4, 5});
  EXPECT_FALSE(taken->find("n")->is_valid(1));
  EXPECT_EQ(taken->find("n")->as<int64_t>()[0], 4);
  EXPECT_EQ(ds.impl().manifest()->find_tombstones(n)->records, 0u);
  EXPECT_TRUE(compact(ds, options)->tracks.empty());
}

}  // namespace
}  // namespace dreamdb
