// What a repair makes of versions with deleted records.
#include "upkeep/repair_plan.h"

#include <gtest/gtest.h>

#include <set>

#include "track/row_reader.h"
#include "upkeep/testing.h"

namespace dreamdb {
namespace {

using namespace testing;

struct RepairedOne : WrittenVersion {
  RepairReport report;
  std::set<uint64_t> gone;  // records that were told to be

  // Makes a version of generation 1 without what is lost, in place of this one.
  void lose(const std::vector<Address>& objects_lost) {
    Losses losses;
    for (const Address& object : objects_lost) losses.add(object);
    const auto on_lost = [&](const LostRows& lost) -> Status {
      const auto* anchors = reinterpret_cast<const uint64_t*>(lost.anchors.data());
      if (lost.field == "(records)") gone.insert(anchors, anchors + lost.anchors.size() / 8);
      return {};
    };
    nonce[9] = std::byte{7};
    auto repaired = plan_repair(*objects, *manifest, losses, {nonce, 1}, on_lost, report);
    ASSERT_TRUE(repaired) << repaired.error().message;
    ASSERT_TRUE(objects->put(repaired->objects));
    *manifest = std::move(repaired->manifest);
    manifest->generation = manifest->depth = 1;
    manifest->parents = {Address::of({})};
    manifest->ancestors = {{0, Address::of({})}};
    EXPECT_EQ(verify(), "");
  }
};

TEST(RepairPlan, DeletedRecordsStayDeleted) {
  RepairedOne version;
  version.add_records({10, 20, 30, 40});
  version.add_vectors({20, 30});
  version.add_tombstones(kRecordTrack, {20, 40}, true);
  version.lose({version.only_entry(kRecordTrack).child});
  EXPECT_EQ(version.report.records_kept, 3u) << "30 has a value, 20 and 40 a tombstone";
  EXPECT_EQ(version.manifest->record_count(), 1u);
  EXPECT_EQ(version.gone, std::set<uint64_t>{10});
}

TEST(RepairPlan, ALayerKeepsItsRecords) {
  RepairedOne version;
  version.add_records({10, 20, 30});
  const Address lost = version.only_entry(kRecordTrack).child;
  version.next_commit();
  version.seq = 0;
  version.add_records({20}, false);
  version.lose({lost});
  EXPECT_EQ(version.report.records_kept, 1u);
  EXPECT_EQ(version.report.records_lost, 2u);
  EXPECT_EQ(version.gone, (std::set<uint64_t>{10, 30}));
}

TEST(RepairPlan, ValuesAtPurgedAnchorsMakeNoRecord) {
  RepairedOne version;
  version.add_records({10, 20});
  version.add_vectors({10, 15});
  version.add_tombstones(kRecordTrack, {15}, false);
  version.lose({version.only_entry(kRecordTrack).child});
  EXPECT_EQ(version.report.records_kept, 1u);
  EXPECT_EQ(version.manifest->record_count(), 1u);
}

TEST(RepairPlan, TombstonesOfKnownAnchorsAreMadeAnew) {
  RepairedOne version;
  version.add_records({10, 20, 30, 40});
  version.add_tombstones(kRecordTrack, {20, 30}, true);
  TreeCursor cursor(*version.manifest->find_tombstones(kRecordTrack), 0, kAnchorMax);
  version.lose({(*next_entry(*version.objects, cursor))->child});
  EXPECT_EQ(version.manifest->record_count(), 2u);
  EXPECT_TRUE(version.report.lists_cut.empty());
}

TEST(RepairPlan, OfALostPageOfTombstonesIsTold) {
  RepairedOne version;
  version.add_records({10, 20, 30, 40});
  version.add_tombstones(kRecordTrack, {20, 30}, true);
  version.lose({version.manifest->find_tombstones(kRecordTrack)->page});
  EXPECT_EQ(version.manifest->record_count(), 4u);
  EXPECT_EQ(version.report.lists_cut, std::vector<std::string>{"(deleted)"});
}

TEST(RepairPlan, WhatIsTakenOutIsNoted) {
  RepairedOne version;
  version.add_records({10, 20, 30, 40});
  version.add_vectors({10, 20});
  const Entry lost = version.only_entry(kVector);
  version.lose({lost.child});
  ASSERT_TRUE(version.manifest->replaced);
  TreeCursor cursor(*version.manifest->replaced, 0, kAnchorMax);
  EXPECT_EQ(**next_entry(*version.objects, cursor), replaced_entry(lost));
  EXPECT_EQ(version.manifest->find_track(kVector), nullptr);
}

}  // namespace
}  // namespace dreamdb
