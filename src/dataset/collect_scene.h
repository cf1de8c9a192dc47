// A space with all kinds of garbage, and a store on which others act in between: for tests of what
// happens beside a collection.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>

#include "base/one_in.h"
#include "dataset/collect_space.h"

namespace dreamdb::testing {

// Does something before an operation of a store. What the threads that renew sessions ask for is
// not counted: when that is, is not for a test to say.
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
    if (std::this_thread::get_id() != owner_) return;
    if (is_inside_) return;  // the hook's own
    is_inside_ = true;
    hook_(operations_++, name, key);
    is_inside_ = false;
  }

  const std::shared_ptr<Store> inner_;
  const Hook hook_;
  const std::thread::id owner_ = std::this_thread::get_id();
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

// Whatever others do at any moment of a collection, nothing of theirs is lost.
inline void expect_unharmed(const std::function<void(const Scene&, int)>& act) {
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

}  // namespace dreamdb::testing
