// Versions whose objects are whole and say what cannot be: what `verify` calls wrong.
#include "upkeep/verifier.h"

#include <gtest/gtest.h>

#include <functional>

#include "store/fault_store.h"
#include "upkeep/testing.h"

namespace dreamdb {
namespace {

using namespace testing;

void expect_wrong(WrittenVersion& version, const std::string& field, const std::string& rule) {
  const std::string found = version.verify();
  EXPECT_TRUE(found.starts_with(field + ": ")) << found;
  EXPECT_NE(found.find(rule), std::string::npos) << found;
}

TEST(Verifier, LetsAWholeVersionBe) {
  WrittenVersion version;
  EXPECT_EQ(version.verify(), "");
  version.add_records({1, 2, 5});
  version.add_vectors({1, 5});
  EXPECT_EQ(version.verify(), "");
}

TEST(Verifier, ABitThatFlipsOnTheWayIsNoDamage) {
  WrittenVersion version;
  version.add_records({1, 2, 5});
  version.add_vectors({1, 5});
  const Address address = version.write();
  for (const char* kind : {"segments/", "pages/", "manifests/", "genesis/"}) {
    for (const uint64_t times : {1, 2}) {
      const auto faults = std::make_shared<FaultStore>(
          version.store, FaultPlan{.rules = {{.kind = FaultKind::kFlipBit,
                                              .only_ops = ops(StoreOp::kGet),
                                              .key_prefix = kind,
                                              .times_max = times}}});
      VerifyOptions options;
      options.data = true;
      options.damages_max = 5;
      Verifier verifier(faults, options);
      ASSERT_TRUE(verifier.check_version(address));
      EXPECT_EQ(faults->faults(), times);
      EXPECT_TRUE(verifier.report().is_clean() || times == 2) << kind;
    }
  }
}

TEST(Verifier, EachRecordIsIntroducedOnce) {
  WrittenVersion version;
  version.add_records({1, 2, 5});
  version.nonce[3] = std::byte{1};
  version.add_records({3, 5, 9});
  expect_wrong(version, "(records)", "anchor 5 introduces a record once more (S6.3)");
  EXPECT_EQ(version.verify(false), "") << "pages and footers do not tell";
}

TEST(Verifier, EachAnchorIsARecords) {
  WrittenVersion layers;
  layers.add_records({1, 2, 5});
  layers.nonce[3] = std::byte{1};
  layers.add_records({2, 3, 5}, false);
  expect_wrong(layers, "(records)", "anchor 3 is no record's (S6.3)");

  WrittenVersion vectors;
  vectors.add_records({1, 2, 5});
  vectors.add_vectors({1, 2, 7});
  expect_wrong(vectors, "f2", "anchor 7 is no record's (S6.3)");
}

TEST(Verifier, AnEmbeddingHasOneValueOfASeq) {
  WrittenVersion version;
  version.add_records({1, 2, 5});
  version.add_vectors({1, 2});
  version.nonce[3] = std::byte{1};
  version.add_vectors({2, 5});
  expect_wrong(version, "f2", "anchor 2 has two values of one seq (S6.4)");
}

TEST(Verifier, EntriesAreThoseOfTheirSegments) {
  const auto changed = [](FieldId track, const std::function<void(Entry&)>& change) {
    WrittenVersion version;
    version.add_records({1, 2, 5});
    version.add_vectors({1, 2, 5});
    version.change_leaf(track, [&](Page& page) { change(page.entries[0]); });
    return version.verify();
  };
  const auto expect = [](const std::string& found, const std::string& rule) {
    EXPECT_NE(found.find(rule), std::string::npos) << found;
  };
  expect(changed(kVector, [](Entry& e) { e.rows = e.records = 2; }), "S6.6");
  expect(changed(kVector, [](Entry& e) { e.last = 6; }), "S6.6");
  expect(changed(kVector, [](Entry& e) { e.seq = 1; }), "generation");
  expect(changed(kVector, [](Entry& e) { e.records = 0; }), "outside the record track");
  expect(changed(kRecordTrack, [](Entry& e) { e.stats = {}; }), "statistics (S6.6)");
  EXPECT_EQ(changed(kRecordTrack, [](Entry&) {}), "");
}

TEST(Verifier, ASegmentIsOfItsFieldAndType) {
  WrittenVersion version;
  version.add_records({1, 2, 5});
  version.add_vectors({1, 2, 5});
  Field other = testing::field_of(FieldType::kEmbedding, kVector);
  other.shape = {4};
  version.manifest->schema =
      *Schema::restore({testing::field_of(FieldType::kInt, kNumber), other}, 3);
  expect_wrong(version, "f2", "S7.8");
  version.manifest->schema = *Schema::restore({testing::field_of(FieldType::kFloat, kNumber),
                                               testing::field_of(FieldType::kEmbedding, kVector)},
                                              3);
  expect_wrong(version, "(records)", "S7.8");
}

TEST(Verifier, SumsAreThoseOfThePageBelow) {
  WrittenVersion version;
  version.add_records({1, 2, 5});
  Root root = *version.manifest->find_track(kRecordTrack);
  root.bytes += 1;
  version.manifest->set_track(root);
  expect_wrong(version, "(records)", "bytes");
}

TEST(Verifier, AVersionFollowsFromItsParent) {
  WrittenVersion version;
  version.add_records({1, 2, 5});
  const Buffer parent = *write_manifest(*version.manifest);
  const Address address = Address::of(parent.span());
  version.put(manifest_key(address), parent);
  version.manifest->parents = {address};
  version.manifest->ancestors = ancestors_of_child(*version.manifest, address);
  version.manifest->depth = 1;
  version.manifest->generation = 1;
  EXPECT_EQ(version.verify(), "");
  version.manifest->generation = 2;
  EXPECT_NE(version.verify().find("S5.5"), std::string::npos);
}

TEST(Verifier, TombstonesAreThoseOfRecords) {
  WrittenVersion right;
  right.add_records({1, 2, 5});
  right.add_vectors({1, 2, 5, 7});
  right.add_tombstones(kRecordTrack, {2}, true);
  right.add_tombstones(kRecordTrack, {7, 9}, false);
  EXPECT_EQ(right.verify(), "") << "values at purged anchors are hidden";

  WrittenVersion strange;
  strange.add_records({1, 2, 5});
  strange.add_tombstones(kRecordTrack, {2, 3}, true);
  expect_wrong(strange, "(deleted)", "anchor 3 is deleted, and no record (S6.9)");

  WrittenVersion purged;
  purged.add_records({1, 2, 5});
  purged.add_tombstones(kRecordTrack, {5, 7}, false);
  expect_wrong(purged, "(deleted)", "anchor 5 is purged, and has a record (S6.9)");

  WrittenVersion twice;
  twice.add_records({1, 2, 5});
  twice.add_tombstones(kRecordTrack, {2}, true);
  twice.add_tombstones(kRecordTrack, {2, 5}, true);
  expect_wrong(twice, "(deleted)", "anchor 2 is deleted twice (S6.9)");

  WrittenVersion values;
  values.add_records({1, 2, 5});
  values.add_vectors({1, 2, 5});
  values.add_tombstones(kVector, {2}, true);
  EXPECT_EQ(values.verify(), "");
}

TEST(Verifier, WhatWasTakenOutIsNotThere) {
  WrittenVersion version;
  version.add_records({1, 2, 5});
  version.add_vectors({1, 2, 5});
  Entry other = version.only_entry(kVector);
  other.seq = 0;
  other.child = version.manifest->timeline;
  version.add_replaced(other);
  EXPECT_EQ(version.verify(), "");
  version.add_replaced(version.only_entry(kVector));
  expect_wrong(version, "f2", "among what was taken out (S6.11)");
}

}  // namespace
}  // namespace dreamdb
