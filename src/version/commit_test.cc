// The commit protocol on a store that loses replies, does things twice, and has rivals.
#include "version/commit.h"

#include <gtest/gtest.h>

#include <set>

#include "dreamdb/interrupt.h"
#include "runtime/quick_runtime.h"
#include "store/fault_store.h"
#include "store/memory_store.h"
#include "version/history.h"

namespace dreamdb {
namespace {

struct Fixture {
  std::shared_ptr<MemoryStore> memory = std::make_shared<MemoryStore>("commit");
  std::shared_ptr<FaultStore> faults = std::make_shared<FaultStore>(memory, FaultPlan{});
  Objects objects{faults, 64 << 20};
  WriterIdentity writer{Nonce{}, "test"};
  QuickRuntime runtime;  // an outage takes no time
  Committer committer{objects, runtime, writer};

  Tip create(const std::string& name, bool snapshot = false) {
    Change change;
    change.operation = "create";
    change.edit = [](Manifest& manifest) -> Status {
      manifest.timeline = Address::of({});
      return {};
    };
    auto built = committer.build(nullptr, change, random_write_id(real_runtime()));
    EXPECT_TRUE(built) << built.error().message;
    EXPECT_TRUE(objects.put(built->objects));
    auto tip = create_ref(objects, runtime, writer, name, built->address,
                          std::make_shared<const Manifest>(built->manifest), snapshot,
                          random_write_id(real_runtime()));
    EXPECT_TRUE(tip) << tip.error().message;
    return *std::move(tip);
  }

  // A change that can be told from others: a key in the user's map.
  static Change mark(const std::string& key) {
    Change change;
    change.operation = "mark";
    change.edit = [key](Manifest& manifest) -> Status {
      manifest.meta[key] = "1";
      return {};
    };
    return change;
  }

  // The marks of the tip, each made by one version of its history.
  std::set<std::string> marks(const std::string& name) {
    Objects fresh(memory, 1 << 20);
    auto tip = load_tip(fresh, name);
    EXPECT_TRUE(tip) << tip.error().message;
    std::set<std::string> out;
    for (const auto& [key, value] : tip->manifest->meta) out.insert(key);
    EXPECT_EQ(tip->manifest->depth, out.size()) << "a version too many or too few";
    return out;
  }

