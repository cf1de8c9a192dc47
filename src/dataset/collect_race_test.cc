// Collections beside others and cut short anywhere: writers, sleepers, crashes, other collections.
#include <gtest/gtest.h>

#include <functional>

#include "base/one_in.h"
#include "dataset/collect_space.h"
#include "store/fault_store.h"
#include "version/live_session.h"

namespace dreamdb {
namespace {

using namespace testing;

// Does something before an operation of a store.
class HookStore final : public Store {
 public:
  using Hook = std::function<void(uint64_t operation, std::string_view name, std::string_view key)>;
  HookStore(std::shared_ptr<Store> inner, Hook hook)
      : inner_(std::move(inner)), hook_(std::move(hook)) {}

  uint64_t operations() const { return operations_; }

  std::string describe() const override { return inner_->describe(); }
  std::vector<Result<Buffer>> read_many(std::span<const ReadRequest> requests) override {
    call("get", requests.empty() ? "" : requests[0].key);
    return inner_->read_many(requests);
  }
  std::vector<Status> put_many(std::span<const PutRequest> requests) override {
    call("put", requests.empty() ? "" : requests[0].key);
    return inner_->put_many(requests);
  }
  Result<Loaded> load(std::string_view key) override {
    call("load", key);
    return inner_->load(key);
  }
  Result<Version> swap(std::string_view key, const std::optional<Version>& expected,
                       const Buffer& body) override {
    call("swap", key);
    return inner_->swap(key, expected, body);
  }
  Status swap_delete(std::string_view key, const Version& expected) override {
    call("delete", key);
    return inner_->swap_delete(key, expected);
  }
  Result<ListPage> list(std::string_view prefix, std::string_view start_after,
                        size_t limit) override {
    call("list", prefix);
    return inner_->list(prefix, start_after, limit);
  }
  std::vector<Status> delete_many(std::span<const std::string> keys) override {
    call("delete", keys.empty() ? "" : keys[0]);
    return inner_->delete_many(keys);
  }

 private:
  void call(std::string_view name, std::string_view key) {
    if (is_inside_) return;  // the hook's own
    is_inside_ = true;
    hook_(operations_++, name, key);
    is_inside_ = false;
  }

  const std::shared_ptr<Store> inner_;
  const Hook hook_;
  uint64_t operations_ = 0;
  bool is_inside_ = false;
};

// Branches, a snapshot, history, an index, garbage of all kinds; all of it two hours old.
struct Scene : CollectedSpace {
  Scene() {
    auto main = create_in(space(), "main", small_schema());
    EXPECT_TRUE(main);
    add(*main, 0, 30);
    EXPECT_TRUE(main->snapshot("v1"));
    auto branch = main->branch("b");
    add(*branch, 1000);
    add(*main, 100);
    auto lost = main->branch("lost");
    add(*lost, 2000);
    EXPECT_TRUE(main->merge(*branch));
    for (uint64_t i = 0; i < 4; ++i) add(*main, 200 + 10 * i);
    EXPECT_TRUE(main->delete_ref("lost"));
    sleep_hours(2);
    kept = {.keep_last = 2};
  }

  static void add(Dataset& ds, uint64_t first, uint64_t count = 3) {
    const auto done = ds.append(small_rows(range(first, count)));
    EXPECT_TRUE(done) << done.error().message;
  }

