// Each operation stays within its budget of requests and waves, also on large datasets.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <set>

#include "base/one_in.h"
#include "dataset/budget_testing.h"
#include "version/history.h"

namespace dreamdb {
namespace {

using namespace testing;

TEST(Budget, CreateTakesThreeWavesAndOpenTwo) {
  const Counted counted;
  const StoreCounts create =
      counted.cost([&] { ASSERT_TRUE(create_in(counted.space(), "main", three_tracks())); });
  EXPECT_LE(create.waves, 3u);
  EXPECT_LE(create.requests(), 4u);  // looked for, genesis, manifest, swap

  auto ds = counted.open();
  ASSERT_TRUE(ds.append(sequence_rows(0, 1000)));
  const StoreCounts open = counted.cost([&] { EXPECT_EQ(*counted.open().count(), 1000u); });
  EXPECT_EQ(open.waves, 2u);
  EXPECT_EQ(open.requests(), 2u);
  EXPECT_EQ(open.of(StoreOp::kLoad), 1u);
  EXPECT_EQ(of_prefix(open, "manifests"), 1u);
}

TEST(Budget, AppendTakesTwoWavesAndWritesEachThingOnce) {
  const Counted counted;
  auto ds = create_in(counted.space(), "main", three_tracks());
  ASSERT_TRUE(ds);
  for (uint64_t n = 0; n < 5; ++n) {
    const StoreCounts append =
        counted.cost([&] { ASSERT_TRUE(ds->append(sequence_rows(n * 100, 100))); });
    EXPECT_EQ(append.waves, 2u);
    EXPECT_EQ(append.of(StoreOp::kGet), 0u);
    EXPECT_EQ(of_prefix(append, "segments"), 3u);
    EXPECT_EQ(of_prefix(append, "pages"), 3u);
    EXPECT_EQ(of_prefix(append, "manifests"), 1u);
    EXPECT_EQ(append.of(StoreOp::kSwap), 1u);
    EXPECT_EQ(append.requests(), 8u);
  }
  // A writer's last rows go up with its commit too.
  const StoreCounts written = counted.cost([&] {
    auto writer = ds->writer();
    ASSERT_TRUE(writer->append(sequence_rows(8000, 50)));
    ASSERT_TRUE(writer->append(sequence_rows(8050, 50)));
    ASSERT_TRUE(writer->commit());
  });
  EXPECT_EQ(written.waves, 2u);
  EXPECT_EQ(written.requests(), 8u);
  // A key of idempotency is one page more.
  AppendOptions keyed;
  keyed.idempotency_key = "job 7";
  const StoreCounts append =
      counted.cost([&] { ASSERT_TRUE(ds->append(sequence_rows(9000, 100), keyed)); });
  EXPECT_EQ(append.waves, 2u);
  EXPECT_EQ(append.requests(), 9u);
  const StoreCounts again =
      counted.cost([&] { ASSERT_TRUE(ds->append(sequence_rows(9000, 100), keyed)); });
  EXPECT_EQ(again.requests(), 0u);
}

TEST(Budget, ALostRaceWritesPagesAgainButNoData) {
  const Counted counted;
  ASSERT_TRUE(create_in(counted.space(), "main", three_tracks()));
  Dataset first = counted.open();
  Dataset second = counted.open();
  ASSERT_TRUE(first.append(sequence_rows(0, 100)));
  const StoreCounts lost =
      counted.cost([&] { ASSERT_TRUE(second.append(sequence_rows(5000, 100))); });
  EXPECT_EQ(of_prefix(lost, "segments"), 3u);
  // The ref is looked at, its manifest read, the pages of the new tip; the ref again, as others
  // may have gone on meanwhile; then objects and swap once more.
  EXPECT_LE(lost.waves, 2u + 7u);
  EXPECT_EQ(lost.of(StoreOp::kSwap), 2u);
  EXPECT_EQ(lost.of(StoreOp::kPut), 3u + 2 * (3u + 1u));
  EXPECT_EQ(*second.count(), 200u);
}

TEST(Budget, BranchAndSnapshotTakeAtMostTwoWaves) {
  const Counted counted;
  auto ds = create_in(counted.space(), "main", three_tracks());
  ASSERT_TRUE(ds->append(sequence_rows(0, 1000)));
  const StoreCounts branch = counted.cost([&] { ASSERT_TRUE(ds->branch("try")); });
  EXPECT_LE(branch.waves, 2u);
  EXPECT_LE(branch.requests(), 2u);
  EXPECT_EQ(branch.of(StoreOp::kSwap), 1u);
  const StoreCounts snapshot = counted.cost([&] { ASSERT_TRUE(ds->snapshot("v1")); });
  EXPECT_LE(snapshot.waves, 2u);
  EXPECT_LE(snapshot.requests(), 2u);
  EXPECT_EQ(snapshot.of(StoreOp::kSwap), 1u);
  const StoreCounts count = counted.cost([&] { ASSERT_EQ(*ds->count(), 1000u); });
  EXPECT_EQ(count.requests(), 0u);
  const StoreCounts refresh = counted.cost([&] { ASSERT_FALSE(*ds->refresh()); });
  EXPECT_EQ(refresh.requests(), 1u);
}

TEST(Budget, TakeOfScatteredRecordsTakesFourWavesCold) {
  const Counted counted;
  auto made = create_in(counted.space(), "main", three_tracks());
  ASSERT_TRUE(made);
  // Segments too large to be read whole, and so many that the trees have two levels.
  constexpr size_t kSegments = 1200, kRows = 300;
  WriterOptions options;
  options.buffer_bytes = 1;
  options.commit_rows = kSegments * kRows;
  auto writer = made->writer(options);
  for (uint64_t i = 0; i < kSegments; ++i)
    ASSERT_TRUE(writer->append(sequence_rows(i * kRows, kRows, false)));
  ASSERT_TRUE(writer->commit());
  const DatasetStat stat = *made->stat();
  for (const TrackStat& track : stat.tracks)
    if (track.segments > 0) {
      EXPECT_EQ(track.height, 1u) << track.name;
    }

  std::mt19937_64 random(1);
  std::vector<uint64_t> wanted;
  for (int i = 0; i < 1000; ++i) wanted.push_back(random() % (kSegments * kRows));
  const Dataset ds = counted.open();
  const StoreCounts take = counted.cost([&] {
    auto batch = ds.take(wanted, {{"emb", "n"}});
    ASSERT_TRUE(batch) << batch.error().message;
    for (size_t i = 0; i < wanted.size(); ++i) {
      ASSERT_EQ(batch->find("n")->as<int64_t>()[i], static_cast<int64_t>(wanted[i]));
      ASSERT_EQ(batch->find("emb")->as<float>()[i * 64 + 63],
                static_cast<float>(wanted[i] + 1) / 8);
    }
  });
  EXPECT_LE(take.waves, 4u);
  // Read again, only what is no longer kept is fetched: one wave.
  const StoreCounts warm = counted.cost([&] { ASSERT_TRUE(ds.take(wanted, {{"emb", "n"}})); });
  EXPECT_LE(warm.waves, 1u);
}

// A track of `count` segments that do not exist, in pages on the store.
Root synthetic_track(Store& store, FieldId field, uint64_t count) {
  constexpr uint64_t kBatch = 20'000;
  const Nonce nonce{};
  std::mt19937_64 random(static_cast<uint64_t>(field) + 1);
  std::optional<Root> root;
  PageMap pages;
  for (uint64_t done = 0; done < count; done += kBatch) {
    std::vector<Entry> entries(std::min(kBatch, count - done));
    for (uint64_t i = 0; i < entries.size(); ++i) {
      Entry& e = entries[i];
      e.first = (done + i) * 1'000'000;
      e.step = 1000;
      e.rows = e.records = 1000;
      e.last = e.first + (e.rows - 1) * e.step;
      e.seq = 1;
      for (std::byte& b : e.child.hash) b = static_cast<std::byte>(random());
      e.size = e.bytes = 3 << 20;
      e.footer = 4000;
      if (field != kRecordTrack) continue;
      ColumnStats stats;
      stats.present = e.rows;
      stats.min = static_cast<int64_t>(e.first);
      stats.max = static_cast<int64_t>(e.last);
      e.stats = Stats{{FieldId{2}, stats}};
    }
    auto inserted = insert_entries(root, field, std::move(entries), nonce, pages);
    EXPECT_TRUE(inserted) << inserted.error().message;
    EXPECT_TRUE(inserted->missing.empty());
    std::vector<PutRequest> puts;
    pages = {};  // the next entries come last: only the last pages are needed
    for (const NewPage& page : inserted->pages) {
      puts.push_back({page_key(page.address), page.body});
      pages.add(page.address, page.page);
    }
    for (const Status& status : store.put_many(puts)) EXPECT_TRUE(status);
    root = inserted->root;
  }
  return *root;
}

// A branch "large" with `segments` segments in the record track and in that of "emb".
void make_synthetic(const Counted& counted, const std::string& ref, uint64_t segments) {
  const auto space = counted.space();
  auto ds = create_in(space, ref, three_tracks());
  ASSERT_TRUE(ds) << ds.error().message;
  auto tip = load_tip(space->objects(), ref);
  Committer committer(space->objects(), space->runtime(), space->writer());
  Change change;
  change.operation = "append";
  change.edit = [&](Manifest& manifest) -> Status {
    for (const FieldId field : {kRecordTrack, manifest.schema.find("emb")->id})
      manifest.tracks.push_back(synthetic_track(*counted.memory, field, segments));
    return {};
  };
  auto moved = committer.commit(*tip, std::move(change), nullptr);
  ASSERT_TRUE(moved) << moved.error().message;
}

TEST(Budget, AMillionSegmentsCostNoMoreThanTen) {
  const Counted counted;
  make_synthetic(counted, "ten", 10);
  const uint64_t segments = OneIn().of(1'000'000);
  make_synthetic(counted, "large", segments);
  const auto open_cost = [&](const std::string& ref, uint64_t records) {
    return counted.cost([&] { EXPECT_EQ(*counted.open(ref).count(), records); });
  };
  const StoreCounts ten = open_cost("ten", 10'000);
  const StoreCounts large = open_cost("large", segments * 1000);
  EXPECT_LE(large.requests(), 2 * ten.requests());
  EXPECT_LE(large.read_bytes, 2 * ten.read_bytes);
  EXPECT_EQ(large.waves, 2u);

  Dataset ds = counted.open("large");
  EXPECT_LT(ds.stat()->manifest_bytes, 4096u);
  const auto append_cost = [&](uint64_t first, uint64_t pages_max) {
    Dataset cold = counted.open("large");  // has read nothing yet
    const StoreCounts append = counted.cost([&] {
      auto report = cold.append(sequence_rows(first, 10));
      ASSERT_TRUE(report) << report.error().message;
      EXPECT_EQ(report->records, 10u);
    });
    EXPECT_LE(of_prefix(append, "pages") - append.of(StoreOp::kGet),
              2 * pages_max + 1);  // the images' track has one page
    EXPECT_EQ(append.of(StoreOp::kPut),
              3 + 1 + of_prefix(append, "pages") - append.of(StoreOp::kGet));
    EXPECT_LE(append.of(StoreOp::kGet), 3u + 3u + 1u);
    // Cold: the levels of the record track, those of all others together; then as ever.
    EXPECT_LE(append.waves, 3u + 3u + 2u);
    EXPECT_EQ(append.of(StoreOp::kSwap), 1u);
    EXPECT_LT(cold.stat()->manifest_bytes, 4096u);
    EXPECT_EQ(cold.take(std::vector{first + 3})->rows(), 1u);
  };
  append_cost(1'000'000'000'000'000, 3);
  append_cost(1'000'000'000'100'000, 3);
  // In the middle stand full pages: they are cut in two once, then there is room.
  const uint64_t middle = segments / 2 * 1'000'000;
  append_cost(middle + 999'500, 5);
  append_cost(middle + 1'999'500, 3);
}

TEST(Budget, TheTenThousandthCommitCostsAsTheHundredth) {
  const Counted counted;
  auto ds = create_in(counted.space(), "main", three_tracks());
  ASSERT_TRUE(ds);
  StoreCounts hundredth, last;
  const uint64_t commits = OneIn().of(10'000);
  for (uint64_t n = 1; n <= commits; ++n) {
    const StoreCounts commit =
        counted.cost([&] { ASSERT_TRUE(ds->append(sequence_rows(n * 10, 1, false))); });
    if (n == 100) hundredth = commit;
    if (n == commits) last = commit;
    if (n % 500 != 0) continue;
    // Pages that only old versions name are in the way of a test that lives in memory.
    auto listed = counted.memory->list("pages/", "", 1'000'000);
    ASSERT_TRUE(listed);
    std::sort(listed->objects.begin(), listed->objects.end(),
              [](const auto& a, const auto& b) { return a.time_ns > b.time_ns; });
    std::vector<std::string> old;
    for (size_t i = 50; i < listed->objects.size(); ++i) old.push_back(listed->objects[i].key);
    counted.memory->delete_many(old);
  }
  EXPECT_EQ(last.waves, hundredth.waves);
  EXPECT_EQ(last.of(StoreOp::kGet), 0u);
  EXPECT_LE(of_prefix(last, "pages"), of_prefix(hundredth, "pages") + 2);  // two tracks
  EXPECT_EQ(of_prefix(last, "segments"), of_prefix(hundredth, "segments"));
  EXPECT_LE(last.requests(), hundredth.requests() + 2);
}

// Versions `first_depth`, ... on top of `parent`, `count` of them; the addresses by depth.
std::vector<Address> synthetic_history(Store& store, Manifest parent, Address at, uint64_t count,
                                       std::byte nonce) {
  std::vector<Address> out;
  std::vector<PutRequest> puts;
  for (uint64_t i = 0; i < count; ++i) {
    parent.ancestors = ancestors_of_child(parent, at);
    parent.parents = {at};
    parent.nonce.fill(nonce);
    parent.depth += 1;
    parent.generation += 1;
    parent.time_ns += 10;
    parent.operation = "append";
    const Buffer body = *write_manifest(parent);
    at = Address::of(body.span());
    out.push_back(at);
    puts.push_back({manifest_key(at), body});
    if (puts.size() < 1000 && i + 1 < count) continue;
    for (const Status& status : store.put_many(puts)) EXPECT_TRUE(status);
    puts.clear();
  }
  return out;
}

uint64_t jump_requests_max(uint64_t depth) {
  return static_cast<uint64_t>(2 * std::log2(static_cast<double>(depth))) + 4;
}

TEST(Budget, HistoriesOfAHundredThousandCommitsAreJumpedThrough) {
  const uint64_t commits = OneIn().of(100'000);
  const Counted counted;
  auto ds = create_in(counted.space(), "main", three_tracks());
  ASSERT_TRUE(ds);
  const Address root = *Address::parse(ds->manifest());
  Objects reader(counted.store, kBudgetCacheBytes);
  const ManifestPtr first = *reader.manifest(root);
  const auto main_line = synthetic_history(*counted.memory, *first, root, commits, std::byte{1});
  std::mt19937_64 random(3);
  for (int round = 0; round < 20; ++round) {
    const uint64_t depth = round == 0 ? 1 : random() % commits + 1;
    Objects objects(counted.store, kBudgetCacheBytes);
    const VersionPoint tip{main_line.back(), *objects.manifest(main_line.back())};
    const StoreCounts jump = counted.cost(
        [&] { EXPECT_EQ(ancestor_at(objects, tip, depth)->address, main_line[depth - 1]); });
    EXPECT_LE(jump.requests(), jump_requests_max(commits));
  }
  // Two branches that went their ways at a random place.
  for (int round = 0; round < 10; ++round) {
    const uint64_t fork = random() % commits + 1;
    Objects objects(counted.store, kBudgetCacheBytes);
    const Address at = main_line[fork - 1];
    const auto side = synthetic_history(*counted.memory, **objects.manifest(at), at,
                                        random() % 2000 + 1, std::byte{2});
    const VersionPoint left{main_line.back(), *objects.manifest(main_line.back())};
    const VersionPoint right{side.back(), *objects.manifest(side.back())};
    Objects cold(counted.store, kBudgetCacheBytes);
    const StoreCounts common =
        counted.cost([&] { EXPECT_EQ((*common_ancestor(cold, left, cold, right))->address, at); });
    // Both sides are followed.
    EXPECT_LE(common.requests(), 2 * jump_requests_max(commits)) << "fork at " << fork;
  }
  // The list is a stream: one request for each, with a cache that holds few.
  OpenOptions options;
  options.manifest = main_line.back().text();
  const auto small = counted.space(1 << 20);
  auto at_tip = open_in(small, "main", options);
  ASSERT_TRUE(at_tip);
  auto history = at_tip->history();
  const StoreCounts listed = counted.cost([&] {
    for (uint64_t i = 0; i <= commits; ++i) {
      auto info = history->next();
      ASSERT_TRUE(info && *info);
      const Address& expected = i == commits ? root : main_line[commits - 1 - i];
      ASSERT_EQ((*info)->manifest, expected.text());
    }
    ASSERT_FALSE(history->next()->has_value());
  });
  EXPECT_EQ(listed.requests(), commits);
  EXPECT_LE(small->objects().caches().small_size_bytes(), 1u << 20);
}

// Two branches of `segments` times a thousand records that each added a thousand.
StoreCounts cost_of_merge(size_t segments) {
  const Counted counted;
  Schema schema;
  EXPECT_TRUE(schema.add(embedding_field("emb", 2)));
  EXPECT_TRUE(schema.add(field_of("n", FieldType::kInt)));
  auto main = create_in(counted.space(), "main", schema);
  const auto add = [](Dataset& ds, uint64_t first) {
    std::vector<uint64_t> anchors;
    std::vector<int64_t> numbers;
    for (uint64_t i = 0; i < 1000; ++i) anchors.push_back(first + i);
    for (const uint64_t a : anchors) numbers.push_back(static_cast<int64_t>(a));
    const std::vector<float> vectors(2000, 1.0f);
    EXPECT_TRUE(ds.append(
        rows_at(anchors, {embedding_column("emb", 2, vectors), int_column("n", numbers)})));
  };
  for (uint64_t i = 0; i < segments; ++i) add(*main, i * 1000);
  Dataset left = *main->branch("left"), right = *main->branch("right");
  add(left, 1'000'000'000);
  add(right, 2'000'000'000);
  Dataset target = counted.open("left");
  const Dataset source = *open_in(counted.space(), "right");
  const StoreCounts cost = counted.cost([&] {
    const auto report = target.merge(source);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->records, 1000u);
  });
  EXPECT_EQ(*target.count(), segments * 1000 + 2000);
  EXPECT_EQ(of_prefix(cost, "segments"), 0u);
  return cost;
}

TEST(Budget, MergeOfDisjointBranchesFollowsTheLogOfTheirSize) {
  const StoreCounts small = cost_of_merge(10), large = cost_of_merge(1000);
  EXPECT_LE(large.requests(), 30u);
  EXPECT_LE(large.requests(), small.requests() + 12);
  EXPECT_LE(large.waves, small.waves + 4);
  EXPECT_EQ(large.of(StoreOp::kSwap), 1u);
}

// Two branches that both replaced, or that both added, `records` records differently.
StoreCounts cost_of_conflicts(size_t records, bool replaced) {
  const Counted counted;
  auto main = create_in(counted.space(), "main", three_tracks());
  EXPECT_TRUE(main->append(sequence_rows(replaced ? 0 : 1'000'000, records)));
  Dataset left = *main->branch("left"), right = *main->branch("right");
  AppendOptions options;
  options.on_conflict = OnConflict::kReplace;
  for (auto& [ds, other] : {std::pair{&left, 1}, std::pair{&right, 2}}) {
    NewRows rows = sequence_rows(other * 10'000'000, records);
    rows.anchors = sequence_rows(0, records).anchors;
    EXPECT_TRUE(ds->append(std::move(rows), options));
  }
  Dataset target = counted.open("left");
  const Dataset source = *open_in(counted.space(), "right");
  return counted.cost([&] {
    MergeOptions all;
    all.dry_run = true;
    all.conflicts_max = SIZE_MAX;
    const auto report = target.merge(source, all);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->conflicts.size(), 3 * records);
  });
}

TEST(Budget, ToldConflictsTakeNoRequestEach) {
  for (const bool replaced : {false, true}) {
    const StoreCounts few = cost_of_conflicts(10, replaced);
    const StoreCounts many = cost_of_conflicts(4000, replaced);
    EXPECT_LE(many.requests(), few.requests() + 8) << replaced;
    EXPECT_LE(many.waves, few.waves + 8) << replaced;
  }
}

}  // namespace
}  // namespace dreamdb
