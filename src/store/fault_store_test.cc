// Each fault does to requests and replies what it says, and a seed repeats itself.
#include "store/fault_store.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "store/memory_store.h"

namespace dreamdb {
namespace {

class FaultStoreTest : public testing::Test {
 protected:
  void plan(FaultRule rule) { store_.set_plan({.seed = 7, .rules = {std::move(rule)}}); }
  Status put(const std::string& key, std::string_view text) {
    const PutRequest request{key, Buffer::copy_of(text)};
    return store_.put_many(std::span(&request, 1)).front();
  }
  static Result<Buffer> get(Store& store, const std::string& key) {
    const ReadRequest request{key};
    return store.read_many(std::span(&request, 1)).front();
  }
  Status remove(const std::string& key) { return store_.delete_many(std::span(&key, 1)).front(); }
  bool is_there(const std::string& key) { return get(*inner_, key).has_value(); }

  std::shared_ptr<MemoryStore> inner_ = std::make_shared<MemoryStore>("inner");
  FaultStore store_{inner_, {}};
};

TEST_F(FaultStoreTest, ErrorsComeBeforeAnythingIsDone) {
  plan({.kind = FaultKind::kError,
        .only_ops = ops(StoreOp::kPut),
        .key_prefix = "bad/",
        .code = Code::kExhausted});
  EXPECT_EQ(put("bad/a", "x").error().code, Code::kExhausted);
  EXPECT_FALSE(is_there("bad/a"));
  EXPECT_TRUE(put("good/a", "x"));
  EXPECT_EQ(get(store_, "bad/a").error().code, Code::kNotFound);  // another operation
  EXPECT_EQ(store_.faults(), 1u);
}

TEST_F(FaultStoreTest, LostRepliesAreDoneAllTheSame) {
  plan({.kind = FaultKind::kReplyLost});
  EXPECT_EQ(put("a", "x").error().code, Code::kOutcomeUnknown);
  EXPECT_TRUE(is_there("a"));
  EXPECT_EQ(store_.swap("refs/m", std::nullopt, Buffer::copy_of("1")).error().code,
            Code::kOutcomeUnknown);
  EXPECT_EQ(inner_->load("refs/m")->body.view(), "1");
  EXPECT_EQ(get(store_, "a").error().code, Code::kUnavailable);
  EXPECT_EQ(remove("a").error().code, Code::kOutcomeUnknown);
  EXPECT_FALSE(is_there("a"));
}

TEST_F(FaultStoreTest, ASwapDoneTwiceMeetsItself) {
  plan({.kind = FaultKind::kTwice});
  EXPECT_EQ(store_.swap("refs/m", std::nullopt, Buffer::copy_of("1")).error().code,
            Code::kConflict);
  EXPECT_EQ(inner_->load("refs/m")->body.view(), "1");
  EXPECT_TRUE(put("a", "x"));
}

TEST_F(FaultStoreTest, LatePutsAndDeletesArriveLater) {
  plan({.kind = FaultKind::kLate, .times_max = 1, .late_by = 1});
  EXPECT_EQ(put("late", "x").error().code, Code::kOutcomeUnknown);
  EXPECT_FALSE(is_there("late"));
  ASSERT_TRUE(put("other", "x"));
  EXPECT_FALSE(is_there("late"));
  ASSERT_TRUE(put("more", "x"));
  EXPECT_TRUE(is_there("late"));
  plan({.kind = FaultKind::kLate, .late_by = 1000});
  EXPECT_EQ(remove("late").error().code, Code::kOutcomeUnknown);
  EXPECT_TRUE(is_there("late"));
  store_.run_late();
  EXPECT_FALSE(is_there("late"));
}

TEST_F(FaultStoreTest, BodiesAreCutFlippedAndExchanged) {
  const std::string body(100, 'b');
  ASSERT_TRUE(put("a", body));
  ASSERT_TRUE(put("c", "another"));
  plan({.kind = FaultKind::kCutBody, .only_ops = ops(StoreOp::kGet)});
  EXPECT_LT(get(store_, "a")->size(), body.size());
  plan({.kind = FaultKind::kFlipBit});
  const auto flipped = get(store_, "a");
  ASSERT_EQ(flipped->size(), body.size());
  size_t different = 0;
  for (size_t i = 0; i < body.size(); ++i) different += flipped->view()[i] != body[i];
  EXPECT_EQ(different, 1u);
  ASSERT_TRUE(put("torn", body));  // stored with a flipped bit
  EXPECT_NE(get(*inner_, "torn")->view(), body);
  store_.set_plan({});
  ASSERT_EQ(get(store_, "c")->view(), "another");
  plan({.kind = FaultKind::kOtherBody});
  EXPECT_EQ(get(store_, "a")->view(), "another");
}

TEST_F(FaultStoreTest, LoadsMayBeOld) {
  ASSERT_TRUE(store_.swap("refs/m", std::nullopt, Buffer::copy_of("1")).has_value());
  const auto first = store_.load("refs/m");
  ASSERT_TRUE(store_.swap("refs/m", first->version, Buffer::copy_of("2")).has_value());
  plan({.kind = FaultKind::kOlderVersion});
  EXPECT_EQ(store_.load("refs/m")->body.view(), "1");
}

TEST_F(FaultStoreTest, ConditionsMayBeIgnored) {
  const auto first = store_.swap("refs/m", std::nullopt, Buffer::copy_of("1"));
  plan({.kind = FaultKind::kConditionIgnored});
  EXPECT_TRUE(store_.swap("refs/m", std::nullopt, Buffer::copy_of("2")).has_value());
  EXPECT_TRUE(store_.swap("refs/m", *first, Buffer::copy_of("3")).has_value());
  EXPECT_EQ(inner_->load("refs/m")->body.view(), "3");
  EXPECT_TRUE(store_.swap_delete("refs/m", *first));
  EXPECT_FALSE(inner_->load("refs/m").has_value());
}

TEST_F(FaultStoreTest, ListingsMissRepeatAndReorder) {
  for (int i = 0; i < 9; ++i) ASSERT_TRUE(put("k/" + std::to_string(i), "x"));
  const auto listed = [&] {
    std::vector<std::string> keys;
    const auto page = store_.list("k/", "", 100);
    for (const auto& object : page->objects) keys.push_back(object.key);
    return keys;
  };
  const auto all = listed();
  plan({.kind = FaultKind::kListMisses});
  EXPECT_EQ(listed().size(), 8u);
  plan({.kind = FaultKind::kListRepeats});
  auto repeated = listed();
  EXPECT_EQ(repeated.size(), 10u);
  EXPECT_EQ(std::set<std::string>(repeated.begin(), repeated.end()).size(), 9u);
  plan({.kind = FaultKind::kListReorders});
  auto shuffled = listed();
  EXPECT_NE(shuffled, all);
  std::sort(shuffled.begin(), shuffled.end());
  EXPECT_EQ(shuffled, all);
}

TEST_F(FaultStoreTest, AMultiDeleteMayFailInPart) {
  std::vector<std::string> keys;
  for (int i = 0; i < 20; ++i) {
    keys.push_back("k/" + std::to_string(i));
    ASSERT_TRUE(put(keys.back(), "x"));
  }
  plan({.kind = FaultKind::kError, .only_ops = ops(StoreOp::kDelete), .probability = 0.5});
  const auto results = store_.delete_many(keys);
  size_t failed = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    EXPECT_EQ(is_there(keys[i]), !results[i].has_value());
    failed += !results[i].has_value();
  }
  EXPECT_GT(failed, 0u);
  EXPECT_LT(failed, keys.size());
}

TEST_F(FaultStoreTest, ACrashStrikesTheNthOperationAndAllThatFollow) {
  for (const bool after : {false, true}) {
    for (uint64_t n = 0; n < 4; ++n) {
      const auto inner = std::make_shared<MemoryStore>("crash");
      FaultStore store(
          inner,
          {.seed = 0,
           .rules = {{.kind = after ? FaultKind::kCrashAfter : FaultKind::kCrashBefore, .at = n}}});
      const PutRequest puts[] = {{"k/0", Buffer::copy_of("x")},
                                 {"k/1", Buffer::copy_of("x")},
                                 {"k/2", Buffer::copy_of("x")},
                                 {"k/3", Buffer::copy_of("x")}};
      const auto results = store.put_many(puts);
      for (uint64_t i = 0; i < 4; ++i) {
        EXPECT_EQ(results[i].has_value(), i < n);
        EXPECT_EQ(get(*inner, puts[i].key).has_value(), i < n + (after ? 1 : 0));
      }
      EXPECT_TRUE(store.crashed());
      EXPECT_EQ(store.load("refs/m").error().code, Code::kUnavailable);
      EXPECT_EQ(store.operations(), n + 1);
      store.set_plan({});
      EXPECT_EQ(store.load("refs/m").error().code, Code::kNotFound);
    }
  }
}

// Its clock stands still but for sleeps, during which `meanwhile` happens.
class FakeRuntime final : public Runtime {
 public:
  uint64_t now_ns() override { return 1 + slept_ns; }
  uint64_t monotonic_ns() override { return 1 + slept_ns; }
  void sleep_ns(uint64_t duration_ns) override {
    slept_ns += duration_ns;
    if (meanwhile) meanwhile();
  }
  void random(std::span<std::byte>) override {}
  uint64_t slept_ns = 0;
  std::function<void()> meanwhile;
};

TEST_F(FaultStoreTest, DelaysGoThroughTheRuntime) {
  FakeRuntime runtime;
  FaultStore store(inner_, {.seed = 0, .rules = {{.kind = FaultKind::kDelay, .delay_ns = 5}}},
                   runtime);
  ASSERT_EQ(get(store, "none").error().code, Code::kNotFound);
  EXPECT_EQ(runtime.slept_ns, 5u);
}

TEST_F(FaultStoreTest, ALateReplyComesAfterTheDeed) {
  FakeRuntime runtime;
  FaultStore store(inner_, {.seed = 0, .rules = {{.kind = FaultKind::kLateReply, .delay_ns = 5}}},
                   runtime);
  std::string seen;
  runtime.meanwhile = [&] { seen = std::string(inner_->load("refs/m")->body.view()); };
  const auto version = store.swap("refs/m", std::nullopt, Buffer::copy_of("1"));
  ASSERT_TRUE(version.has_value());
  EXPECT_EQ(seen, "1");
  // What is read is as it was when it was asked for.
  runtime.meanwhile = [&] { (void)inner_->swap("refs/m", *version, Buffer::copy_of("2")); };
  EXPECT_EQ(store.load("refs/m")->body.view(), "1");
  EXPECT_EQ(runtime.slept_ns, 10u);
}

TEST_F(FaultStoreTest, AConditionThatIsNotAtomicLetsARivalsWriteBeLost) {
  FakeRuntime runtime;
  FaultStore store(inner_, {.seed = 0, .rules = {{.kind = FaultKind::kNotAtomic, .delay_ns = 5}}},
                   runtime);
  const auto first = inner_->swap("refs/m", std::nullopt, Buffer::copy_of("1"));
  runtime.meanwhile = [&] {
    ASSERT_TRUE(inner_->swap("refs/m", *first, Buffer::copy_of("rival")));
  };
  EXPECT_TRUE(store.swap("refs/m", *first, Buffer::copy_of("2")).has_value());
  EXPECT_EQ(inner_->load("refs/m")->body.view(), "2");
  runtime.meanwhile = nullptr;
  EXPECT_EQ(store.swap("refs/m", *first, Buffer::copy_of("3")).error().code, Code::kConflict);
  EXPECT_EQ(store.swap_delete("refs/m", *first).error().code, Code::kConflict);
}

TEST_F(FaultStoreTest, ThrottlingIsByPrefixAndSecond) {
  FakeRuntime runtime;
  FaultStore store(
      inner_,
      {.seed = 0,
       .rules = {{.kind = FaultKind::kThrottled, .key_prefix = "a/", .allowed_a_second = 2}}},
      runtime);
  const auto code = [&](const std::string& key) { return get(store, key).error().code; };
  EXPECT_EQ(code("a/1"), Code::kNotFound);
  EXPECT_EQ(code("a/2"), Code::kNotFound);
  EXPECT_EQ(code("a/3"), Code::kUnavailable);
  EXPECT_EQ(code("b/1"), Code::kNotFound);
  runtime.slept_ns = 1'000'000'000;
  EXPECT_EQ(code("a/3"), Code::kNotFound);
}

TEST_F(FaultStoreTest, ASeedRepeatsItself) {
  const auto run = [](uint64_t seed) {
    FaultStore store(std::make_shared<MemoryStore>("seed"),
                     {.seed = seed,
                      .rules = {{.kind = FaultKind::kError, .probability = 0.3}},
                      .shuffle_waves = true});
    std::string outcome;
    for (int wave = 0; wave < 10; ++wave) {
      std::vector<PutRequest> puts;
      for (int i = 0; i < 10; ++i) puts.push_back({"k/" + std::to_string(i), Buffer()});
      for (const Status& status : store.put_many(puts)) outcome += status ? '.' : 'x';
    }
    return outcome;
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

}  // namespace
}  // namespace dreamdb
