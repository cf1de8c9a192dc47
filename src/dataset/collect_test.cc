// Collections: what stays, what goes, what is counted, what ends them.
#include <gtest/gtest.h>

#include "dataset/collect_space.h"
#include "store/counting_store.h"
#include "store/far_store.h"
#include "store/fault_store.h"
#include "upkeep/hash_slice.h"
#include "version/live_session.h"

namespace dreamdb {
namespace {

using namespace testing;

class Collect : public ::testing::Test {
 protected:
  Collect() {
    auto made = create_in(space_.space(), "main", small_schema());
    EXPECT_TRUE(made) << made.error().message;
    EXPECT_TRUE(made->append(small_rows(range(0, 50))));
    EXPECT_TRUE(made->append(small_rows(range(100, 50))));
  }

  void append(const std::string& ref, uint64_t first, uint64_t count = 5) {
    Dataset ds = space_.open(ref);
    const auto done = ds.append(small_rows(range(first, count)));
    ASSERT_TRUE(done) << done.error().message;
  }
  // What a failed commit leaves: objects that no version names.
  void leave_garbage(uint64_t first) {
    const auto faulty = std::make_shared<FaultStore>(
        space_.memory,
        FaultPlan{.rules = {{.only_ops = ops(StoreOp::kSwap), .code = Code::kDenied}}},
        *space_.runtime);
    Dataset ds = *open_in(space_.space(faulty), "main");
    ASSERT_FALSE(ds.append(small_rows(range(first, 5))));
  }
  void put(const std::string& key, const std::string& body) {
    const PutRequest request{key, Buffer::copy_of(body)};
    ASSERT_TRUE(space_.memory->put_many({&request, 1})[0]);
  }
  void expect_exact() { EXPECT_EQ(space_.objects(), space_.reachable()); }
  static std::vector<std::string> history(const Dataset& ds) {
    std::vector<std::string> out;
    auto stream = ds.history();
    while (auto commit = *stream->next()) out.push_back(commit->manifest);
    return out;
  }

