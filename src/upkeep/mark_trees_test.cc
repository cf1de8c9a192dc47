// Everything that versions name is marked, and little is read twice.
#include "upkeep/mark_trees.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "plan/testing.h"
#include "store/memory_store.h"

namespace dreamdb {
namespace {

// Versions whose trees grow from one to the next.
struct Chain {
  std::shared_ptr<MemoryStore> store = std::make_shared<MemoryStore>("trees");
  Objects objects{store, 64 << 20};
  std::vector<ManifestPtr> versions;  // oldest first
  std::mt19937_64 random{7};
  uint64_t entries = 0;

  void grow(std::optional<Root>& root, FieldId field, uint64_t count) {
    std::vector<Entry> added;
    for (uint64_t i = 0; i < count; ++i, ++entries)
      added.push_back(testing::leaf_entry(entries, random() % 1'000'000, 5, versions.size(), true));
    Nonce nonce{};
    nonce[0] = static_cast<std::byte>(versions.size());
    PageMap pages;
    const auto inserted = with_pages(objects, pages, [&](const PageMap& have) {
      return insert_entries(root, field, added, nonce, have);
    });
    ASSERT_TRUE(inserted.has_value()) << inserted.error().message;
    for (const NewPage& page : inserted->pages) {
      const PutRequest put{page_key(page.address), page.body};
      ASSERT_TRUE(objects.put({&put, 1}).has_value());
    }
    root = inserted->root;
  }

  void add(uint64_t records, uint64_t values) {
    auto next = std::make_shared<Manifest>(versions.empty() ? Manifest{} : *versions.back());
    std::optional<Root> track, field;
    if (const Root* root = next->find_track(kRecordTrack)) track = *root;
    if (const Root* root = next->find_track(FieldId{3})) field = *root;
    grow(track, kRecordTrack, records);
    if (values > 0) grow(field, FieldId{3}, values);
    next->tracks.clear();
    next->set_track(*track);
    if (field) next->set_track(*field);
    FieldIndex index;
    index.field = FieldId{3};
    index.spatial = Address::of(std::as_bytes(std::span("index")));
    index.codes = field;
    next->indexes = {index};
    versions.push_back(std::move(next));
  }

  void add_below(const Address& page, std::set<Address>& out) {
    if (!out.insert(page).second) return;
    PageMap pages;
    const PageRef ref{page, 0};
    ASSERT_TRUE(objects.pages({&ref, 1}, pages).has_value());
    for (const Entry& entry : pages.find(page)->entries) {
      if (pages.find(page)->height > 0) {
        add_below(entry.child, out);
      } else {
        out.insert(entry.child);
      }
    }
  }

  // All that the versions name, the plain way.
  std::set<Address> reachable() {
    std::set<Address> out;
    for (const ManifestPtr& version : versions) {
      for (const Root& root : version->tracks) add_below(root.page, out);
      for (const FieldIndex& index : version->indexes) out.insert(index.spatial);
    }
    return out;
  }
};

// How versions are walked, and how many pages may be read for it.
struct Marks {
  MarkFilter filter{1 << 20, 9};
  SeenAddresses seen;
  uint64_t pages = 0;

  Marks(Chain& chain, const HashSlice& slice, uint64_t seen_bytes, bool compares)
      : seen(seen_bytes) {
    TreeMarker marker(chain.objects, filter, slice, seen);
    const Manifest* beside = nullptr;
    for (size_t i = chain.versions.size(); i-- > 0;) {
      const Status marked = marker.mark(*chain.versions[i], compares ? beside : nullptr);
      EXPECT_TRUE(marked.has_value()) << marked.error().message;
      beside = chain.versions[i].get();
    }
    pages = marker.pages();
  }
};

class MarkTrees : public ::testing::Test {
 protected:
  void SetUp() override {
    chain_.add(600, 0);
    for (int i = 0; i < 40; ++i) {
      const uint64_t records = 1 + chain_.random() % 3;  // the order of arguments is a compiler's
      chain_.add(records, chain_.random() % 2);
    }
    chain_.add(200, 50);
    for (int i = 0; i < 10; ++i) chain_.add(1, 1);
    ASSERT_GE(chain_.versions.back()->find_track(kRecordTrack)->height, 2u);
    reachable_ = chain_.reachable();
  }