  static Result<bool> go_on(const Tip&, Change&) { return true; }
};

using Marks = std::set<std::string>;

TEST(Commit, ALostReplyIsResolvedByTheWriteId) {
  for (const FaultKind kind : {FaultKind::kReplyLost, FaultKind::kTwice}) {
    Fixture f;
    Tip tip = f.create("main");
    for (int i = 0; i < 5; ++i) {
      f.faults->set_plan(
          {.rules = {{.kind = kind, .only_ops = ops(StoreOp::kSwap), .times_max = 1}}});
      auto moved = f.committer.commit(tip, f.mark(std::to_string(i)), f.go_on);
      ASSERT_TRUE(moved) << moved.error().message;
      EXPECT_GE(f.faults->faults(), 1u);
      tip = *std::move(moved);
    }
    EXPECT_EQ(f.marks("main"), (Marks{"0", "1", "2", "3", "4"}));
    EXPECT_EQ(load_tip(f.objects, "main")->version, tip.version);
  }
}

TEST(Commit, AStoreThatIsAwayForAMomentIsAskedAgain) {
  Fixture f;
  const Tip tip = f.create("main");
  f.faults->set_plan({.rules = {{.kind = FaultKind::kError,
                                 .only_ops = ops(StoreOp::kSwap, StoreOp::kLoad),
                                 .times_max = 3}}});
  auto moved = f.committer.commit(tip, f.mark("a"), f.go_on);
  ASSERT_TRUE(moved) << moved.error().message;
  EXPECT_EQ(f.marks("main"), Marks{"a"});
}

TEST(Commit, AnUnansweredSwapIsUnknownAndNothingElse) {
  Fixture f;
  const Tip tip = f.create("main");
  f.faults->set_plan({.rules = {{.kind = FaultKind::kReplyLost, .only_ops = ops(StoreOp::kSwap)},
                                {.kind = FaultKind::kError, .only_ops = ops(StoreOp::kLoad)}}});
  const auto moved = f.committer.commit(tip, f.mark("a"), f.go_on);
  ASSERT_FALSE(moved);
  EXPECT_EQ(moved.error().code, Code::kOutcomeUnknown);
  EXPECT_NE(moved.error().message.find("main"), std::string::npos);
  // It was asked for a minute, not for much longer.
  EXPECT_GT(f.runtime.slept_ns(), kUnansweredBudgetNs / 2);
  EXPECT_LE(f.runtime.slept_ns(), kUnansweredBudgetNs);
  f.faults->set_plan({});
  EXPECT_EQ(f.marks("main"), Marks{"a"});  // it took place
}

TEST(Commit, AnOutageOfHalfAMinuteIsWaitedFor) {
  Fixture f;
  const Tip tip = f.create("main");
  f.faults->set_plan({.rules = {{.kind = FaultKind::kError,
                                 .only_ops = ops(StoreOp::kSwap, StoreOp::kLoad),
                                 .times_max = 28}}});
  auto moved = f.committer.commit(tip, f.mark("a"), f.go_on);
  ASSERT_TRUE(moved) << moved.error().message;
  EXPECT_EQ(f.faults->faults(), 28u);
  EXPECT_GT(f.runtime.slept_ns(), 15'000'000'000u);
  EXPECT_EQ(f.marks("main"), Marks{"a"});
}

TEST(Commit, WhoeverWaitsForTheStoreCanBeStopped) {
  Fixture f;
  const Tip tip = f.create("main");
  f.faults->set_plan({.rules = {{.kind = FaultKind::kReplyLost, .only_ops = ops(StoreOp::kSwap)},
                                {.kind = FaultKind::kError, .only_ops = ops(StoreOp::kLoad)}}});
  const InterruptScope scope([&f] { return f.runtime.slept_ns() > 3'000'000'000; });
  const auto moved = f.committer.commit(tip, f.mark("a"), f.go_on);
  ASSERT_FALSE(moved);
  // Not "cancelled": it may have taken place, and here it did.
  EXPECT_EQ(moved.error().code, Code::kOutcomeUnknown);
  EXPECT_LT(f.runtime.slept_ns(), 3'200'000'000u);
  EXPECT_EQ(f.marks("main"), Marks{"a"});
}

// All tries were Unavailable, which says that nothing was changed: no word of "perhaps".
TEST(Commit, AStoreThatIsAwayForTheWholeTimeHasCommittedNothing) {
  for (const bool is_stopped : {false, true}) {
    Fixture f;
    const Tip tip = f.create("main");
    f.faults->set_plan(
        {.rules = {{.kind = FaultKind::kError, .only_ops = ops(StoreOp::kSwap, StoreOp::kLoad)}}});
    const InterruptScope scope([&] { return is_stopped && f.runtime.slept_ns() > 3'000'000'000; });
    const auto moved = f.committer.commit(tip, f.mark("a"), f.go_on);
    ASSERT_FALSE(moved);
    EXPECT_EQ(moved.error().code, is_stopped ? Code::kCancelled : Code::kUnavailable);
    EXPECT_NE(moved.error().message.find("`main`: nothing was committed"), std::string::npos);
    f.faults->set_plan({});
    EXPECT_EQ(f.marks("main"), Marks{});
  }
}

// Whoever stops before the swap has changed nothing; one that has begun comes to its end.
TEST(Commit, AStopComesBeforeASwapOrAfterIt) {
  Fixture f;
  const Tip tip = f.create("main");
  const uint64_t before = f.faults->operations();
  int told = 0;
  {
    const InterruptScope scope([] { return true; }, [&] { ++told; });
    const auto moved = f.committer.commit(tip, f.mark("a"), f.go_on);
    ASSERT_FALSE(moved);
    EXPECT_EQ(moved.error().code, Code::kCancelled);
    EXPECT_EQ(f.faults->operations(), before + 1) << "the manifest, and no swap";
  }
  EXPECT_EQ(told, 0);
  EXPECT_EQ(f.marks("main"), Marks{});
}

TEST(Commit, ARefIsDeletedOnceWhateverTheReplies) {
  for (const FaultKind kind : {FaultKind::kError, FaultKind::kReplyLost, FaultKind::kTwice}) {
    Fixture f;
    f.create("main");
    const LoadedRef loaded = *load_ref(*f.faults, "main");
    f.faults->set_plan(
        {.rules = {{.kind = kind, .only_ops = ops(StoreOp::kSwap), .times_max = 1}}});
    const Status deleted = delete_ref(*f.faults, f.runtime, "main", loaded);
    EXPECT_TRUE(deleted) << deleted.error().message;
    EXPECT_EQ(load_ref(*f.memory, "main").error().code, Code::kNotFound);
  }
  Fixture f;
  const Tip tip = f.create("main");
  const LoadedRef loaded = *load_ref(*f.faults, "main");
  ASSERT_TRUE(f.committer.commit(tip, f.mark("a"), f.go_on));
  EXPECT_EQ(delete_ref(*f.faults, f.runtime, "main", loaded).error().code, Code::kConflict);
  EXPECT_EQ(f.marks("main"), Marks{"a"});
  f.faults->set_plan({.rules = {{.kind = FaultKind::kError, .only_ops = ops(StoreOp::kSwap)}}});
  const LoadedRef moved = *load_ref(*f.faults, "main");
  EXPECT_EQ(delete_ref(*f.faults, f.runtime, "main", moved).error().code, Code::kOutcomeUnknown);
}

// A store on which a rival commits on top right after our swap, whose reply is lost; or is about to
// commit when it is our turn.
class RivalStore final : public Store {
 public:
  explicit RivalStore(std::shared_ptr<Store> inner) : inner_(std::move(inner)) {}
  std::function<void()> after_swap;
  std::optional<Loaded> ahead;
  std::set<std::string> unreadable;  // keys

  std::string describe() const override { return inner_->describe(); }
  std::vector<Result<Buffer>> read_many(std::span<const ReadRequest> requests) override {
    auto replies = inner_->read_many(requests);
    for (size_t i = 0; i < requests.size(); ++i)
      if (unreadable.contains(requests[i].key))
        replies[i] = fail(Code::kDenied, "it may not be read");
    return replies;
  }
  std::vector<Status> put_many(std::span<const PutRequest> requests) override {
    return inner_->put_many(requests);
  }
  Result<Loaded> load(std::string_view key) override { return inner_->load(key); }
  Result<Version> swap(std::string_view key, const std::optional<Version>& expected,
                       const Buffer& body) override {
    auto swapped = inner_->swap(key, expected, body);
    if (!after_swap) return swapped;
    std::exchange(after_swap, nullptr)();
    return fail(Code::kOutcomeUnknown, "the reply was lost");
  }
  Status swap_delete(std::string_view key, const Version& expected) override {
    Status deleted = inner_->swap_delete(key, expected);
    if (!after_swap) return deleted;
    std::exchange(after_swap, nullptr)();
    return fail(Code::kOutcomeUnknown, "the reply was lost");
  }
  Result<ListPage> list(std::string_view prefix, std::string_view after, size_t limit) override {
    return inner_->list(prefix, after, limit);
  }
  std::vector<Status> delete_many(std::span<const std::string> keys) override {
    return inner_->delete_many(keys);
  }
  std::unique_ptr<Turn> wait_turn(std::string_view, uint32_t) override {
    return std::make_unique<RivalTurn>(ahead);
  }

 private:
  class RivalTurn final : public Turn {
   public:
    explicit RivalTurn(std::optional<Loaded> loaded) : loaded_(std::move(loaded)) {}
    std::optional<Loaded> ahead() override { return loaded_; }

   private:
    const std::optional<Loaded> loaded_;
  };

  const std::shared_ptr<Store> inner_;
};

TEST(Commit, ARefThatIsMadeAnewAfterALostReplyLeavesOpenWhetherItWasDeleted) {
  Fixture f;
  f.create("main");
  RivalStore store(f.memory);
  const LoadedRef loaded = *load_ref(store, "main");
  store.after_swap = [&] { f.create("main"); };
  const Status deleted = delete_ref(store, f.runtime, "main", loaded);
  ASSERT_FALSE(deleted);
  EXPECT_EQ(deleted.error().code, Code::kOutcomeUnknown);
  EXPECT_NE(load_ref(store, "main")->version, loaded.version);
}

TEST(Commit, ARefThatMovedAfterALostReplyLeavesOpenWhoMadeIt) {
  Fixture f;
  const Tip main = f.create("main");
  const auto store = std::make_shared<RivalStore>(f.memory);
  Objects objects(store, 1 << 20);
  store->after_swap = [&] {
    EXPECT_TRUE(f.committer.commit(*load_tip(f.objects, "b"), f.mark("theirs"), f.go_on));
  };
  const auto make = [&] {
    return create_ref(objects, f.runtime, f.writer, "b", main.address(), main.manifest, false,
                      random_write_id(real_runtime()));
  };
  EXPECT_EQ(make().error().code, Code::kOutcomeUnknown);
  EXPECT_EQ(f.marks("b"), Marks{"theirs"});
  EXPECT_EQ(make().error().code, Code::kAlreadyExists);
}

TEST(Commit, WhatIsAheadAndNeverComesChangesNothing) {
  Fixture f;
  const Tip tip = f.create("main");
  const auto store = std::make_shared<RivalStore>(f.memory);
  Objects objects(store, 1 << 20);
  Committer committer(objects, f.runtime, f.writer);
  // The rival's objects are there; its swap never comes.
  const auto theirs = f.committer.build(&tip, f.mark("theirs"), WriteId{});
  ASSERT_TRUE(theirs && objects.put(theirs->objects));
  Ref ref = tip.ref;
  ref.manifest = theirs->address;
  store->ahead = Loaded{write_ref(ref), {"never"}};
  std::vector<Address> asked, rebased;
  const auto commit = [&](const std::string& mark, bool commutes) {
    return committer.commit(
        *load_tip(objects, "main"), f.mark(mark),
        [&](const Tip& moved, Change&) -> Result<bool> {
          rebased.push_back(moved.address());
          return true;
        },
        [&, commutes](const Tip& moved) -> Result<bool> {
          asked.push_back(moved.address());
          return commutes;
        });
  };
  // A change that does not go onto it as it is goes onto the tip.
  ASSERT_TRUE(commit("ours 1", false));
  EXPECT_EQ(asked, std::vector{theirs->address});
  EXPECT_TRUE(rebased.empty());
  // One that does is built on it in vain, and then goes onto the tip.
  const Tip before = *load_tip(objects, "main");
  ASSERT_TRUE(commit("ours 2", true));
  EXPECT_EQ(rebased, std::vector{before.address()});
  EXPECT_EQ(f.marks("main"), (Marks{"ours 1", "ours 2"}));
  // An ahead that cannot be read, or is no ref at all, is none.
  ref.manifest = Address::of(std::as_bytes(std::span("nothing")));
  store->ahead = Loaded{write_ref(ref), {"never"}};
  ASSERT_TRUE(commit("ours 3", true));
  store->ahead = Loaded{Buffer::copy_of("no ref"), {"never"}};
  ASSERT_TRUE(commit("ours 4", true));
  EXPECT_EQ(f.marks("main").size(), 4u);
}

TEST(Commit, ALostReplyIsFoundBelowWhatARivalPutOnTop) {
  Fixture f;
  const Tip tip = f.create("main");
  const auto store = std::make_shared<RivalStore>(f.memory);
  Objects objects(store, 1 << 20);
  Committer committer(objects, f.runtime, f.writer);
  store->after_swap = [&] {
    Tip theirs = *load_tip(f.objects, "main");
    for (const char* key : {"rival 1", "rival 2", "rival 3"})
      theirs = *f.committer.commit(theirs, f.mark(key), f.go_on);
  };
  auto moved = committer.commit(tip, f.mark("ours"), f.go_on);
  ASSERT_TRUE(moved) << moved.error().message;
  EXPECT_EQ(f.marks("main"), (Marks{"ours", "rival 1", "rival 2", "rival 3"}));
  // The next commit of this handle finds the ref moved, and goes on top.
  auto next = committer.commit(*moved, f.mark("ours 2"), f.go_on);
  ASSERT_TRUE(next) << next.error().message;
  EXPECT_EQ(f.marks("main").size(), 5u);
}

TEST(Commit, WhoCannotReadWhatARivalPutOnTopDoesNotCommitAgain) {
  Fixture f;
  const Tip tip = f.create("main");
  const auto store = std::make_shared<RivalStore>(f.memory);
  Objects objects(store, 1 << 20);
  Committer committer(objects, f.runtime, f.writer);
  store->after_swap = [&] {
    Tip theirs = *load_tip(f.objects, "main");
    for (const char* key : {"rival 1", "rival 2", "rival 3"}) {
      store->unreadable.insert(manifest_key(theirs.address()));
      theirs = *f.committer.commit(theirs, f.mark(key), f.go_on);
    }
  };
  const auto moved = committer.commit(tip, f.mark("ours"), f.go_on);
  ASSERT_FALSE(moved);
  EXPECT_EQ(moved.error().code, Code::kOutcomeUnknown) << moved.error().message;
  EXPECT_EQ(f.marks("main"), (Marks{"ours", "rival 1", "rival 2", "rival 3"}));
}

TEST(Commit, ALostRaceIsRebasedAndPutsNoObjectTwice) {
  Fixture f;
  const Tip old = f.create("main");
  const Tip theirs = *f.committer.commit(old, f.mark("theirs"), f.go_on);
  Change change = f.mark("ours");
  change.objects = {{"segments/" + Address::of({}).text(), Buffer::copy_of("data")}};
  int rebases = 0;
  size_t objects_left = 99;
  auto moved = f.committer.commit(old, change, [&](const Tip& tip, Change& again) -> Result<bool> {
    ++rebases;
    EXPECT_EQ(tip.address(), theirs.address());
    objects_left = again.objects.size();
    return true;
  });
  ASSERT_TRUE(moved) << moved.error().message;
  EXPECT_EQ(rebases, 1);
  EXPECT_EQ(objects_left, 0u);
  EXPECT_EQ(f.marks("main"), (Marks{"theirs", "ours"}));

  // A rebase may find that nothing is left to do, or that it cannot be done.
  auto done = f.committer.commit(old, f.mark("x"),
                                 [](const Tip&, Change&) -> Result<bool> { return false; });
  ASSERT_TRUE(done);
  EXPECT_EQ(done->address(), moved->address());
  auto refused = f.committer.commit(old, f.mark("x"), [](const Tip&, Change&) -> Result<bool> {
    return fail(Code::kConflict, "taken");
  });
  EXPECT_EQ(refused.error().code, Code::kConflict);
  EXPECT_EQ(f.marks("main").size(), 2u);
}

TEST(Commit, TimeNeverGoesBackAndGenerationsCount) {
  Fixture f;
  Tip tip = f.create("main");
  for (int i = 0; i < 20; ++i) {
    const Tip next = *f.committer.commit(tip, f.mark(std::to_string(i)), f.go_on);
    EXPECT_EQ(next.manifest->generation, tip.manifest->generation + 1);
    EXPECT_GE(next.manifest->time_ns, tip.manifest->time_ns);
    EXPECT_EQ(next.manifest->parents, std::vector{tip.address()});
    tip = next;
  }
}

TEST(Commit, ASnapshotNeverMoves) {
  Fixture f;
  const Tip tip = f.create("main@v1", true);
  const auto moved = f.committer.commit(tip, f.mark("a"), f.go_on);
  EXPECT_EQ(moved.error().code, Code::kDenied);
  EXPECT_EQ(load_tip(f.objects, "main@v1")->address(), tip.address());
}

TEST(Commit, ADeletedRefIsNotMadeAgain) {
  Fixture f;
  const Tip tip = f.create("main");
  ASSERT_TRUE(f.memory->swap_delete("refs/main", tip.version));
  const auto moved = f.committer.commit(tip, f.mark("a"), f.go_on);
  EXPECT_EQ(moved.error().code, Code::kConflict);
  EXPECT_EQ(load_tip(f.objects, "main").error().code, Code::kNotFound);
}

TEST(Commit, FailedPutsLeaveTheRefAlone) {
  Fixture f;
  const Tip tip = f.create("main");
  f.faults->set_plan(
      {.rules = {
           {.kind = FaultKind::kError, .only_ops = ops(StoreOp::kPut), .code = Code::kExhausted}}});
  EXPECT_EQ(f.committer.commit(tip, f.mark("a"), f.go_on).error().code, Code::kExhausted);
  f.faults->set_plan({});
  EXPECT_EQ(f.marks("main"), Marks{});
}

TEST(Commit, ARefIsMadeOnceWhateverTheReplies) {
  for (const FaultKind kind : {FaultKind::kReplyLost, FaultKind::kTwice}) {
    Fixture f;
    const Tip main = f.create("main");
    f.faults->set_plan(
        {.rules = {{.kind = kind, .only_ops = ops(StoreOp::kSwap), .times_max = 1}}});
    const auto make = [&] {
      return create_ref(f.objects, f.runtime, f.writer, "b", main.address(), main.manifest, false,
                        random_write_id(real_runtime()));
    };
    auto made = make();
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(load_tip(f.objects, "b")->version, made->version);
    EXPECT_EQ(make().error().code, Code::kAlreadyExists);
  }
}

TEST(Commit, WhoCannotReadWhatIsInTheWayOfARefDoesNotSayThatItWasNotMade) {
  Fixture f;
  const Tip main = f.create("main");
  const FaultRule twice{.kind = FaultKind::kTwice, .only_ops = ops(StoreOp::kSwap), .times_max = 1};
  FaultRule unread{.only_ops = ops(StoreOp::kLoad), .times_max = 1};
  const auto make = [&](const std::string& name) {
    f.faults->set_plan({.rules = {twice, unread}});
    return create_ref(f.objects, f.runtime, f.writer, name, main.address(), main.manifest, false,
                      random_write_id(real_runtime()));
  };
  const auto made = make("b");
  EXPECT_TRUE(made) << made.error().message;
  unread.times_max = UINT64_MAX;
  EXPECT_EQ(make("c").error().code, Code::kOutcomeUnknown);
}

// Sole writer, three of ten replies lost of every kind of request, some swaps done twice: every
// commit is in, once, though some have to be asked for again.
TEST(Commit, AHundredCommitsOnABadStore) {
  Fixture f;
  Tip tip = f.create("main");
  f.faults->set_plan(
      {.seed = 5,
       .rules = {
           {.kind = FaultKind::kReplyLost, .probability = 0.3},
           {.kind = FaultKind::kTwice, .only_ops = ops(StoreOp::kSwap), .probability = 0.2}}});
  Marks expected;
  for (int i = 0; i < 100; ++i) {
    const std::string key = std::to_string(i);
    for (;;) {
      auto moved = f.committer.commit(
          tip, f.mark(key),
          [&](const Tip& at, Change&) -> Result<bool> { return !at.manifest->meta.contains(key); });
      if (moved) {
        tip = *std::move(moved);
        break;
      }
      ASSERT_TRUE(moved.error().code == Code::kOutcomeUnknown ||
                  moved.error().code == Code::kUnavailable)
          << moved.error().message;
    }
    expected.insert(key);
  }
  EXPECT_EQ(f.marks("main"), expected);
}

// The same where only swaps and loads lose replies: none ends unknown, none ends unknown.
TEST(Commit, TwoHundredCommitsOnABadStore) {
  Fixture f;
  Tip tip = f.create("main");
  f.faults->set_plan(
      {.seed = 5,
       .rules = {
           {.kind = FaultKind::kReplyLost,
            .only_ops = ops(StoreOp::kSwap, StoreOp::kLoad),
            .probability = 0.3},
           {.kind = FaultKind::kTwice, .only_ops = ops(StoreOp::kSwap), .probability = 0.2}}});
  Marks expected;
  for (int i = 0; i < 200; ++i) {
    const std::string key = std::to_string(i);
    auto moved = f.committer.commit(tip, f.mark(key), f.go_on);
    ASSERT_TRUE(moved) << moved.error().message;
    tip = *std::move(moved);
    expected.insert(key);
  }
  EXPECT_GT(f.faults->faults(), 80u);
  EXPECT_EQ(f.marks("main"), expected);
}

}  // namespace
}  // namespace dreamdb
