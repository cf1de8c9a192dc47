// Listing by parts, near and far: every key judged once, those that are condemned deleted.
#include "upkeep/sweep.h"

#include <gtest/gtest.h>

#include <map>
#include <mutex>

#include "store/counting_store.h"
#include "store/far_store.h"
#include "store/fault_store.h"
#include "store/memory_store.h"

namespace dreamdb {
namespace {

std::string key_of(uint64_t i) {
  return "pages/" + Address::of(std::as_bytes(std::span(&i, 1))).text();
}

class SweepTest : public ::testing::Test {
 protected:
  void put(std::vector<std::string> keys) {
    std::vector<PutRequest> puts;
    for (std::string& key : keys) puts.push_back({std::move(key), Buffer::copy_of("abc")});
    for (const Status& status : memory_->put_many(puts)) ASSERT_TRUE(status.has_value());
  }
  void put_pages(uint64_t count) {
    std::vector<std::string> keys;
    for (uint64_t i = 0; i < count; ++i) keys.push_back(key_of(i));
    put(std::move(keys));
  }
  // Condemns those whose address is odd.
  Judge odd_ones() {
    return [this](const ListedObject& object, const Address& address) {
      const std::lock_guard lock(mutex_);
      ++judged_[object.key];
      return (std::to_integer<int>(address.hash[31]) & 1) != 0 ? Fate::kCondemned : Fate::kLive;
    };
  }

  std::shared_ptr<MemoryStore> memory_ = std::make_shared<MemoryStore>("sweep");
  std::mutex mutex_;
  std::map<std::string, int> judged_;
};

TEST_F(SweepTest, JudgesEachKeyOfTheSliceOnceAndDeletesTheCondemned) {
  for (const bool is_far : {false, true}) {
    for (const uint64_t count : {0, 10, 3'000}) {
      memory_ = std::make_shared<MemoryStore>("sweep");
      put_pages(count);
      CountingStore counting(memory_);
      FarStore far(memory_);
      Store& store = is_far ? static_cast<Store&>(far) : counting;
      GcCounts all;
      GcTotal deleted;
      for (uint64_t index = 0; index < 3; ++index) {
        const HashSlice slice = part_of({}, index, 3);
        const auto swept = sweep(store, "pages/", slice, {.counted = slice}, odd_ones());
        ASSERT_TRUE(swept.has_value()) << swept.error().message;
        add_to(all, swept->counts);
        add_to(deleted, swept->deleted);
      }
      EXPECT_EQ(judged_.size(), count);
      for (const auto& [key, times] : judged_) EXPECT_EQ(times, 1) << key;
      EXPECT_EQ(all.listed.objects, count);
      EXPECT_EQ(all.listed.bytes, 3 * count);
      EXPECT_EQ(all.live.objects + all.condemned.objects, count);
      EXPECT_EQ(deleted.objects, all.condemned.objects);
      EXPECT_EQ(deleted.bytes, 3 * deleted.objects);
      EXPECT_EQ(memory_->list("pages/", "", 10'000)->objects.size(), all.live.objects);
      judged_.clear();
    }
  }
}

TEST_F(SweepTest, NamesThatAreNoAddressesAreUnknownAndStay) {
  put({"pages/x", "pages/dz", "pages/d2222", "pages/" + std::string(53, 'd'), "pages/zzz",
       "pages"});
  const auto swept = sweep(*memory_, "pages/", {}, {}, odd_ones());
  ASSERT_TRUE(swept.has_value());
  EXPECT_EQ(swept->counts.unknown.objects, 5u);
  EXPECT_TRUE(judged_.empty());
  EXPECT_EQ(memory_->list("", "", 100)->objects.size(), 6u);
}

TEST_F(SweepTest, ADryRunDeletesNothing) {
  put_pages(100);
  const auto swept = sweep(*memory_, "pages/", {}, {.dry_run = true}, odd_ones());
  EXPECT_GT(swept->counts.condemned.objects, 20u);
  EXPECT_EQ(swept->deleted.objects, 0u);
  EXPECT_EQ(memory_->list("", "", 1000)->objects.size(), 100u);
}

TEST_F(SweepTest, WhatIsListedTwiceCountsOnce) {
  put_pages(50);
  FaultStore store(memory_, {.rules = {{.kind = FaultKind::kListRepeats}}});
  const auto swept = sweep(store, "pages/", {}, {}, odd_ones());
  ASSERT_TRUE(swept.has_value()) << swept.error().message;
  EXPECT_EQ(swept->counts.listed.objects, 50u);
}

TEST_F(SweepTest, AListingOutOfOrderEndsIt) {
  put_pages(50);
  FaultStore store(memory_, {.rules = {{.kind = FaultKind::kListReorders}}});
  const auto swept = sweep(store, "pages/", {}, {}, odd_ones());
  ASSERT_FALSE(swept.has_value());
  EXPECT_EQ(swept.error().code, Code::kUnavailable);
  EXPECT_EQ(memory_->list("", "", 1000)->objects.size(), 50u);
}

TEST_F(SweepTest, DeletionsThatFailAreTriedAgainAThousandAtATime) {
  put_pages(5'000);
  const auto faulty = std::make_shared<FaultStore>(
      memory_, FaultPlan{.rules = {{.only_ops = ops(StoreOp::kDelete), .probability = 0.02}}});
  CountingStore store(faulty);
  const auto swept = sweep(store, "pages/", {}, {}, odd_ones());
  ASSERT_TRUE(swept.has_value()) << swept.error().message;
  EXPECT_EQ(memory_->list("", "", 9'999)->objects.size(), swept->counts.live.objects);
  faulty->set_plan({.rules = {{.only_ops = ops(StoreOp::kDelete), .code = Code::kDenied}}});
  put_pages(5'000);
  EXPECT_EQ(sweep(store, "pages/", {}, {}, odd_ones()).error().code, Code::kDenied);
}

TEST_F(SweepTest, StrangersAreCountedAroundTheFolders) {
  put({"aaa", "pages-old", "pages/x", "pages0", "refs/x", "rest/y", "zzz"});
  const auto strangers = count_strangers(*memory_, {"pages/", "refs/"});
  ASSERT_TRUE(strangers.has_value());
  EXPECT_EQ(strangers->objects, 5u);
  EXPECT_EQ(strangers->bytes, 15u);
}

}  // namespace
}  // namespace dreamdb
