// Pages: round trips of random entries, sums of the entry above, and what is refused.
#include "format/page.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "format/limits.h"

namespace dreamdb {
namespace {

Address address_of(uint64_t number) { return Address::of(std::as_bytes(std::span(&number, 1))); }

Entry leaf_entry(uint64_t first, uint64_t step, uint64_t rows, uint64_t seq) {
  Entry entry;
  entry.first = first;
  entry.last = first + step * (rows - 1);
  entry.step = step;
  entry.rows = entry.records = rows;
  entry.seq = seq;
  entry.child = address_of(first * 31 + seq);
  entry.size = entry.bytes = 5000 + rows;
  entry.footer = 300;
  entry.stats =
      Stats{{FieldId{1}, {.present = rows, .min = int64_t{-5}, .max = int64_t{7}, .distinct = {}}}};
  return entry;
}

Page any_page() {
  Page page;
  page.height = *rc::gen::inRange<uint32_t>(0, 4);
  page.nonce.fill(static_cast<std::byte>(*rc::gen::inRange(0, 256)));
  const auto count = *rc::gen::inRange<size_t>(1, 30);
  for (size_t i = 0; i < count; ++i) {
    const uint64_t first = *rc::gen::arbitrary<uint64_t>() >> *rc::gen::inRange(2, 60);
    Entry entry = leaf_entry(first, *rc::gen::inRange<uint64_t>(1, 1000),
                             *rc::gen::inRange<uint64_t>(2, 1000), i);
    if (*rc::gen::arbitrary<bool>()) entry.records = 0;
    if (page.height > 0) {
      entry.step = entry.footer = 0;
      entry.segments = *rc::gen::inRange<uint64_t>(1, entry.rows + 1);
      entry.size = *rc::gen::inRange<uint64_t>(1, kPageBytesMax + 1);
      entry.bytes = *rc::gen::arbitrary<uint64_t>();
    }
    page.entries.push_back(std::move(entry));
  }
  std::ranges::sort(page.entries, entry_less);
  return page;
}

RC_GTEST_PROP(Page, RoundTrips, ()) {
  const Page page = any_page();
  const Buffer bytes = write_page(page);
  auto back = parse_page(bytes.span(), "pages/x");
  if (!back) RC_FAIL(back.error().message);
  RC_ASSERT(back->nonce == page.nonce);
  RC_ASSERT(back->height == page.height);
  RC_ASSERT(back->entries == page.entries);
  RC_ASSERT(write_page(*back).view() == bytes.view());
  back->encoded = {};
  RC_ASSERT(write_page(*back).view() == bytes.view());
}

// Whatever page is taken for its kin, a page reads as it does alone.
RC_GTEST_PROP(Page, ReadsTheSameBesideAnyOther, ()) {
  const Page page = any_page();
  Page other = page;
  for (Entry& entry : other.entries) {
    if (*rc::gen::inRange(0, 4) == 0) entry.rows += 1;
  }
  if (*rc::gen::arbitrary<bool>()) other.entries.erase(other.entries.begin());
  if (other.entries.empty()) other = any_page();
  other.encoded = encode_entries(other.entries, other.height);
  const Buffer bytes = write_page(page);
  const auto alone = parse_page(bytes.span(), "pages/x");
  const auto beside = parse_page_like(bytes.span(), "pages/x", [&](auto, uint32_t height) {
    RC_ASSERT(height == page.height);
    return &other;
  });
  RC_ASSERT(alone.has_value() == beside.has_value());
  if (!alone) return;
  RC_ASSERT(beside->entries == alone->entries);
  RC_ASSERT(write_page(*beside).view() == bytes.view());
}

TEST(Page, SharesTheStatisticsOfItsKin) {
  const auto encoded = [](Page page) {
    page.encoded = encode_entries(page.entries, 0);
    return page;
  };
  const Page before = encoded({Nonce{}, 0, {leaf_entry(0, 1, 5, 0), leaf_entry(50, 1, 5, 1)}, {}});
  const Page after{Nonce{}, 0, {before.entries[0], leaf_entry(20, 1, 5, 2), before.entries[1]}, {}};
  const auto parsed =
      parse_page_like(write_page(after).span(), "pages/x", [&](auto, uint32_t) { return &before; });
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->entries, after.entries);
  EXPECT_EQ(parsed->entries[0].stats.begin(), before.entries[0].stats.begin());
  EXPECT_EQ(parsed->entries[2].stats.begin(), before.entries[1].stats.begin());
}

RC_GTEST_PROP(Page, EntriesTakeTheBytesTheySay, ()) {
  const Page page = any_page();
  size_t size = 0;
  for (const Entry& entry : page.entries) size += encode_entry(entry, page.height).size();
  Page one = page;
  one.entries.resize(1);
  // Envelope and count are all that differs: at most two more bytes of count.
  const size_t envelope = write_page(one).size() - encode_entry(one.entries[0], page.height).size();
  RC_ASSERT(write_page(page).size() >= size + envelope);
  RC_ASSERT(write_page(page).size() <= size + envelope + 2);
}

RC_GTEST_PROP(Page, AFlippedBitIsRefusedOrWrittenAgain, ()) {
  const Buffer good = write_page(any_page());
  std::vector<std::byte> bytes(good.span().begin(), good.span().end());
  bytes[*rc::gen::inRange<size_t>(0, bytes.size())] ^=
      static_cast<std::byte>(1 << *rc::gen::inRange(0, 8));
  const auto parsed = parse_page(bytes, "pages/x");
  if (parsed) RC_ASSERT(std::ranges::equal(write_page(*parsed).span(), bytes));
}

RC_GTEST_PROP(Page, TheEntryAboveSumsThePage, ()) {
  const Page page = any_page();
  const Entry sum = summarize(page, address_of(1), 1000);
  uint64_t rows = 0, records = 0, segments = 0, bytes = 0, seq = 0, last = 0;
  for (const Entry& entry : page.entries) {
    rows += entry.rows;
    records += entry.records;
    segments += entry.segments;
    bytes += entry.bytes;
    seq = std::max(seq, entry.seq);
    last = std::max(last, entry.last);
  }
  RC_ASSERT(sum.first == page.entries.front().first && sum.last == last);
  RC_ASSERT(sum.rows == rows && sum.records == records && sum.seq == seq);
  RC_ASSERT(sum.segments == segments && sum.bytes == bytes);
  RC_ASSERT(sum.child == address_of(1) && sum.size == 1000u);
  RC_ASSERT(sum.stats.at(FieldId{1}).present == rows);
  const Root root = root_of(page, FieldId{3}, address_of(1), 1000);
  RC_ASSERT(root.field == FieldId{3} && root.page == address_of(1) && root.page_size == 1000u);
  RC_ASSERT(root.height == page.height && root.first == sum.first && root.last == last);
  RC_ASSERT(root.rows == rows && root.records == records && root.segments == segments);
  RC_ASSERT(root.bytes == bytes);
}

RC_GTEST_PROP(Page, TheEntryAboveGrowsAsItSums, ()) {
  Page page = any_page();
  page.height = 0;
  for (Entry& entry : page.entries) entry.segments = 1;
  const auto old = *rc::gen::inRange<size_t>(1, page.entries.size() + 1);
  Page before = page;
  before.entries.resize(old);
  const std::span<const Entry> added = std::span(page.entries).subspan(old);
  const Entry grown = extend_summary(summarize(before, address_of(1), 1), added, address_of(2), 2);
  RC_ASSERT(grown == summarize(page, address_of(2), 2));
}

// 1,024 columns with all that can be told of each take more than a page may have.
TEST(Page, WideStatisticsLeaveRoomForSeveralEntries) {
  Page page;
  for (uint64_t i = 0; i < 2; ++i) {
    Entry entry = leaf_entry(i, 1, 10, 1);
    Stats stats;
    for (uint32_t field = 1; field <= 1024; ++field) {
      ColumnStats column{
          .present = 10, .min = std::string(32, 'a'), .max = std::string(32, 'b'), .distinct = {}};
      column.distinct.emplace({std::string(60, 'a'), std::string(60, 'b')});
      stats[FieldId{field}] = column;
    }
    widen_stats_to_fit(stats);
    entry.stats = std::move(stats);
    EXPECT_LT(encode_entry(entry, 0).size(), kPageTargetBytes / 3);
    page.entries.push_back(std::move(entry));
  }
  const Entry sum = summarize(page, address_of(1), 1000);
  EXPECT_LT(encode_entry(sum, 1).size(), kPageTargetBytes / 3);
  EXPECT_EQ(sum.stats.size(), 1024u);
  EXPECT_EQ(sum.stats.at(FieldId{1024}).present, 20u);
}

TEST(Page, RefusesWhatDoesNotAgree) {
  const auto refused = [](auto change, uint32_t height = 0) {
    Page page;
    page.height = height;
    page.entries = {leaf_entry(10, 10, 5, 1), leaf_entry(20, 10, 5, 1)};
    change(page.entries);
    const auto parsed = parse_page(write_page(page).span(), "pages/x");
    if (parsed) return false;
    EXPECT_EQ(parsed.error().code, Code::kCorruption);
    EXPECT_TRUE(parsed.error().message.starts_with("`pages/x` is no valid page: "))
        << parsed.error().message;
    return true;
  };
  using Entries = std::vector<Entry>;
  EXPECT_FALSE(refused([](Entries&) {}));
  EXPECT_TRUE(refused([](Entries& e) { e.clear(); }));
  EXPECT_TRUE(refused([](Entries& e) { std::swap(e[0], e[1]); }));
  EXPECT_TRUE(refused([](Entries& e) { e[1] = e[0]; }));
  EXPECT_TRUE(refused([](Entries& e) { e[0].last += 1; }));
  EXPECT_TRUE(refused([](Entries& e) { e[1].step = 1ull << 63; }));
  EXPECT_FALSE(refused([](Entries& e) { e[0].step = 0; }));
  EXPECT_TRUE(refused([](Entries& e) { e[0].step = 0, e[0].last = 13; }));
  EXPECT_TRUE(refused([](Entries& e) { e[0].records = 4; }));
  EXPECT_TRUE(refused([](Entries& e) { e[0].footer = e[0].size - 79; }));
  EXPECT_FALSE(refused([](Entries& e) { e[0].footer = e[0].size - 80; }));
  EXPECT_TRUE(refused([](Entries& e) { e[0].size = 0; }));
  // Inner entries: their size is that of a page, and they count segments.
  EXPECT_FALSE(refused([](Entries&) {}, 1));
  EXPECT_TRUE(refused([](Entries& e) { e[0].size = 0; }, 1));
  EXPECT_TRUE(refused([](Entries& e) { e[0].size = kPageBytesMax + 1; }, 1));
  EXPECT_TRUE(refused([](Entries& e) { e[0].segments = 6; }, 1));
  EXPECT_TRUE(refused([](Entries& e) { e[0].records = 6; }, 1));
  EXPECT_TRUE(refused([](Entries&) {}, 13));
}

}  // namespace
}  // namespace dreamdb
