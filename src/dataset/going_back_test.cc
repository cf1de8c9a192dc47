// Going back to versions that a collection may be about to delete (spec 11.4).
#include <gtest/gtest.h>

#include <algorithm>

#include "dataset/collect_scene.h"
#include "store/fault_store.h"

namespace dreamdb {
namespace {

using namespace testing;

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

TEST(GoingBack, WhoGoesBackDuringACollectionIsRefused) {
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

TEST(GoingBack, ACollectionWhileSomebodyGoesBackLeavesAllOfIt) {
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

TEST(GoingBack, WhoSleepsWhileGoingBackUndoesIt) {
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

TEST(GoingBack, ACollectorThatSleptDeletesNothingMore) {
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

TEST(GoingBack, ACollectorThatDiedHoldsNobodyUpForLong) {
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

TEST(GoingBack, GoingBackCostsSixRequestsAndATipOne) {
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

}  // namespace
}  // namespace dreamdb
