#include "format/page.h"

#include <algorithm>
#include <tuple>

#include "base/assert.h"
#include "format/envelope.h"
#include "format/limits.h"

namespace dreamdb {

namespace {

constexpr uint64_t kLeafRowsMax = 1 << 24;

// The first 8 bytes of an address's hash as a big-endian anchor (spec 6.4).
uint64_t ledger_anchor(const Address& address) {
  uint64_t anchor = 0;
  for (size_t i = 0; i < 8; ++i) anchor = anchor << 8 | std::to_integer<uint64_t>(address.hash[i]);
  return std::min(anchor, kLastAnchor);
}

// Ledger entries name no object: their size is 0, which no segment has.
bool is_ledger_entry(const Entry& entry) { return entry.size == 0; }

Status check_range(const Entry& entry) {
  if (entry.last > kLastAnchor || entry.first > kLastAnchor)
    return corrupt("anchors below 2^64-1", "2^64-1 (S1.1)");
  if (entry.first > entry.last)
    return corrupt("`first` not above `last`",
                   std::to_string(entry.first) + " and " + std::to_string(entry.last) + " (S6.6)");
  return {};
}

Status check_ledger_entry(const Entry& entry) {
  const uint64_t anchor = ledger_anchor(entry.child);
  if (entry.rows >= 1 && entry.first == anchor && entry.last == anchor && entry.step == 1 &&
      entry.records == 0 && entry.footer == 0 && entry.stats.empty())
    return {};
  return corrupt("an entry of size 0 to be one of a ledger", "another one (S6.7)");
}

Status check_leaf(const Entry& entry) {
  DREAMDB_TRY(check_range(entry));
  if (is_ledger_entry(entry)) return check_ledger_entry(entry);
  if (entry.rows == 0 || entry.rows > kLeafRowsMax)
    return corrupt("1 to 2^24 rows", std::to_string(entry.rows));
  if (!is_segment_size(entry.size, entry.footer))
    return corrupt(
        "a segment of at most 4 GiB that holds a footer of at most 16 MiB",
        std::to_string(entry.size) + " bytes and a footer of " + std::to_string(entry.footer));
  if (entry.records != 0 && entry.records != entry.rows)
    return corrupt("records 0 or " + std::to_string(entry.rows), std::to_string(entry.records));
  const uint64_t span = entry.last - entry.first;
  const uint64_t steps = entry.rows - 1;
  uint64_t stepped = 0;
  const bool fits = entry.step == 0 ? span >= steps
                    : steps == 0
                        ? span == 0 && entry.step == 1
                        : !__builtin_mul_overflow(steps, entry.step, &stepped) && stepped == span;
  if (fits) return {};
  return corrupt(std::to_string(entry.rows) + " anchors of step " + std::to_string(entry.step) +
                     " from `first` to `last`",
                 "a span of " + std::to_string(span) + " (S6.6)");
}

Status check_inner(const Entry& entry) {
  DREAMDB_TRY(check_range(entry));
  if (entry.size == 0 || entry.size > kPageBytesMax)
    return corrupt("a page of 1 byte to 256 KiB", std::to_string(entry.size));
  if (entry.segments == 0 || entry.rows < entry.segments)
    return corrupt("a segment at least, and a row in each",
                   std::to_string(entry.segments) + " segments and " + std::to_string(entry.rows) +
                       " rows (S6.6)");
  if (entry.records > entry.rows) return corrupt("at most as many records as rows", "more (S6.6)");
  return {};
}

Result<Address> parse_child(CborReader& in) {
  DREAMDB_ASSIGN(const auto bytes, in.bytes());
  return Address::from_bytes(bytes);
}

Status parse_leaf(CborReader& in, Entry& entry) {
  DREAMDB_TRY(in.array(10));
  DREAMDB_ASSIGN(entry.first, in.uint());
  DREAMDB_ASSIGN(entry.last, in.uint());
  DREAMDB_ASSIGN(entry.step, in.uint());
  DREAMDB_ASSIGN(entry.rows, in.uint());
  DREAMDB_ASSIGN(entry.records, in.uint());
  DREAMDB_ASSIGN(entry.seq, in.uint());
  DREAMDB_ASSIGN(entry.child, parse_child(in));
  DREAMDB_ASSIGN(entry.size, in.uint());
  DREAMDB_ASSIGN(entry.footer, in.uint());
  DREAMDB_ASSIGN(entry.stats, parse_stats(in));
  DREAMDB_TRY(in.end());
  entry.segments = 1;
  entry.bytes = entry.size;
  return check_leaf(entry);
}

Status parse_inner(CborReader& in, Entry& entry) {
  DREAMDB_TRY(in.array(10));
  DREAMDB_ASSIGN(entry.first, in.uint());
  DREAMDB_ASSIGN(entry.last, in.uint());
  DREAMDB_ASSIGN(entry.rows, in.uint());
  DREAMDB_ASSIGN(entry.records, in.uint());
  DREAMDB_ASSIGN(entry.seq, in.uint());
  DREAMDB_ASSIGN(entry.child, parse_child(in));
  DREAMDB_ASSIGN(entry.size, in.uint());
  DREAMDB_ASSIGN(entry.segments, in.uint());
  DREAMDB_ASSIGN(entry.bytes, in.uint());
  DREAMDB_ASSIGN(entry.stats, parse_stats(in));
  DREAMDB_TRY(in.end());
  return check_inner(entry);
}

// Whether `b` may stand behind `a`. Pages may tie in first and seq: the leaves below decide (S6.1).
bool in_order(const Entry& a, const Entry& b, uint32_t height) {
  if (height == 0) return entry_less(a, b);
  return std::tie(a.first, a.seq) <= std::tie(b.first, b.seq);
}

// Where the entries stand in the bytes of a page.
struct Places {
  size_t begin = 0;            // of the first
  std::vector<uint32_t> ends;  // of each, from there
};

// Takes entries over from a page that has many of them, in its order.
class Kin {
 public:
  explicit Kin(const Page* page) : page_(page) {}

