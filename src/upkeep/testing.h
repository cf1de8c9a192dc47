// A version written by hand, with whatever is to be wrong with it.
//
// Thread rule: one thread at a time. For tests.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "format/ref.h"
#include "track/testing.h"
#include "upkeep/verifier.h"
#include "version/edit.h"

namespace dreamdb::testing {

inline constexpr FieldId kNumber{1}, kVector{2};

struct WrittenVersion : TestVersion {
  WrittenVersion() {
    const std::vector<Field> fields = {field_of(FieldType::kInt, kNumber),
                                       field_of(FieldType::kEmbedding, kVector)};
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
    const Column numbers = column_of(manifest->schema.fields()[0], Texts(anchors.size(), 7));
    const ScalarInput input{kNumber, &numbers};
    ASSERT_TRUE(add(kRecordTrack, build_scalar_segment(nonce, anchors, {&input, 1}), primary));
  }

  void add_vectors(const std::vector<uint64_t>& anchors) {
    const Column vectors = column_of(manifest->schema.fields()[1], Texts(anchors.size(), 3));
    ASSERT_TRUE(
        add(kVector,
            build_matrix_segment(nonce, kVector, anchors, Dtype::kF32, {3}, vectors.values.span()),
            true));
  }

  // Puts pages with the entries; `root`: of the tree before.
  std::optional<Root> grow(const std::optional<Root>& root, FieldId field,
                           const std::vector<Entry>& entries) {
    PageMap pages;
    const auto inserted = with_pages(*objects, pages, [&](const PageMap& have) {
      return insert_entries(root, field, entries, nonce, have);
    });
    EXPECT_TRUE(inserted) << inserted.error().message;
    for (const NewPage& page : inserted->pages) put(page_key(page.address), page.body);
    return inserted->root;
  }

  // records: whether the records, or values, still stand in the tracks.
  void add_tombstones(FieldId field, const std::vector<uint64_t>& anchors, bool records) {
    nonce[4] = static_cast<std::byte>(std::to_integer<int>(nonce[4]) + 1);
    const auto built = build_scalar_segment(nonce, anchors, {});
    ASSERT_TRUE(built);
    Entry entry = built->entry;
    entry.records = records ? entry.rows : 0;
    put(segment_key(entry.child), built->object);
    const Root* const before = manifest->find_tombstones(field);
    manifest->set_tombstones(
        *grow(before == nullptr ? std::nullopt : std::optional(*before), field, {entry}));
  }

  void add_replaced(const Entry& entry) {
    manifest->replaced = grow(manifest->replaced, kRecordTrack, {replaced_entry(entry)});
  }

  // That of a track with one segment.
  Entry only_entry(FieldId track) {
    TreeCursor cursor(*manifest->find_track(track), 0, kAnchorMax);
    return **next_entry(*objects, cursor);
  }

  // Puts the manifest as it is now.
  Address write() {
    const Buffer body = *write_manifest(*manifest);
    const Address address = Address::of(body.span());
    put(manifest_key(address), body);
    return address;
  }

  // The only thing that is wrong, or nothing.
  std::string verify(bool data = true) {
    const Address address = write();
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

}  // namespace dreamdb::testing