  Chain chain_;
  std::set<Address> reachable_;
};

TEST_F(MarkTrees, AllThatIsNamedIsMarkedAndNothingElse) {
  for (const bool compares : {false, true}) {
    for (const uint64_t seen_bytes : {uint64_t{32}, uint64_t{4096}, uint64_t{1} << 20}) {
      const Marks marks(chain_, {}, seen_bytes, compares);
      for (const Address& address : reachable_) ASSERT_TRUE(marks.filter.may_have(address));
      EXPECT_EQ(marks.filter.added(), reachable_.size());
    }
  }
}

TEST_F(MarkTrees, EachPageIsReadOnceIfItIsRemembered) {
  std::set<Address> pages;
  for (const Address& address : reachable_)
    if (chain_.store->read_many({{{page_key(address)}}})[0]) pages.insert(address);
  const Marks marks(chain_, {}, 1 << 20, false);
  EXPECT_GE(marks.pages, pages.size());
  EXPECT_LE(marks.pages, pages.size() * 51 / 50);  // two may share a place
  // Or if versions are compared with their neighbours: but for some.
  EXPECT_LE(Marks(chain_, {}, 32, true).pages, pages.size() * 3 / 2);
  EXPECT_GT(Marks(chain_, {}, 32, false).pages, pages.size() * 4);
}

TEST_F(MarkTrees, ASliceHasItsPart) {
  const HashSlice slice = part_of({}, 2, 5);
  const Marks marks(chain_, slice, 1 << 20, true);
  uint64_t count = 0;
  for (const Address& address : reachable_) {
    if (!slice.has(address)) continue;
    ++count;
    ASSERT_TRUE(marks.filter.may_have(address));
  }
  EXPECT_EQ(marks.filter.added(), count);
}

TEST_F(MarkTrees, AMissingPageEndsItButWhereItMayBeMissing) {
  const Manifest& newest = *chain_.versions.back();
  PageMap pages;
  const PageRef root{newest.find_track(kRecordTrack)->page, 0};
  ASSERT_TRUE(chain_.objects.pages({&root, 1}, pages).has_value());
  const std::string gone = page_key(pages.find(root.address)->entries[1].child);
  ASSERT_TRUE(chain_.store->delete_many({&gone, 1})[0].has_value());
  Objects fresh(chain_.store, 0);
  MarkFilter filter(1 << 20, 1);
  SeenAddresses seen(1 << 20), again(1 << 20);
  TreeMarker marker(fresh, filter, {}, seen);
  const Status marked = marker.mark(newest, nullptr);
  ASSERT_FALSE(marked.has_value());
  EXPECT_EQ(marked.error().code, Code::kCorruption);
  EXPECT_NE(marked.error().message.find(gone), std::string::npos);
  TreeMarker lenient(fresh, filter, {}, again);
  EXPECT_TRUE(lenient.mark_rest(newest, nullptr).has_value());
  EXPECT_TRUE(filter.may_have(pages.find(root.address)->entries.back().child));
  EXPECT_GT(filter.added(), reachable_.size() / 4);
}

TEST_F(MarkTrees, AFullFilterSaysSo) {
  MarkFilter filter(512, 1);
  SeenAddresses seen(1 << 20);
  TreeMarker marker(chain_.objects, filter, {}, seen);
  EXPECT_EQ(marker.mark(*chain_.versions.back(), nullptr).error().code, Code::kExhausted);
  EXPECT_TRUE(filter.is_full());
}

}  // namespace
}  // namespace dreamdb
