// Collections beside others and cut short anywhere: writers, sleepers, crashes, other collections.
#include <gtest/gtest.h>

#include <functional>

#include "base/one_in.h"
#include "dataset/collect_scene.h"
#include "store/fault_store.h"
#include "version/live_session.h"

namespace dreamdb {
namespace {

using namespace testing;

std::string text_of(const CollectedSpace& space) {
  return scan_text(space.open()) + "/" + scan_text(space.open("b")) + "/" +
         scan_text(space.open("main@v1"));
}

// Killed before or after any operation, or with its reply lost, and run again: the same end.
TEST(CollectRace, WhereverItIsStoppedTheNextOneEndsInTheSame) {
  std::string text;
  size_t left = 0;
  uint64_t operations = 0;
  {
    const Scene scene;
    text = text_of(scene);
    const auto faulty = std::make_shared<FaultStore>(scene.memory, FaultPlan{}, *scene.runtime);
    EXPECT_GT(scene.collect_on(faulty, scene.kept).deleted.objects, 15u);
    operations = faulty->operations();
    left = scene.objects().size();
    EXPECT_EQ(scene.objects(), scene.reachable());
  }
  ASSERT_GT(operations, 60u);
  OneIn cases;
  for (const FaultKind kind :
       {FaultKind::kCrashBefore, FaultKind::kCrashAfter, FaultKind::kReplyLost}) {
    for (uint64_t at = 0; at < operations; ++at) {
      if (!cases.takes_next()) continue;
      const Scene scene;
      FaultPlan plan{.rules = {{.kind = kind, .at = at}}};
      const auto faulty = std::make_shared<FaultStore>(scene.memory, plan, *scene.runtime);
      (void)collect(faulty, *scene.runtime, scene.kept);
      ASSERT_EQ(text_of(scene), text) << at;
      // Whoever finds a version has all of it.
      Objects objects(scene.memory, 0);
      std::set<std::string> names;
      for (const std::string& key : scene.keys("manifests/"))
        CollectedSpace::add_trees(objects, **objects.manifest(*Address::parse(key.substr(10))),
                                  names);
      for (const std::string& name : names)
        ASSERT_TRUE(scene.memory->read_many({{{name}}})[0]) << name << " at " << at;
      (void)scene.collect(scene.kept);
      ASSERT_EQ(scene.objects().size(), left) << at;
      ASSERT_EQ(scene.objects(), scene.reachable()) << at;
      scene.sleep_hours(1.5);  // the session of the one that was killed expires
      (void)scene.collect(scene.kept);
      scene.sleep_hours(1.5);
      (void)scene.collect(scene.kept);
      ASSERT_TRUE(scene.keys("sessions/").empty());
    }
  }
}

TEST(CollectRace, AWriterAtAnyMomentLosesNothing) {
  expect_unharmed([](const Scene& scene, int) {
    Dataset main = scene.open();
    Scene::add(main, 5000);
    EXPECT_EQ(*main.count(), 30u + 3 * 6 + 3);
  });
}

TEST(CollectRace, AMergeOrABranchOrASnapshotAtAnyMomentLosesNothing) {
  expect_unharmed([](const Scene& scene, int at) {
    Dataset main = scene.open();
    Dataset branch = scene.open("b");
    if (at % 3 == 0) {
      EXPECT_TRUE(branch.merge(main));
    } else if (at % 3 == 1) {
      auto made = main.branch("new");
      ASSERT_TRUE(made);
      Scene::add(*made, 6000);
    } else {
      EXPECT_TRUE(main.snapshot("s"));
      Scene::add(main, 6000);
    }
  });
}

TEST(CollectRace, AnotherCollectionAtAnyMomentDoesNoHarm) {
  expect_unharmed([](const Scene& scene, int) { (void)scene.collect(scene.kept); });
}

// A writer that has its objects on the store and no version that names them.
struct SlowWriter {
  explicit SlowWriter(const CollectedSpace& space, std::shared_ptr<Store> store = nullptr)
      : dataset(*open_in(space.space(std::move(store)), "main")),
        writer(*dataset.writer(spilling())) {
    EXPECT_TRUE(writer.append(small_rows(range(7000, 20))));
    EXPECT_TRUE(writer.append(small_rows(range(8000, 20))));
  }
  static WriterOptions spilling() {
    WriterOptions options;
    options.buffer_bytes = 1;
    return options;
  }
  Dataset dataset;
  Writer writer;
};

TEST(CollectRace, AWriterThatSleptFindsItselfOut) {
  for (const double hours : {0.3, 0.4, 0.9, 1.1, 30.0}) {
    const Scene scene;
    const std::string before = text_of(scene);
    SlowWriter slow(scene);
    scene.sleep_hours(hours);
    (void)scene.collect(scene.kept);
    const auto committed = slow.writer.commit();
    EXPECT_EQ(committed.has_value(), hours < 1.0 / 3) << hours;
    if (!committed) {
      EXPECT_EQ(committed.error().code, Code::kConflict) << committed.error().message;
      EXPECT_EQ(text_of(scene), before);
    }
    (void)scene.reachable();
    EXPECT_TRUE(slow.writer.append(small_rows(range(9000, 5))));
    EXPECT_TRUE(slow.writer.commit()) << "it goes on with what it is given anew";
    EXPECT_FALSE(scan_text(scene.open()).empty());
  }
}

// It looks at its clock, and only then falls asleep: the swap itself must fail.
TEST(CollectRace, AWriterThatFallsAsleepRightBeforeItsSwapCommitsNothing) {
  for (const bool others_write : {false, true}) {
    const Scene scene;
    bool has_slept = false;
    const auto hooked = std::make_shared<HookStore>(
        scene.memory, [&](uint64_t, std::string_view name, std::string_view key) {
          if (has_slept || name != "swap" || key != "refs/main") return;
          has_slept = true;
          scene.sleep_hours(2);
          if (others_write) {
            Dataset main = scene.open();
            Scene::add(main, 5000);
            scene.sleep_hours(0.7);
          }
          (void)scene.collect(scene.kept);
        });
    SlowWriter slow(scene, hooked);
    const auto committed = slow.writer.commit();
    EXPECT_TRUE(has_slept);
    ASSERT_FALSE(committed);
    EXPECT_EQ(committed.error().code, Code::kConflict) << committed.error().message;
    (void)scene.reachable();
    EXPECT_FALSE(scan_text(scene.open()).empty());
  }
}

// What a commit without rows has put is as old as that of others.
TEST(CollectRace, AnyCommitThatFallsAsleepBeforeItsSwapIsGivenUp) {
  const Scene scene;
  bool has_slept = false;
  const auto hooked = std::make_shared<HookStore>(
      scene.memory, [&](uint64_t, std::string_view name, std::string_view key) {
        if (has_slept || name != "swap" || key != "refs/main") return;
        has_slept = true;
        scene.sleep_hours(2);
        (void)scene.collect(scene.kept);
      });
  Dataset main = *open_in(scene.space(hooked), "main");
  EXPECT_EQ(main.set_meta("a", "b").error().code, Code::kConflict);
  (void)scene.reachable();
  EXPECT_TRUE(main.refresh());
  EXPECT_TRUE(main.set_meta("a", "b"));
}

// Its first commit takes it from the tip, and others change all its trees.
TEST(CollectRace, ACompactionThatTakesHoursFindsItsVersionToTheEnd) {
  const Scene scene;
  GcOptions tip_only;
  tip_only.keep_last = 1;
  Dataset writer = scene.open();
  for (uint64_t i = 0; i < 20; ++i) Scene::add(writer, 3000 + 10 * i);
  Dataset ds = scene.open();  // has read nothing yet
  CompactOptions options;
  options.segment_rows = 7;
  options.commit_bytes = 1;
  options.entries_at_once = 2;
  int calls = 0;
  options.progress = [&](const IndexProgress&) {
    if (++calls == 3) {
      Dataset other = scene.open();
      Scene::add(other, 8000);
    }
    scene.sleep_hours(1.0 / 20);
    (void)scene.collect(tip_only);
    return true;
  };
  const auto report = compact(ds, options);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_GT(calls, 40);
  EXPECT_GT(report->commits, 10u);
  (void)scene.reachable();
  EXPECT_EQ(scan_text(scene.open()), scan_text(ds));
}

// What a writer has put in vain looks like garbage, and a collector may have it on its list.
TEST(CollectRace, AWriterThatTriesAgainAfterHoursWritesOtherObjects) {
  const Scene scene;
  const FaultPlan denied{.rules = {{.only_ops = ops(StoreOp::kSwap), .code = Code::kDenied}}};
  const auto faulty = std::make_shared<FaultStore>(scene.memory, denied, *scene.runtime);
  Dataset ds = *open_in(scene.space(faulty), "main");
  ASSERT_FALSE(ds.append(small_rows(range(7000, 20))));
  faulty->set_plan({});
  scene.sleep_hours(2);
  int tries = 0;
  const auto hooked = std::make_shared<HookStore>(
      scene.memory, [&](uint64_t, std::string_view name, std::string_view key) {
        if (name == "delete" && key.starts_with("segments/") && tries++ == 0) {
          EXPECT_TRUE(ds.append(small_rows(range(7000, 20))));
        }
      });
  EXPECT_GT(scene.collect_on(hooked).deleted.objects, 0u);
  EXPECT_GT(tries, 0);
  (void)scene.reachable();  // fails where something is missing
  EXPECT_EQ(scan_text(scene.open()), scan_text(ds));
}

// The ref was swapped since, but the writer had read it after that.
TEST(CollectRace, ASwapSinceIsNotEnoughWhenTheWriterHasSeenIt) {
  const Scene scene;
  int swaps = 0;
  const auto hooked = std::make_shared<HookStore>(
      scene.memory, [&](uint64_t, std::string_view name, std::string_view key) {
        if (name != "swap" || key != "refs/main") return;
        ++swaps;
        if (swaps == 1) {  // lost to another writer, five minutes after the upload
          scene.sleep_hours(1.0 / 12);
          Dataset main = scene.open();
          Scene::add(main, 5000);
        } else if (swaps == 2) {
          scene.sleep_hours(0.95);  // the objects are older than an hour, the ref is not
          (void)scene.collect(scene.kept);
        }
      });
  SlowWriter slow(scene, hooked);
  const auto committed = slow.writer.commit();
  EXPECT_GE(swaps, 2);
  EXPECT_FALSE(committed);
  (void)scene.reachable();
  EXPECT_FALSE(scan_text(scene.open()).empty());
}

TEST(CollectRace, ALiveSessionGuardsWhatItsWriterHasPut) {
  const Scene scene;
  LiveSession session(*scene.memory, *scene.runtime, {});
  Tip tip;
  tip.name = "main";
  session.before_upload(tip);
  const PutRequest put{"segments/" + Address::of({}).text(), Buffer::copy_of("a segment")};
  ASSERT_TRUE(scene.memory->put_many({&put, 1})[0]);
  scene.sleep_hours(0.01);
  session.tick();
  for (int beat = 0; beat < 120; ++beat) {
    scene.sleep_hours(1.0 / 60);
    session.tick();
  }
  EXPECT_GE(scene.collect(scene.kept).all.guarded.objects, 1u);
  EXPECT_TRUE(scene.keys("segments/").contains(put.key));
  EXPECT_TRUE(session.may_publish());
  // It is heard of no more: ended, and what it has put goes; it finds itself out.
  scene.sleep_hours(0.4);
  const uint64_t epoch = load_ref(*scene.memory, "main")->ref.epoch;
  const GcReport report = scene.collect(scene.kept);
  EXPECT_EQ(report.fenced, 1u);
  EXPECT_GE(report.epochs, 2u);
  EXPECT_GT(load_ref(*scene.memory, "main")->ref.epoch, epoch);
  EXPECT_FALSE(scene.keys("segments/").contains(put.key));
  EXPECT_EQ(session.may_publish().error().code, Code::kConflict);
  // And is forgotten an hour after.
  EXPECT_EQ(scene.keys("sessions/").size(), 1u);
  scene.sleep_hours(1.1);
  EXPECT_EQ(scene.collect(scene.kept).by_kind.at("sessions").condemned.objects, 1u);
  EXPECT_TRUE(scene.keys("sessions/").empty());
}

TEST(CollectRace, OperatorsListAndEndSessions) {
  const Scene scene;
  LiveSession session(*scene.memory, *scene.runtime, {{}, "trainer"});
  ASSERT_TRUE(session.begin());
  auto listed = list_sessions_in(*scene.memory, *scene.runtime);
  ASSERT_TRUE(listed);
  ASSERT_EQ(listed->size(), 1u);
  EXPECT_EQ(listed->front().state, "live");
  EXPECT_EQ(listed->front().program, "trainer");
  EXPECT_EQ(listed->front().role, "writer");
  EXPECT_EQ(*fence_sessions_in(*scene.memory, *scene.runtime, std::nullopt), 0u);
  const uint64_t epoch = load_ref(*scene.memory, "b")->ref.epoch;
  EXPECT_EQ(*fence_sessions_in(*scene.memory, *scene.runtime, listed->front().id), 1u);
  EXPECT_EQ(load_ref(*scene.memory, "b")->ref.epoch, epoch + 1);
  EXPECT_EQ(list_sessions_in(*scene.memory, *scene.runtime)->front().state, "fenced");
  EXPECT_EQ(fence_sessions_in(*scene.memory, *scene.runtime, "none").error().code, Code::kNotFound);
}

TEST(CollectRace, AStoreThatFailsNowAndThenLosesNothing) {
  const uint64_t seeds = OneIn().of(300);
  for (uint64_t seed = 0; seed < seeds; ++seed) {
    const Scene scene;
    const std::string text = text_of(scene);
    FaultPlan plan{.seed = seed, .rules = {}};
    plan.rules = {{.kind = FaultKind::kListMisses, .key_prefix = "segments/", .probability = 0.2},
                  {.kind = FaultKind::kListMisses, .key_prefix = "manifests/", .probability = 0.2},
                  {.kind = FaultKind::kListMisses, .times_max = 1},
                  {.kind = FaultKind::kListRepeats, .probability = 0.1},
                  {.kind = FaultKind::kLate,
                   .only_ops = ops(StoreOp::kDelete),
                   .probability = 0.1,
                   .late_by = 40},
                  {.kind = FaultKind::kTwice, .probability = 0.1},
                  {.kind = FaultKind::kToldConflict, .probability = 0.05},
                  {.kind = FaultKind::kFalseConflict, .probability = 0.05},
                  {.kind = FaultKind::kReplyLost, .probability = 0.1},
                  {.kind = FaultKind::kFlipBit,
                   .only_ops = ops(StoreOp::kGet, StoreOp::kLoad),
                   .probability = 0.02}};
    const auto faulty = std::make_shared<FaultStore>(scene.memory, plan, *scene.runtime);
    (void)collect(faulty, *scene.runtime, scene.kept);
    Dataset main = scene.open();
    Scene::add(main, 5000);
    faulty->run_late();  // deletions that the collector has given up long ago
    (void)scene.reachable();
    EXPECT_EQ(scan_text(scene.open()).substr(0, 20), text.substr(0, 20)) << seed;
    scene.sleep_hours(2);
    (void)scene.collect(scene.kept);
    EXPECT_EQ(scene.objects(), scene.reachable()) << seed;
  }
}

}  // namespace
}  // namespace dreamdb
