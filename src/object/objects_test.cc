// Objects come back verified, in one wave, from the cache where they can; wrong ones are named.
#include "object/objects.h"

#include <gtest/gtest.h>

#include <numeric>

#include "store/counting_store.h"
#include "store/fault_store.h"
#include "store/memory_store.h"

namespace dreamdb {
namespace {

// Pages, a manifest and matrix segments on a store that counts and can fail.
struct Fixture {
  std::shared_ptr<MemoryStore> memory = std::make_shared<MemoryStore>("objects");
  std::shared_ptr<FaultStore> faults = std::make_shared<FaultStore>(memory, FaultPlan{});
  std::shared_ptr<CountingStore> store = std::make_shared<CountingStore>(faults);
  std::shared_ptr<Objects> objects = std::make_shared<Objects>(store, 64 << 20);

  void put(const std::string& key, const Buffer& body) {
    const PutRequest request{key, body};
    ASSERT_TRUE(objects->put({&request, 1}));
  }

  // A segment of `rows` rows of 256 bytes, on the store.
  EntryPtr segment(uint64_t first, size_t rows, bool sequence = true) {
    std::vector<uint64_t> anchors(rows);
    std::iota(anchors.begin(), anchors.end(), first);
    if (!sequence) anchors.back() += 7;
    const std::vector<std::byte> matrix(rows * 256, static_cast<std::byte>(first));
    auto built = build_matrix_segment(Nonce{}, FieldId{1}, anchors, Dtype::kU8, {256}, matrix);
    EXPECT_TRUE(built) << built.error().message;
    built->entry.records = built->entry.rows;
    put(segment_key(built->entry.child), built->object);
    return std::make_shared<const Entry>(built->entry);
  }

  PageRef page(const Entry& entry) {
    const Page page{Nonce{}, 0, {entry}, {}};
    const Buffer body = write_page(page);
    const Address address = Address::of(body.span());
    put(page_key(address), body);
    return {address, body.size()};
  }

