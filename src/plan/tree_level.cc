#include "plan/tree_level.h"

#include <algorithm>

namespace dreamdb {

namespace {

// What the envelope, the height and the array heads of a page take at most.
constexpr size_t kPageOverheadBytes = 96;
constexpr size_t kRoom = kPageTargetBytes - kPageOverheadBytes;
// The page at the end of time is rewritten by every small commit: half the size, half the work.
constexpr size_t kEdgeRoom = kRoom / 2;
constexpr size_t kAhead = 12;  // entries whose statistics are on their way to the processor

}  // namespace

bool item_less(const LevelItem& a, const LevelItem& b) { return entry_less(*a.entry, *b.entry); }

size_t encoded_bytes(std::span<const LevelItem> items) {
  size_t sum = 0;
  for (const LevelItem& item : items) sum += item.encoded.size();
  return sum;
}

size_t page_room() { return kRoom; }

LevelItem LevelWriter::item_of(const Entry& entry, uint32_t height) {
  encoded_.push_back(encode_entry(entry, height));
  return {&entry, encoded_.back().span()};
}

std::vector<LevelItem> LevelWriter::items_of(const Page& page) {
  std::vector<LevelItem> items;
  items.reserve(page.entries.size() + 1);
  const bool known = page.encoded.size() == page.entries.size();
  for (size_t i = 0; i < page.entries.size(); ++i)
    items.push_back(known ? LevelItem{&page.entries[i], page.encoded[i]}
                          : item_of(page.entries[i], page.height));
  return items;
}

bool LevelWriter::fits(std::span<const LevelItem> items, bool at_end) {
  return encoded_bytes(items) <= (at_end ? kEdgeRoom : kRoom);
}

std::vector<LevelItem> LevelWriter::write(std::span<const LevelItem> items, uint32_t height,
                                          bool at_end, const Entry* above,
                                          std::span<const Entry> added) {
  size_t left_bytes = encoded_bytes(items);
  const size_t room = at_end ? kEdgeRoom : kRoom;
  if (left_bytes > room) above = nullptr;
  std::vector<LevelItem> parents;
  size_t begin = 0;
  while (begin < items.size()) {
    const size_t pages_left = (left_bytes + room - 1) / room;
    const size_t goal = at_end || pages_left <= 1 ? room : left_bytes / pages_left;
    size_t end = begin;
    size_t used = 0;
    while (end < items.size() &&
           (end == begin || (used + items[end].encoded.size() <= room && used < goal)))
      used += items[end++].encoded.size();
    left_bytes -= used;
    parents.push_back(write_page_of(items.subspan(begin, end - begin), height, above, added));
    begin = end;
  }
  return parents;
}

const NewPage& LevelWriter::put_page(std::span<const LevelItem> items, uint32_t height) {
  MutableBuffer bytes(encoded_bytes(items));
  std::vector<uint32_t> ends;
  std::vector<Entry> entries;
  ends.reserve(items.size());
  entries.reserve(items.size());
  auto at = bytes.span().begin();
  for (size_t i = 0; i < items.size(); ++i) {
    const LevelItem& item = items[i];
    if (i + kAhead < items.size()) items[i + kAhead].entry->stats.prefetch();
    entries.push_back(*item.entry);
    at = std::ranges::copy(item.encoded, at).out;
    ends.push_back(static_cast<uint32_t>(at - bytes.span().begin()));
  }
  EncodedEntries encoded(std::move(bytes).freeze(), std::move(ends));
  auto page = std::make_shared<Page>(Page{nonce_, height, std::move(entries), std::move(encoded)});
  Buffer body = write_page(*page);
  const Address address = Address::of(body.span());
  pages.push_back({address, std::move(body), std::move(page)});
  return pages.back();
}

LevelItem LevelWriter::write_page_of(std::span<const LevelItem> items, uint32_t height,
                                     const Entry* above, std::span<const Entry> added) {
  const NewPage& page = put_page(items, height);
  parents_.push_back(above == nullptr
                         ? summarize(*page.page, page.address, page.body.size())
                         : extend_summary(*above, added, page.address, page.body.size()));
  return item_of(parents_.back(), height + 1);
}

LevelItem LevelWriter::write_root(std::span<const LevelItem> items, uint32_t height) {
  const NewPage& page = put_page(items, height);
  Entry& root = parents_.emplace_back();
  root.child = page.address;
  root.size = page.body.size();
  return {&root, {}};
}

}  // namespace dreamdb
