// Versions whose objects are whole and say what cannot be: what `verify` calls wrong.
#include "upkeep/verifier.h"

#include <gtest/gtest.h>

#include <functional>

#include "format/ref.h"
#include "track/testing.h"

namespace dreamdb {
namespace {

using namespace testing;

constexpr FieldId kNumber{1}, kVector{2};

struct WrittenVersion : TestVersion {
  WrittenVersion() {
    const std::vector<Field> fields = {testing::field_of(FieldType::kInt, kNumber),
                                       testing::field_of(FieldType::kEmbedding, kVector)};
    manifest->schema = *Schema::restore(fields, 3);
    const Buffer genesis = write_genesis({});
    manifest->timeline = Address::of(genesis.span());
    manifest->operation = "create";
    put(genesis_key(manifest->timeline), genesis);
  }

  void put(const std::string& key, const Buffer& body) {
    const PutRequest request{key, body};
    ASSERT_TRUE(store->put_many({&request, 1})[0]);
  }

  // A segment of the record track with a number at each anchor.
  void add_records(const std::vector<uint64_t>& anchors, bool primary = true) {
    const Column numbers =
        testing::column_of(manifest->schema.fields()[0], Texts(anchors.size(), 7));
    const ScalarInput input{kNumber, &numbers};
    ASSERT_TRUE(add(kRecordTrack, build_scalar_segment(nonce, anchors, {&input, 1}), primary));
  }

  void add_vectors(const std::vector<uint64_t>& anchors) {
    const Column vectors =
        testing::column_of(manifest->schema.fields()[1], Texts(anchors.size(), 3));
    ASSERT_TRUE(
        add(kVector,
            build_matrix_segment(nonce, kVector, anchors, Dtype::kF32, {3}, vectors.values.span()),
            true));
  }

  // The only thing that is wrong, or nothing.
  std::string verify(bool data = true) {
    const Buffer body = *write_manifest(*manifest);
    const Address address = Address::of(body.span());
    put(manifest_key(address), body);
    VerifyOptions options;
    options.data = data;
    Verifier verifier(store, options);
    const Status status = verifier.check_version(address);
    EXPECT_TRUE(status) << status.error().message;
    EXPECT_LE(verifier.report().damage_count, 1u);
    if (verifier.report().is_clean()) return "";
    const Damage& damage = verifier.report().damages[0];
    EXPECT_EQ(damage.kind, "wrong");
    return damage.field + ": " + damage.what;
  }

  // The tree of a track written anew with other entries.
  void change_leaf(FieldId track, const std::function<void(Page&)>& change) {
    Root root = *manifest->find_track(track);
    PageMap pages;
    const PageRef ref{root.page, root.page_size};
    ASSERT_TRUE(objects->pages({&ref, 1}, pages));
    Page page = *pages.find(root.page);
    page.encoded = {};
    change(page);
    const Buffer body = write_page(page);
    put(page_key(Address::of(body.span())), body);
    manifest->set_track(root_of(page, track, Address::of(body.span()), body.size()));
  }
};

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

}  // namespace
}  // namespace dreamdb