  void plan(FaultRule rule) { faults->set_plan({.rules = {std::move(rule)}}); }
  uint64_t waves() const { return store->snapshot().waves; }
};

TEST(Objects, FetchesSegmentsInOneWaveAndOnce) {
  Fixture f;
  std::vector<EntryPtr> entries;
  for (uint64_t i = 0; i < 10; ++i)
    entries.push_back(f.segment(i * 10'000, i % 2 == 0 ? 10 : 1000));  // whole, or the footer only
  const uint64_t before = f.waves();
  auto segments = f.objects->segments(entries);
  ASSERT_TRUE(segments) << segments.error().message;
  EXPECT_EQ(f.waves(), before + 1);
  std::vector<Extent> extents;
  for (size_t i = 0; i < entries.size(); ++i) {
    const SegmentPtr& segment = (*segments)[i];
    EXPECT_EQ(segment->segment.first, entries[i]->first);
    EXPECT_EQ(segment->whole.empty(), i % 2 != 0);
    extents.push_back({segment, &segment->segment.data, 0, segment->segment.data.blocks()});
  }
  auto bytes = f.objects->extents(extents);
  ASSERT_TRUE(bytes) << bytes.error().message;
  EXPECT_EQ(f.waves(), before + 2);
  for (size_t i = 0; i < entries.size(); ++i) {
    ASSERT_EQ((*bytes)[i].size(), entries[i]->rows * 256);
    for (const std::byte b : (*bytes)[i].span())
      ASSERT_EQ(b, static_cast<std::byte>(entries[i]->first));
  }
  ASSERT_TRUE(f.objects->segments(entries));
  EXPECT_EQ(f.waves(), before + 2);
}

TEST(Objects, AMissingObjectIsNamed) {
  Fixture f;
  const EntryPtr entry = f.segment(1, 10);
  const PageRef page = f.page(*entry);
  for (const std::string& key : {segment_key(entry->child), page_key(page.address)})
    for (const Status& status : f.memory->delete_many({&key, 1})) ASSERT_TRUE(status);
  const auto segments = f.objects->segments({&entry, 1});
  ASSERT_FALSE(segments);
  EXPECT_EQ(segments.error().code, Code::kCorruption);
  EXPECT_NE(segments.error().message.find(entry->child.text()), std::string::npos);
  PageMap pages;
  const Status missing = f.objects->pages({&page, 1}, pages);
  EXPECT_EQ(missing.error().code, Code::kCorruption);
  EXPECT_NE(missing.error().message.find(page.address.text()), std::string::npos);
  EXPECT_EQ(f.objects->manifest(page.address).error().code, Code::kNotFound);
}

// Bits flip on the way: what is on the store decides, for one more request.
TEST(Objects, WhatIsDamagedOnTheWayIsAskedForOnceMore) {
  for (const FaultKind kind : {FaultKind::kFlipBit, FaultKind::kCutBody}) {
    Fixture f;
    std::vector<EntryPtr> entries = {f.segment(1, 10), f.segment(50'000, 1000),
                                     f.segment(90'000, 1000, false)};
    const PageRef page = f.page(*entries[0]);
    const auto requests_of = [&](const auto& call) {
      const uint64_t before = f.faults->operations();
      EXPECT_TRUE(call()) << static_cast<int>(kind);
      return f.faults->operations() - before;
    };
    const FaultRule once{.kind = kind, .only_ops = ops(StoreOp::kGet), .times_max = 1};
    f.plan(once);
    PageMap pages;
    EXPECT_EQ(requests_of([&] { return f.objects->pages({&page, 1}, pages); }), 1u + 1);
    f.plan(once);
    EXPECT_EQ(requests_of([&] { return f.objects->segments(entries); }), entries.size() + 1);
    std::vector<Extent> extents;
    std::vector<std::byte> values;
    for (size_t i = 1; i < entries.size(); ++i) {
      const SegmentPtr segment = f.objects->segments(entries).value()[i];
      const auto& data = segment->segment.data;
      for (size_t block = 0; block + 1 < data.blocks(); block += 2) {
        extents.push_back({segment, &data, block, 1});
        values.push_back(static_cast<std::byte>(entries[i]->first));
      }
    }
    f.plan(once);
    const uint64_t waves = f.waves();
    EXPECT_EQ(requests_of([&] { return f.objects->extents(extents); }), extents.size() + 1);
    EXPECT_EQ(f.waves(), waves + 2);
    f.plan({.kind = kind, .only_ops = ops(StoreOp::kGet), .times_max = 2});
    const auto good = f.objects->extents(extents);
    ASSERT_TRUE(good.has_value());
    for (size_t i = 0; i < extents.size(); ++i) EXPECT_EQ((*good)[i].data()[0], values[i]);
    // What is damaged on the store stays so, and is asked for once more alone.
    f.plan({.kind = kind, .only_ops = ops(StoreOp::kGet)});
    const uint64_t before = f.faults->operations();
    EXPECT_EQ(f.objects->extents(std::span(extents).first(1)).error().code, Code::kCorruption);
    EXPECT_EQ(f.faults->operations(), before + 2);
  }
}

// A part of a block is known by the tag it had when the block was verified.
TEST(Objects, ATailAndPagesComeWithAFooter) {
  Fixture f;
  const EntryPtr entry = f.segment(1, 1000);
  const PageRef pages[] = {f.page(*entry), f.page(*f.segment(5, 10)), f.page(*f.segment(6, 10))};
  PageMap map;
  uint64_t before = f.waves();
  const PageRef twice[] = {pages[0], pages[0]};
  const auto loaded = f.objects->segment_tail(*entry, SegmentUse::kValues, 40'000, twice);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(f.waves(), before + 1);
  const auto& data = (*loaded)->segment.data;
  const Extent last{*loaded, &data, data.blocks() - 2, 2}, first{*loaded, &data, 0, 1};
  ASSERT_TRUE(f.objects->extents({&last, 1}));
  ASSERT_TRUE(f.objects->pages({pages, 1}, map));
  EXPECT_EQ(f.waves(), before + 1);
  // Pages come with blocks too, and no wave is made for them alone.
  ASSERT_TRUE(f.objects->extents({&last, 1}, nullptr, pages));
  EXPECT_EQ(f.waves(), before + 1);
  before = f.store->snapshot().requests();
  ASSERT_TRUE(f.objects->extents({&first, 1}, nullptr, pages));
  EXPECT_EQ(f.store->snapshot().requests(), before + 3);
  ASSERT_TRUE(f.objects->pages(pages, map));
  EXPECT_EQ(f.store->snapshot().requests(), before + 3);
}

TEST(Objects, ADamagedTailIsReadAgain) {
  for (const FaultKind kind : {FaultKind::kFlipBit, FaultKind::kCutBody}) {
    Fixture f;
    const EntryPtr entry = f.segment(1, 1000);
    for (uint64_t i = 0; i < 20; ++i) {  // the bit is another each time
      f.plan({.kind = kind, .only_ops = ops(StoreOp::kGet), .times_max = 1});
      const auto loaded = f.objects->segment_tail(*entry, SegmentUse::kValues, 100'000);
      ASSERT_TRUE(loaded) << loaded.error().message;
      const auto& data = (*loaded)->segment.data;
      const Extent all{*loaded, &data, data.blocks() - 6, 6};
      const auto bytes = f.objects->extents({&all, 1});
      ASSERT_TRUE(bytes) << bytes.error().message;
      for (const std::byte b : (*bytes)[0].span()) ASSERT_EQ(b, std::byte{1});
    }
  }
}

TEST(Objects, APartOfABlockIsVerifiedByItsTag) {
  Fixture f;
  const EntryPtr entry = f.segment(1, 1000);
  const SegmentPtr segment = f.objects->segments({&entry, 1}).value()[0];
  const auto& data = segment->segment.data;
  const std::vector<std::byte> row(256, std::byte{1});
  const uint64_t offset = data.starts[2] + 512;
  const Extent known{segment, &data, 2, 1, Extent::Part{offset, 256, f.objects->tags().of(row)}};
  const Extent whole{segment, &data, 3, 1};
  const Extent both[] = {known, whole};
  const uint64_t before = f.store->snapshot().read_bytes;
  const auto bytes = f.objects->extents(both);
  ASSERT_TRUE(bytes) << bytes.error().message;
  EXPECT_EQ((*bytes)[0].view(), Buffer::copy_of(std::span<const std::byte>(row)).view());
  EXPECT_EQ(f.store->snapshot().read_bytes, before + 256 + data.sizes[3]);
  for (const FaultKind kind : {FaultKind::kFlipBit, FaultKind::kCutBody}) {
    f.plan({.kind = kind, .only_ops = ops(StoreOp::kGet), .times_max = 1});
    ASSERT_TRUE(f.objects->extents({&known, 1}));
    f.plan({.kind = kind, .only_ops = ops(StoreOp::kGet)});
    const auto refused = f.objects->extents({&known, 1});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kCorruption);
    EXPECT_NE(refused.error().message.find(entry->child.text()), std::string::npos);
  }
  f.faults->set_plan({});
  Extent other = known;
  other.part->tag = f.objects->tags().of(std::span(row).first(255));
  EXPECT_EQ(f.objects->extents({&other, 1}).error().code, Code::kCorruption);
}

TEST(Objects, WrongBytesAreNeverHandedOut) {
  for (const FaultKind kind : {FaultKind::kFlipBit, FaultKind::kCutBody, FaultKind::kOtherBody}) {
    Fixture f;
    const EntryPtr other = f.segment(1, 10), small = f.segment(50, 10), large = f.segment(90, 1000);
    const PageRef page = f.page(*small);
    ASSERT_TRUE(f.objects->segments({&other, 1}));  // the same here
    f.plan({.kind = kind, .only_ops = ops(StoreOp::kGet)});
    for (const EntryPtr& entry : {small, large}) {
      const auto segment = f.objects->segments({&entry, 1});
      ASSERT_FALSE(segment);
      EXPECT_EQ(segment.error().code, Code::kCorruption);
      EXPECT_NE(segment.error().message.find(entry->child.text()), std::string::npos)
          << segment.error().message;
    }
    PageMap pages;
    EXPECT_EQ(f.objects->pages({&page, 1}, pages).error().code, Code::kCorruption);
    EXPECT_EQ(pages.find(page.address), nullptr);

    f.faults->set_plan({});
    auto footer = f.objects->segments({&large, 1});
    ASSERT_TRUE(footer);
    const auto& data = (*footer)[0]->segment.data;
    const Extent extent{(*footer)[0], &data, 3, 5};
    const ReadRequest another{.key = segment_key(other->child)};
    ASSERT_TRUE(f.store->read_many({&another, 1})[0]);  // what kOtherBody gives instead
    f.plan({.kind = kind, .only_ops = ops(StoreOp::kGet)});
    const auto bytes = f.objects->extents({&extent, 1});
    ASSERT_FALSE(bytes);
    EXPECT_EQ(bytes.error().code, Code::kCorruption);
    EXPECT_NE(bytes.error().message.find(large->child.text()), std::string::npos);
    // Nothing wrong was kept.
    f.faults->set_plan({});
    EXPECT_TRUE(f.objects->extents({&extent, 1}));
    EXPECT_TRUE(f.objects->pages({&page, 1}, pages));
    EXPECT_TRUE(f.objects->segments({&small, 1}));
  }
}

TEST(Objects, AnErrorOfTheStoreIsPassedOn) {
  Fixture f;
  const EntryPtr entry = f.segment(1, 10);
  f.plan({.kind = FaultKind::kError, .code = Code::kDenied});
  EXPECT_EQ(f.objects->segments({&entry, 1}).error().code, Code::kDenied);
  const PutRequest request{"pages/x", Buffer::copy_of("x")};
  EXPECT_EQ(f.objects->put({&request, 1}).error().code, Code::kDenied);
}

TEST(Objects, ASegmentMustHaveTheRowsThatItsPageSays) {
  Fixture f;
  Entry wrong = *f.segment(1, 10);
  wrong.rows = 11;
  const auto entry = std::make_shared<const Entry>(wrong);
  const auto segment = f.objects->segments({&entry, 1});
  ASSERT_FALSE(segment);
  EXPECT_EQ(segment.error().code, Code::kCorruption);
}

TEST(Objects, CodesAreNoValues) {
  Fixture f;
  const uint32_t cell = 0;
  const uint64_t anchor = 5, bits = 3;
  const float factor = 1;
  const auto built = build_code_segment(Nonce{}, FieldId{1}, Address{}, 64, 1,
                                        {{&cell, 1},
                                         {&anchor, 1},
                                         {&bits, 1},
                                         {&factor, 1},
                                         {&factor, 1},
                                         {&factor, 1},
                                         {},
                                         {},
                                         {},
                                         {}});
  ASSERT_TRUE(built) << built.error().message;
  f.put(segment_key(built->entry.child), built->object);
  const EntryPtr entry = std::make_shared<const Entry>(built->entry);
  const auto found = f.objects->segments({&entry, 1});
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Code::kCorruption);
  EXPECT_NE(found.error().message.find("codes"), std::string::npos) << found.error().message;
}

TEST(Objects, PagesCountWithTheirStatistics) {
  Fixture f;
  Objects small(f.store, 8 << 20);
  // Wide statistics take several times the bytes of the page in memory.
  std::vector<PageRef> refs;
  for (uint64_t n = 0; n < 40; ++n) {
    Page page{Nonce{}, 0, {}, {}};
    for (uint64_t i = 0; i < 5; ++i) {
      Entry entry;
      entry.first = entry.last = n * 1000 + i;
      entry.step = entry.rows = entry.records = 1;
      entry.size = entry.bytes = 1000;
      entry.footer = 100;
      Stats stats;
      for (uint32_t column = 1; column <= 100; ++column) {
        stats[FieldId{column}].present = 1;
        stats[FieldId{column}].min = stats[FieldId{column}].max = int64_t{1};
      }
      entry.stats = std::move(stats);
      page.entries.push_back(entry);
    }
    const Buffer body = write_page(page);
    refs.push_back({Address::of(body.span()), body.size()});
    f.put(page_key(refs.back().address), body);
  }
  PageMap pages;
  ASSERT_TRUE(small.pages(refs, pages));
  uint64_t kept = 0;
  for (const PageRef& ref : refs)
    kept += small.caches().find<Page>({ref.address, Part::kPage}) != nullptr;
  // 500 columns of statistics a page, each at least as large as the type.
  EXPECT_LE(kept * 500 * sizeof(ColumnStats), small.caches().small_bytes());
  EXPECT_GE(kept, 1u);
}

TEST(Objects, APageTakesOverWhatTheOneItReplacesHas) {
  Fixture f;
  const auto with_stats = [](uint64_t first) {
    Entry entry;
    entry.first = entry.last = first;
    entry.step = entry.rows = entry.records = 1;
    entry.size = entry.bytes = 1000;
    entry.footer = 100;
    ColumnStats column;
    column.present = 1;
    entry.stats = Stats{{FieldId{1}, column}};
    return entry;
  };
  Page page{Nonce{}, 0, {with_stats(1), with_stats(5)}, {}};
  const auto read = [&] {
    const Buffer body = write_page(page);
    const PageRef ref{Address::of(body.span()), body.size()};
    f.put(page_key(ref.address), body);
    PageMap pages;
    EXPECT_TRUE(f.objects->pages({&ref, 1}, pages));
    const PagePtr found = pages.find(ref.address);
    EXPECT_EQ(found->entries, page.entries);
    return found->entries[0].stats.begin();  // kept by the cache
  };
  const auto before = read();
  page.entries.push_back(with_stats(9));
  EXPECT_EQ(read(), before);
  page.entries[0].rows = page.entries[0].records = 2;  // another first entry: no kin
  page.entries[0].last = 2;
  EXPECT_NE(read(), before);
}

}  // namespace
}  // namespace dreamdb