  // Whether the next entry is one of that page, behind those taken before.
  bool take(CborReader& in, Entry& entry) {
    if (page_ == nullptr || next_ == page_->entries.size()) return false;
    if (next_ + kAhead < page_->entries.size()) page_->entries[next_ + kAhead].stats.prefetch();
    if (!in.known_item(page_->encoded[next_])) return false;
    entry = page_->entries[next_++];
    return true;
  }

  // The next entry was another: those before it are not coming any more.
  void pass(const Entry& entry) {
    if (page_ == nullptr) return;
    while (next_ < page_->entries.size() && !entry_less(entry, page_->entries[next_])) ++next_;
  }

 private:
  static constexpr size_t kAhead = 12;

  const Page* page_;
  size_t next_ = 0;
};

Status parse_entries(CborReader& in, Page& page, Places& places, const FindKin& find_kin) {
  DREAMDB_ASSIGN(const uint64_t count, in.array());
  if (count == 0) return corrupt("an entry", "none (S6.2)");
  const Page* const found = find_kin ? find_kin(in.rest(), page.height) : nullptr;
  const bool is_kin = found != nullptr && found->height == page.height &&
                      found->encoded.size() == found->entries.size();
  Kin kin(is_kin ? found : nullptr);
  // No reserve by `count`: each entry is more bytes in memory than it may be in the page.
  if (is_kin) page.entries.reserve(std::min<uint64_t>(count, found->entries.size() + 1));
  for (uint64_t i = 0; i < count; ++i) {
    Entry& entry = page.entries.emplace_back();
    if (i == 0) places.begin = in.offset();
    Status status;
    if (!kin.take(in, entry)) {
      status = page.height == 0 ? parse_leaf(in, entry) : parse_inner(in, entry);
      if (status) kin.pass(entry);
    }
    if (status && i > 0 && !in_order(page.entries[i - 1], entry, page.height))
      status = corrupt("entries in order", "one that is not (S6.1)");
    if (status && page.height == 0 && is_ledger_entry(entry) != is_ledger_entry(page.entries[0]))
      status = corrupt("entries of a ledger or of segments", "both (S6.7)");
    if (!status)
      return fail(status.error().code,
                  "entry " + std::to_string(i) + ": " + std::move(status.error().message));
    places.ends.push_back(static_cast<uint32_t>(in.offset() - places.begin));
  }
  return in.end();
}

void write_entry(const Entry& entry, uint32_t height, CborWriter& out) {
  out.array(10);
  out.uint(entry.first);
  out.uint(entry.last);
  if (height == 0) out.uint(entry.step);
  out.uint(entry.rows);
  out.uint(entry.records);
  out.uint(entry.seq);
  out.bytes(entry.child.bytes());
  out.uint(entry.size);
  if (height == 0) {
    out.uint(entry.footer);
  } else {
    out.uint(entry.segments);
    out.uint(entry.bytes);
  }
  write_stats(entry.stats, out);
}

}  // namespace

bool entry_less(const Entry& a, const Entry& b) {
  return std::tie(a.first, a.seq, a.child) < std::tie(b.first, b.seq, b.child);
}

Result<Page> parse_page(std::span<const std::byte> bytes, std::string_view name) {
  return parse_page_like(bytes, name, {});
}

Result<Page> parse_page_like(std::span<const std::byte> bytes, std::string_view name,
                             const FindKin& find_kin) {
  Page page;
  Envelope in(bytes, name, "page", kPageBytesMax, page.nonce);
  in.uint("height", page.height, kTreeHeightMax);
  Places places;
  in.value("entries", [&](CborReader& r) { return parse_entries(r, page, places, find_kin); });
  DREAMDB_TRY(in.finish());
  const auto encoded = bytes.subspan(places.begin, places.ends.back());
  page.encoded = {Buffer::copy_of(encoded), std::move(places.ends)};
  return page;
}

Buffer write_page(const Page& page) {
  CborMap map = new_envelope("page", page.nonce);
  map["height"].uint(page.height);
  CborWriter& entries = map["entries"];
  entries.array(page.entries.size());
  if (page.encoded.size() == page.entries.size()) {
    entries.raw(page.encoded.all());
  } else {
    for (const Entry& entry : page.entries) write_entry(entry, page.height, entries);
  }
  return Buffer::adopt(map.encode());
}

Buffer encode_entry(const Entry& entry, uint32_t height) {
  CborWriter out;
  write_entry(entry, height, out);
  return Buffer::adopt(std::move(out).take());
}

EncodedEntries encode_entries(std::span<const Entry> entries, uint32_t height) {
  CborWriter out;
  std::vector<uint32_t> ends;
  for (const Entry& entry : entries) {
    write_entry(entry, height, out);
    ends.push_back(static_cast<uint32_t>(out.size()));
  }
  return {Buffer::adopt(std::move(out).take()), std::move(ends)};
}

namespace {

// Adds what an entry stands for to a sum.
void add_to(Entry& sum, const Entry& entry, bool leaf) {
  sum.first = std::min(sum.first, entry.first);
  sum.last = std::max(sum.last, entry.last);
  sum.rows += entry.rows;
  sum.records += entry.records;
  sum.seq = std::max(sum.seq, entry.seq);
  sum.segments += leaf ? 1 : entry.segments;
  sum.bytes += leaf ? entry.size : entry.bytes;
}

}  // namespace

Entry summarize(const Page& page, const Address& address, uint64_t page_size) {
  DREAMDB_ASSERT(!page.entries.empty());
  Entry sum;
  sum.first = UINT64_MAX;
  sum.segments = 0;
  sum.child = address;
  sum.size = page_size;
  Stats stats;
  for (const Entry& entry : page.entries) {
    add_to(sum, entry, page.height == 0);
    merge_stats(stats, entry.stats);
  }
  widen_stats_to_fit(stats);
  sum.stats = std::move(stats);
  return sum;
}

Entry extend_summary(const Entry& before, std::span<const Entry> added, const Address& address,
                     uint64_t page_size) {
  Entry sum = before;
  sum.child = address;
  sum.size = page_size;
  Stats stats = before.stats;
  for (const Entry& entry : added) {
    add_to(sum, entry, true);
    merge_stats(stats, entry.stats);
  }
  widen_stats_to_fit(stats);
  sum.stats = std::move(stats);
  return sum;
}

Root root_of(const Page& page, FieldId field, const Address& address, uint64_t page_size) {
  Entry sum;
  sum.first = UINT64_MAX;
  sum.segments = 0;
  for (const Entry& entry : page.entries) add_to(sum, entry, page.height == 0);
  return {.field = field,
          .page = address,
          .page_size = page_size,
          .height = page.height,
          .first = sum.first,
          .last = sum.last,
          .rows = sum.rows,
          .records = sum.records,
          .segments = sum.segments,
          .bytes = sum.bytes};
}

}  // namespace dreamdb