  CollectedSpace space_;
};

TEST_F(Collect, WhatRefsLeadToStaysAndTheRestGoes) {
  Dataset branch = *space_.open().branch("try");
  append("try", 1000);
  append("main", 2000);
  ASSERT_TRUE(space_.open().snapshot("v1"));
  ASSERT_TRUE(space_.open().branch("lost"));
  append("lost", 3000);
  IndexOptions cells;
  cells.cells = 4;
  ASSERT_TRUE(space_.open().reindex("emb", cells));
  Dataset main = space_.open();
  ASSERT_TRUE(main.merge(space_.open("try")));
  ASSERT_TRUE(main.delete_ref("lost"));
  leave_garbage(5000);
  space_.sleep_hours(2);
  const std::string before = scan_text(space_.open());
  const std::set<std::string> needed = space_.reachable();
  EXPECT_GT(space_.objects().size(), needed.size() + 5);
  const GcReport report = space_.collect();
  expect_balanced(report);
  EXPECT_GT(report.deleted.objects, 5u);
  EXPECT_EQ(report.all.guarded.objects, 0u);
  EXPECT_EQ(space_.objects(), needed);
  EXPECT_EQ(scan_text(space_.open()), before);
  EXPECT_EQ(scan_text(space_.open("try")).empty(), false);
  const GcReport again = space_.collect();
  EXPECT_EQ(again.deleted.objects, 0u);
  EXPECT_EQ(again.all.condemned.objects, 0u);
}

TEST_F(Collect, WhatIsYoungerThanAnHourStays) {
  leave_garbage(5000);
  const std::set<std::string> all = space_.objects();
  space_.sleep_hours(0.9);
  GcReport report = space_.collect();
  expect_balanced(report);
  EXPECT_EQ(space_.objects(), all);
  EXPECT_EQ(report.by_kind["manifests"].guarded.objects, 1u);
  EXPECT_EQ(report.deleted.objects, 0u);
  space_.sleep_hours(0.2);
  report = space_.collect();
  EXPECT_EQ(report.all.guarded.objects, 0u);
  EXPECT_GT(report.deleted.objects, 3u);
  expect_exact();
}

// A version that is there is whole, whatever it is there for.
TEST_F(Collect, WhatAYoungVersionNamesStaysWithIt) {
  ASSERT_TRUE(space_.open().branch("b"));
  append("b", 7000, 30);
  space_.sleep_hours(2);
  append("b", 8000);
  const Dataset young = space_.open("b");
  Dataset main = space_.open();
  ASSERT_TRUE(main.delete_ref("b"));
  const GcReport report = space_.collect();
  EXPECT_EQ(report.all.guarded.objects, 1u);
  OpenOptions at;
  at.manifest = young.manifest();
  EXPECT_EQ(scan_text(*open_in(space_.space(), "main", at)), scan_text(young));
  space_.sleep_hours(1.1);
  (void)space_.collect();
  EXPECT_EQ(open_in(space_.space(), "main", at).error().code, Code::kNotFound);
  expect_exact();
}

TEST_F(Collect, OfHistoryStaysWhatIsToBeKept) {
  for (uint64_t i = 0; i < 10; ++i) append("main", 1000 + 10 * i);
  ASSERT_TRUE(space_.open().snapshot("old"));
  for (uint64_t i = 0; i < 10; ++i) append("main", 2000 + 10 * i);
  space_.sleep_hours(2);
  const std::vector<std::string> all = history(space_.open());
  const std::string before = scan_text(space_.open());
  const std::string old = scan_text(space_.open("main@old"));
  ASSERT_EQ(all.size(), 23u);
  const GcReport report = space_.collect({.keep_last = 3});
  expect_balanced(report);
  EXPECT_EQ(report.versions, 4u);
  EXPECT_EQ(history(space_.open()), std::vector(all.begin(), all.begin() + 3));
  EXPECT_EQ(scan_text(space_.open()), before);
  EXPECT_EQ(scan_text(space_.open("main@old")), old);
  EXPECT_EQ(history(space_.open("main@old")).size(), 1u);
  expect_exact();
  // Each ends in a clear word.
  const Dataset main = space_.open();
  EXPECT_EQ(main.version_at(5).error().code, Code::kNotFound);
  EXPECT_NE(main.version_at(5).error().message.find("collected"), std::string::npos);
  OpenOptions at;
  at.manifest = all[5];
  EXPECT_EQ(open_in(space_.space(), "main", at).error().code, Code::kNotFound);
  at = {};
  at.time_ns = 1;
  EXPECT_EQ(open_in(space_.space(), "main", at).error().code, Code::kNotFound);
  auto stream = main.history();
  while (*stream->next()) continue;
  EXPECT_EQ(stream->collected(), 19u);
  // All of it, or less, changes nothing any more.
  (void)space_.collect();
  EXPECT_EQ(history(space_.open()).size(), 3u);
  EXPECT_TRUE(space_.open().append(small_rows({9999})));
}

TEST_F(Collect, WhatWasTheTipWithinTheHourStays) {
  space_.sleep_hours(3);
  append("main", 1000);
  const Dataset reader = space_.open();  // the tip of now
  const std::string seen = scan_text(reader);
  space_.sleep_hours(2);
  append("main", 1010);
  append("main", 1020);
  (void)space_.collect({.keep_last = 1});
  EXPECT_EQ(history(space_.open()).size(), 3u) << "two young ones, and the tip of an hour ago";
  OpenOptions at;
  at.manifest = reader.manifest();
  EXPECT_EQ(scan_text(*open_in(space_.space(), "main", at)), seen);
  space_.sleep_hours(2);
  (void)space_.collect({.keep_last = 1});
  EXPECT_EQ(history(space_.open()).size(), 1u);
  expect_exact();
}

// The versions that it moved on to are old, so history does not tell when it came to name them.
TEST_F(Collect, WhatAFastForwardLeftBehindStaysForAnHour) {
  Dataset main = space_.open();
  ASSERT_TRUE(main.branch("follower"));
  append("main", 700);
  append("main", 800);
  space_.sleep_hours(2);
  Dataset follower = space_.open("follower");
  OpenOptions left;
  left.manifest = follower.manifest();
  const std::string followed = scan_text(follower);
  EXPECT_EQ(follower.merge(space_.open())->outcome, "fast-forward");
  space_.sleep_hours(0.9);
  (void)space_.collect({.keep_last = 1});
  EXPECT_EQ(scan_text(*open_in(space_.space(), "main", left)), followed);
  append("follower", 900);  // the ref tells it on
  space_.sleep_hours(0.05);
  (void)space_.collect({.keep_last = 1});
  EXPECT_EQ(scan_text(*open_in(space_.space(), "main", left)), followed);
  space_.sleep_hours(1.1);
  (void)space_.collect({.keep_last = 1});
  EXPECT_EQ(open_in(space_.space(), "main", left).error().code, Code::kNotFound);
  expect_exact();
}

// Also once the versions between are collected, so that a walk through history ends before it.
TEST_F(Collect, WhatAFastForwardLeftBehindStaysWhateverIsKept) {
  ASSERT_TRUE(space_.open().branch("next"));
  for (uint64_t i = 0; i < 4; ++i) append("next", 1000 + 10 * i);
  space_.sleep_hours(2);
  Dataset main = space_.open();
  OpenOptions left;
  left.manifest = main.manifest();
  const std::string before = scan_text(main);
  EXPECT_EQ(main.merge(space_.open("next"))->outcome, "fast-forward");
  EXPECT_GT(space_.collect({.keep_last = 1}).deleted.objects, 0u);
  (void)space_.collect();
  EXPECT_EQ(scan_text(*open_in(space_.space(), "main", left)), before);
}

// Collections swap the ref of a branch too, and nobody else may do so for long.
TEST_F(Collect, WhatAFastForwardLeftBehindGoesAfterADay) {
  ASSERT_TRUE(space_.open().branch("next"));
  append("next", 1000);
  append("next", 1010);
  space_.sleep_hours(2);
  Dataset main = space_.open();
  OpenOptions left;
  left.manifest = main.manifest();
  EXPECT_EQ(main.merge(space_.open("next"))->outcome, "fast-forward");
  int collections = 0;
  for (; open_in(space_.space(), "main", left); ++collections) {
    ASSERT_LT(collections, 60);
    space_.sleep_hours(0.5);
    (void)space_.collect({.keep_last = 1});
  }
  EXPECT_GE(collections, 2);
  expect_exact();
}

TEST_F(Collect, ADayKeepsWhatWasTheTipWithinIt) {
  for (int day = 0; day < 6; ++day) {
    space_.sleep_hours(24);
    append("main", 1000 + 10 * static_cast<uint64_t>(day));
  }
  space_.sleep_hours(12);
  (void)space_.collect({.keep_ns = 48 * kHourNs});
  EXPECT_EQ(history(space_.open()).size(), 3u) << "12, 36 and 60 hours old, this until 36 ago";
  (void)space_.collect({.keep_last = 2, .keep_ns = 24 * kHourNs});
  EXPECT_EQ(history(space_.open()).size(), 2u);
  expect_exact();
}

TEST_F(Collect, ASnapshotIsRestoredWhereTheVersionsSinceWereCollected) {
  ASSERT_TRUE(space_.open().snapshot("v1"));
  ASSERT_TRUE(space_.open().branch("b"));
  const std::string then = scan_text(space_.open());
  for (uint64_t i = 0; i < 6; ++i) append("main", 1000 + 10 * i);
  space_.sleep_hours(2);
  (void)space_.collect({.keep_last = 1});
  const auto of_branch = space_.open().restore(space_.open("b"));
  ASSERT_FALSE(of_branch);
  EXPECT_EQ(of_branch.error().code, Code::kNotFound);
  EXPECT_NE(of_branch.error().message.find("collected"), std::string::npos);
  for (int i = 0; i < 2; ++i) {
    const auto restored = space_.open().restore(space_.open("main@v1"));
    ASSERT_TRUE(restored) << restored.error().message;
    EXPECT_EQ(*restored, space_.open().manifest());
    EXPECT_EQ(scan_text(space_.open()), then);
  }
}

TEST_F(Collect, BranchesMergeWhereTheirPastWasCollected) {
  ASSERT_TRUE(space_.open().set_meta("owner", "a"));
  ASSERT_TRUE(space_.open().branch("b"));
  for (uint64_t i = 0; i < 8; ++i) {
    append("main", 1000 + 10 * i);
    append("b", 2000 + 10 * i);
  }
  ASSERT_TRUE(space_.open("b").set_meta("note", "x"));
  space_.sleep_hours(2);
  (void)space_.collect({.keep_last = 1});
  expect_exact();
  Dataset main = space_.open();
  const uint64_t records = *main.count();
  auto merged = main.merge(space_.open("b"));
  ASSERT_TRUE(merged) << merged.error().message;
  EXPECT_EQ(merged->outcome, "union");
  EXPECT_EQ(merged->common_ancestor, "");
  EXPECT_EQ(merged->records, 40u);
  EXPECT_EQ(*main.count(), records + 40);
  EXPECT_EQ(main.meta(),
            (std::vector<std::pair<std::string, std::string>>{{"note", "x"}, {"owner", "a"}}));
  EXPECT_EQ(main.merge(space_.open("b"))->outcome, "up-to-date");
  EXPECT_EQ(main.diff(space_.open("b"))->common_ancestor, "");
  // A key that both sides have differently is for people.
  ASSERT_TRUE(space_.open("b").set_meta("owner", "b"));
  space_.sleep_hours(2);
  (void)space_.collect({.keep_last = 1});
  EXPECT_EQ(space_.open().merge(space_.open("b")).error().code, Code::kConflict);
}

TEST_F(Collect, KeysThatAreUnknownStayAndAreCounted) {
  put("jobs/1/part", "abc");
  put("notes.txt", "hello");
  put("segments/readme", "x");
  put("tombstones/x", "y");
  space_.sleep_hours(2);
  GcReport report = space_.collect();
  expect_balanced(report);
  EXPECT_EQ(report.all.unknown.objects, 4u);
  EXPECT_EQ(report.all.unknown.bytes, 10u);
  EXPECT_EQ(report.by_kind["other"].unknown.objects, 3u);
  EXPECT_EQ(space_.keys("jobs/").size() + space_.keys("notes").size(), 2u);
  EXPECT_EQ(report.all.listed.objects, space_.keys().size() + 1) << "and the collector's session";
}

TEST_F(Collect, ADryRunTellsTheSameAndWritesNothing) {
  leave_garbage(5000);
  for (uint64_t i = 0; i < 5; ++i) append("main", 1000 + 10 * i);
  space_.sleep_hours(2);
  const auto counting = std::make_shared<CountingStore>(space_.memory);
  const GcReport plan = space_.collect_on(counting, {.keep_last = 2, .dry_run = true});
  expect_balanced(plan);
  EXPECT_EQ(counting->snapshot().written_bytes, 0u);
  EXPECT_EQ(counting->snapshot().of(StoreOp::kSwap), 0u);
  EXPECT_EQ(counting->snapshot().of(StoreOp::kDelete), 0u);
  const GcReport done = space_.collect({.keep_last = 2});
  EXPECT_EQ(done.deleted.objects, plan.all.condemned.objects);
  EXPECT_EQ(done.deleted.bytes, plan.all.condemned.bytes);
  EXPECT_GT(done.deleted.objects, 10u);
}

TEST_F(Collect, WhatCannotBeReadEndsItBeforeAnythingIsDeleted) {
  leave_garbage(5000);
  ASSERT_TRUE(space_.open().branch("b"));
  append("b", 7000);
  space_.sleep_hours(2);
  const std::set<std::string> tips = {"manifests/" + space_.open().manifest(),
                                      "manifests/" + space_.open("b").manifest()};
  size_t tried = 0;
  for (const std::string& key : space_.reachable()) {
    if (key.starts_with("segments/")) continue;
    for (const bool is_missing : {true, false}) {
      // A version that its children name and that is gone was collected, for all that can be told.
      if (is_missing && key.starts_with("manifests/") && !tips.contains(key)) continue;
      const Buffer body = *space_.memory->read_many({{{key}}})[0];
      ASSERT_TRUE(space_.memory->delete_many({&key, 1})[0]);
      std::string damaged(body.view());
      damaged[damaged.size() / 2] ^= 1;
      if (!is_missing) put(key, damaged);
      const std::set<std::string> before = space_.objects();
      const auto report = collect(space_.memory, *space_.runtime, {});
      ASSERT_FALSE(report) << key;
      EXPECT_EQ(report.error().code, Code::kCorruption) << key;
      EXPECT_NE(report.error().message.find(key), std::string::npos) << report.error().message;
      EXPECT_EQ(space_.objects(), before);
      ASSERT_TRUE(space_.memory->delete_many({&key, 1})[0]);
      put(key, std::string(body.view()));
      ++tried;
    }
  }
  EXPECT_GT(tried, 20u);
}

TEST_F(Collect, ADamagedRefOrSessionEndsIt) {
  leave_garbage(5000);
  space_.sleep_hours(2);
  const std::set<std::string> before = space_.objects();
  for (const std::string key : {"refs/other", "sessions/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}) {
    const auto swapped = space_.memory->swap(key, std::nullopt, Buffer::copy_of("nonsense"));
    ASSERT_TRUE(swapped);
    const auto report = collect(space_.memory, *space_.runtime, {});
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code, Code::kCorruption);
    EXPECT_NE(report.error().message.find(key), std::string::npos) << report.error().message;
    EXPECT_EQ(space_.objects(), before);
    ASSERT_TRUE(space_.memory->swap_delete(key, *swapped));
  }
}

TEST_F(Collect, PinsOfALiveReaderStay) {
  append("main", 1000);
  const Dataset reader = space_.open();
  const std::string seen = scan_text(reader);
  for (uint64_t i = 0; i < 3; ++i) append("main", 2000 + 10 * i);
  space_.sleep_hours(2);
  OpenOptions at;
  at.manifest = reader.manifest();
  {
    LiveSession session(*space_.memory, *space_.runtime, {}, SessionRole::kReader);
    ASSERT_TRUE(session.begin({*Address::parse(reader.manifest())}));
    const GcReport report = space_.collect({.keep_last = 1});
    EXPECT_EQ(report.sessions, 2u);
    EXPECT_EQ(scan_text(*open_in(space_.space(), "main", at)), seen);
  }
  (void)space_.collect({.keep_last = 1});
  EXPECT_FALSE(open_in(space_.space(), "main", at));
  expect_exact();
}

TEST_F(Collect, OtherVersionsStayWhenTheyAreNamed) {
  const std::string old = space_.open().manifest();
  for (uint64_t i = 0; i < 3; ++i) append("main", 2000 + 10 * i);
  space_.sleep_hours(2);
  (void)space_.collect({.keep_last = 1, .keep = {old}});
  OpenOptions at;
  at.manifest = old;
  EXPECT_TRUE(open_in(space_.space(), "main", at));
  EXPECT_EQ(collect(space_.memory, *space_.runtime, {.keep = {"x"}}).error().code,
            Code::kInvalidArgument);
  EXPECT_EQ(collect(space_.memory, *space_.runtime,
                    {.keep = {std::string("d") + "y" + std::string(51, 'a')}})
                .error()
                .code,
            Code::kNotFound);
  EXPECT_EQ(collect(space_.memory, *space_.runtime, {.keep_last = 0}).error().code,
            Code::kInvalidArgument);
  for (const Shard& shard : {Shard{0, 0}, Shard{3, 3}, Shard{0, 257}})
    EXPECT_EQ(collect(space_.memory, *space_.runtime, {.shard = shard}).error().code,
              Code::kInvalidArgument);
}

TEST_F(Collect, ShardsAreEvenAndDoTogetherWhatOneDoes) {
  constexpr uint64_t kGarbage = 20'000, kShards = 4;
  for (uint64_t i = 0; i < kGarbage; ++i)
    put((i % 4 == 0 ? "pages/" : "segments/") + Address::of(std::as_bytes(std::span(&i, 1))).text(),
        "garbage");
  for (uint64_t i = 0; i < 5; ++i) append("main", 1000 + 10 * i);
  space_.sleep_hours(2);
  const GcReport plan = space_.collect({.keep_last = 2, .dry_run = true});
  GcCounts all;
  uint64_t deleted = 0;
  for (uint64_t index = 0; index < kShards; ++index) {
    const GcReport part =
        space_.collect({.keep_last = 2, .dry_run = true, .shard = {index, kShards}});
    const uint64_t mine =
        part.by_kind.at("pages").listed.objects + part.by_kind.at("segments").listed.objects;
    EXPECT_NEAR(static_cast<double>(mine) * kShards / (kGarbage + 60), 1, 0.05);
    all.listed.objects += part.all.listed.objects;
    all.condemned.objects += part.all.condemned.objects;
    all.live.objects += part.all.live.objects;
  }
  EXPECT_EQ(all.listed.objects, plan.all.listed.objects);
  EXPECT_EQ(all.condemned.objects, plan.all.condemned.objects);
  EXPECT_EQ(all.live.objects, plan.all.live.objects);
  for (uint64_t index = 0; index < kShards; ++index) {
    const GcReport part = space_.collect({.keep_last = 2, .shard = {index, kShards}});
    deleted +=
        part.by_kind.at("pages").condemned.objects + part.by_kind.at("segments").condemned.objects;
    EXPECT_FALSE(scan_text(space_.open()).empty());
  }
  EXPECT_EQ(deleted, plan.by_kind.at("pages").condemned.objects +
                         plan.by_kind.at("segments").condemned.objects);
  expect_exact();
}

TEST_F(Collect, AFarStoreIsCollectedAsWell) {
  for (uint64_t i = 0; i < 3'000; ++i)
    put("segments/" + Address::of(std::as_bytes(std::span(&i, 1))).text(), "garbage");
  for (uint64_t i = 0; i < 5; ++i) append("main", 1000 + 10 * i);
  ASSERT_TRUE(space_.open().branch("b"));
  ASSERT_TRUE(space_.open().snapshot("v1"));
  space_.sleep_hours(2);
  const auto far = std::make_shared<FarStore>(space_.memory);
  const GcReport plan = space_.collect({.keep_last = 2, .dry_run = true});
  const GcReport report = space_.collect_on(far, {.keep_last = 2});
  expect_balanced(report);
  EXPECT_EQ(report.deleted.objects, plan.all.condemned.objects);
  EXPECT_GT(report.deleted.objects, 3'000u);
  expect_exact();
}

TEST_F(Collect, LittleMemoryTakesMoreRounds) {
  for (uint64_t i = 0; i < 150; ++i) append("main", 1000 + 10 * i);
  leave_garbage(9000);
  space_.sleep_hours(2);
  const std::set<std::string> needed = space_.reachable();
  const GcReport report = space_.collect({.memory_bytes = 1024});
  EXPECT_GE(report.rounds, 4u);
  expect_balanced(report);
  EXPECT_GT(report.deleted.objects, 3u);
  // What it errs about stays for now.
  for (const std::string& key : needed) EXPECT_TRUE(space_.objects().contains(key)) << key;
  EXPECT_LE(space_.objects().size(), needed.size() + 2);
}

TEST_F(Collect, CostsARequestForEachVersionAndPageAndFewElse) {
  for (uint64_t i = 0; i < 30; ++i) append("main", 1000 + 10 * i);
  for (uint64_t i = 0; i < 3'000; ++i)
    put("segments/" + Address::of(std::as_bytes(std::span(&i, 1))).text(), "garbage");
  space_.sleep_hours(2);
  const uint64_t kept = space_.keys("manifests/").size() + space_.keys("pages/").size();
  const auto counting = std::make_shared<CountingStore>(space_.memory);
  (void)space_.collect_on(counting);
  const StoreCounts counts = counting->snapshot();
  EXPECT_LE(counts.of(StoreOp::kGet), kept * 11 / 10);
  EXPECT_EQ(counts.of(StoreOp::kDelete), 3'000u);
  EXPECT_LE(counts.of(StoreOp::kSwap), 3u) << "the session, the epoch, the session's end";
  EXPECT_LE(counts.of(StoreOp::kList), 20u);
  EXPECT_LE(counts.waves, 300u);
}

}  // namespace
}  // namespace dreamdb