  GcOptions kept;
};

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

// Whatever others do at any moment of a collection, nothing of theirs is lost.
void expect_unharmed(const std::function<void(const Scene&, int)>& act) {
  uint64_t operations = 1;
  OneIn cases;
  for (uint64_t at = 0; at < operations; ++at) {
    if (!cases.takes_next()) continue;
    const Scene scene;
    const auto hooked = std::make_shared<HookStore>(
        scene.memory, [&](uint64_t operation, std::string_view, std::string_view) {
          if (operation == at) act(scene, static_cast<int>(at));
        });
    const auto report = collect(hooked, *scene.runtime, scene.kept);
    ASSERT_TRUE(report) << at << ": " << report.error().message;
    operations = hooked->operations();
    for (const std::string& key : scene.keys("refs/")) {
      const Dataset ds = scene.open(key.substr(5));
      ASSERT_FALSE(scan_text(ds).empty()) << at;
    }
    const std::set<std::string> needed = scene.reachable();  // fails where something is missing
    const std::set<std::string> there = scene.objects();
    for (const std::string& key : needed) ASSERT_TRUE(there.contains(key)) << key << " at " << at;
    scene.sleep_hours(2);
    (void)scene.collect(scene.kept);
    ASSERT_EQ(scene.objects(), scene.reachable()) << at;
  }
  EXPECT_GT(operations, 40u);
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

// A version of main that is kept no more, opened by its address. NotFound: it is gone.
Result<Dataset> open_old(const Scene& scene, std::shared_ptr<Store> store = nullptr) {
  OpenOptions at;
  DREAMDB_ASSIGN(const CommitInfo old, scene.open().version_at(3));
  at.manifest = old.manifest;
  return open_in(scene.space(std::move(store)), "main", at);
}

// What goes back to it, by turns. `store` is where `old` was opened.
Status go_back(const Scene& scene, int turn, const Dataset& old,
               const std::shared_ptr<Store>& store = nullptr) {
  if (turn % 3 == 0) {
    DREAMDB_ASSIGN(Dataset made, old.branch("back"));
    Scene::add(made, 6000);
    return {};
  }
  Dataset ds = *open_in(scene.space(store), turn % 3 == 1 ? "main" : "b");
  if (turn % 3 == 1) {
    DREAMDB_TRY(ds.restore(old));
  } else {
    DREAMDB_TRY(ds.merge(old));
  }
  return {};
}

TEST(CollectRace, WhoGoesBackDuringACollectionIsRefused) {
  int refused = 0, done = 0;
  expect_unharmed([&](const Scene& scene, int at) {
    const auto old = open_old(scene);
    if (!old) return;
    const Status back = go_back(scene, at, *old);
    done += back ? 1 : 0;
    if (back) return;
    ++refused;
    if (back.error().code != Code::kNotFound) {
      EXPECT_EQ(back.error().code, Code::kConflict);
      EXPECT_NE(back.error().message.find("a collection is under way"), std::string::npos)
          << back.error().message;
    }
  });
  EXPECT_GT(refused, 0);
  EXPECT_GT(done, 0);  // before it began
}

TEST(CollectRace, ACollectionWhileSomebodyGoesBackLeavesAllOfIt) {
  for (int turn = 0; turn < 3; ++turn) {
    int refused = 0, done = 0;
    uint64_t operations = 10;
    for (uint64_t at = 0; at < operations; ++at) {
      const Scene scene;
      const auto hooked = std::make_shared<HookStore>(
          scene.memory, [&](uint64_t operation, std::string_view, std::string_view) {
            if (operation == at) (void)scene.collect(scene.kept);
          });
      const auto old = open_old(scene, hooked);
      if (!old) continue;
      const Status back = go_back(scene, turn, *old, hooked);
      operations = std::max(operations, hooked->operations());
      (back ? done : refused)++;
      if (!back) {
        EXPECT_EQ(back.error().code, Code::kNotFound) << back.error().message;
      }
      (void)scene.reachable();  // fails where something is missing
      for (const std::string& key : scene.keys("refs/"))
        ASSERT_FALSE(scan_text(scene.open(key.substr(5))).empty()) << at;
    }
    EXPECT_GT(refused, 0) << turn;
    EXPECT_GT(done, 0) << turn;
  }
}

TEST(CollectRace, WhoSleepsWhileGoingBackUndoesIt) {
  for (const bool is_old : {true, false}) {
    const Scene scene;
    const auto hooked = std::make_shared<HookStore>(
        scene.memory, [&](uint64_t, std::string_view name, std::string_view key) {
          if (name != "swap" || key != "refs/back") return;
          Dataset main = scene.open();
          for (uint64_t i = 0; i < 4; ++i) Scene::add(main, 7000 + 10 * i);
          scene.sleep_hours(2);
          (void)scene.collect(scene.kept);
        });
    const Dataset from = is_old ? *open_old(scene, hooked) : *open_in(scene.space(hooked), "main");
    const auto made = from.branch("back");
    ASSERT_FALSE(made) << is_old;
    EXPECT_EQ(made.error().code, is_old ? Code::kConflict : Code::kNotFound)
        << made.error().message;
    EXPECT_FALSE(scene.keys("refs/").contains("refs/back"));
  }
}

TEST(CollectRace, ACollectorThatSleptDeletesNothingMore) {
  int goes_back = 0;
  for (uint64_t at = 5; at < 40; at += 3) {
    const Scene scene;
    const Dataset old = *open_old(scene);
    const auto hooked = std::make_shared<HookStore>(
        scene.memory, [&](uint64_t operation, std::string_view, std::string_view) {
          if (operation != at) return;
          scene.sleep_hours(0.5);
          goes_back += old.branch("back") ? 1 : 0;
        });
    (void)collect(hooked, *scene.runtime, scene.kept);
    for (const std::string& key : scene.keys("refs/"))
      ASSERT_FALSE(scan_text(scene.open(key.substr(5))).empty()) << at;
    (void)scene.reachable();  // fails where something is missing
  }
  EXPECT_GT(goes_back, 5);
}

TEST(CollectRace, ACollectorThatDiedHoldsNobodyUpForLong) {
  const Scene scene;
  const FaultPlan dies{.rules = {{.kind = FaultKind::kCrashBefore, .at = 20}}};
  EXPECT_FALSE(collect(std::make_shared<FaultStore>(scene.memory, dies, *scene.runtime),
                       *scene.runtime, scene.kept));
  const Dataset old = *open_old(scene);
  EXPECT_EQ(go_back(scene, 0, old).error().code, Code::kConflict);
  scene.sleep_hours(0.4);
  const auto made = old.branch("back");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(scan_text(*made), scan_text(old));
  const auto sessions = *list_sessions_in(*scene.memory, *scene.runtime);
  ASSERT_EQ(sessions.size(), 1u);
  EXPECT_EQ(sessions[0].role + " " + sessions[0].state, "collector fenced");
}

TEST(CollectRace, GoingBackCostsSixRequestsAndATipOne) {
  const Scene scene;
  const auto counted = std::make_shared<HookStore>(
      scene.memory, [](uint64_t, std::string_view, std::string_view) {});
  const Dataset old = *open_old(scene, counted);
  uint64_t before = counted->operations();
  ASSERT_TRUE(old.branch("back"));
  EXPECT_EQ(counted->operations() - before, 6u);
  const Dataset tip = *open_in(scene.space(counted), "main");
  before = counted->operations();
  ASSERT_TRUE(tip.branch("more"));
  EXPECT_EQ(counted->operations() - before, 1u);
  scene.sleep_hours(1);  // the ref is read again
  before = counted->operations();
  ASSERT_TRUE(tip.branch("late"));
  EXPECT_EQ(counted->operations() - before, 2u);
  ASSERT_TRUE(tip.branch("late-too"));
  EXPECT_EQ(counted->operations() - before, 3u);
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

// The ref was swapped since, but the writer had read it after that.
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
