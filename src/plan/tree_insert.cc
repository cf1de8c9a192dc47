#include <algorithm>
#include <deque>

#include "plan/tree.h"

namespace dreamdb {

namespace {

// What the envelope, the height and the array heads of a page take at most.
constexpr size_t kPageOverheadBytes = 96;
constexpr size_t kRoom = kPageTargetBytes - kPageOverheadBytes;
// The page at the end of time is rewritten by every small commit: half the size, half the work.
constexpr size_t kEdgeRoom = kRoom / 2;
constexpr size_t kAhead = 12;  // entries whose statistics are on their way to the processor

// An entry and its bytes in a page, both held elsewhere.
struct Item {
  const Entry* entry;
  std::span<const std::byte> encoded;
};

bool item_less(const Item& a, const Item& b) { return entry_less(*a.entry, *b.entry); }

class Inserter {
 public:
  Inserter(FieldId field, const Nonce& nonce, const PageMap& pages)
      : field_(field), nonce_(nonce), pages_(pages) {}

  Result<Inserted> run(const std::optional<Root>& root, std::vector<Entry> entries) {
    std::sort(entries.begin(), entries.end(), entry_less);
    std::vector<Item> top;
    uint32_t height = 0;
    if (root) {
      height = root->height;
      DREAMDB_ASSIGN(top, insert({root->page, root->page_size}, height, nullptr, entries));
    } else {
      std::vector<Item> items;
      for (const Entry& entry : entries) items.push_back(item_of(entry, 0));
      top = write_level(items, 0, false, nullptr, {});
    }
    if (!out_.missing.empty()) {
      out_.pages.clear();
      return std::move(out_);
    }
    while (top.size() > 1) {
      ++height;
      top = write_level(top, height, false, nullptr, {});
    }
    if (!top.empty()) {
      const Entry& only = *top[0].entry;
      out_.root = root_of(*out_.pages.back().page, field_, only.child, only.size);
    }
    return std::move(out_);
  }

 private:
  // Puts `entries` below the page `ref`, which `above` summarizes (nullptr: the root); the items
  // that replace the one that named it.
  Result<std::vector<Item>> insert(const PageRef& ref, uint32_t height, const Entry* above,
                                   std::span<const Entry> entries) {
    const PagePtr page = pages_.find(ref.address);
    if (page == nullptr) {
      out_.missing.push_back(ref);
      return std::vector<Item>{};
    }
    DREAMDB_TRY(check_height(*page, ref.address, height));
    if (height > 0) return insert_inner(*page, height, above, entries);
    const std::vector<Item> held = items_of(*page);
    const bool at_end = !entry_less(entries.front(), page->entries.back());
    std::vector<Item> added;
    for (const Entry& entry : entries) added.push_back(item_of(entry, 0));
    std::vector<Item> merged;
    merged.reserve(held.size() + added.size());
    std::ranges::merge(held, added, std::back_inserter(merged), item_less);
    return write_level(merged, 0, at_end, above, entries);
  }

  Result<std::vector<Item>> insert_inner(const Page& page, uint32_t height, const Entry* above,
                                         std::span<const Entry> entries) {
    const std::vector<Item> held = items_of(page);
    std::vector<Item> children;
    children.reserve(held.size() + 1);
    size_t from = 0;
    for (size_t i = 0; i < held.size(); ++i) {
      // Child i takes what sorts before the first anchor of child i + 1.
      size_t to = entries.size();
      if (i + 1 < held.size()) {
        const uint64_t bound = page.entries[i + 1].first;
        to = from;
        while (to < entries.size() && entries[to].first < bound) ++to;
      }
      if (to == from) {
        children.push_back(held[i]);
        continue;
      }
      const Entry& child = page.entries[i];
      DREAMDB_ASSIGN(std::vector<Item> replaced, insert({child.child, child.size}, height - 1,
                                                        &child, entries.subspan(from, to - from)));
      children.insert(children.end(), replaced.begin(), replaced.end());
      from = to;
    }
    if (!out_.missing.empty()) return std::vector<Item>{};
    const bool at_end = entries.front().first >= page.entries.back().first;
    return write_level(children, height, at_end, above, entries);
  }

  // Writes pages that hold `items`; the items of the level above. A page that overflows is cut in
  // two halves, or, when it grew at its end, cut off full: time goes on, so the left part will not
  // grow again. `above` summarized what was there before `added` came; if one page is enough, its
  // summary follows from both.
  std::vector<Item> write_level(std::span<const Item> items, uint32_t height, bool at_end,
                                const Entry* above, std::span<const Entry> added) {
    size_t left_bytes = 0;
    for (const Item& item : items) left_bytes += item.encoded.size();
    const size_t room = at_end ? kEdgeRoom : kRoom;
    const bool sole = left_bytes <= room;
    if (sole && above == nullptr) return {write_root(items, height)};
    if (!sole) above = nullptr;
    std::vector<Item> parents;
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
      parents.push_back(write(items.subspan(begin, end - begin), height, above, added));
      begin = end;
    }
    return parents;
  }

  const NewPage& put_page(std::span<const Item> items, uint32_t height) {
    size_t size = 0;
    for (const Item& item : items) size += item.encoded.size();
    MutableBuffer bytes(size);
    std::vector<uint32_t> ends;
    std::vector<Entry> entries;
    ends.reserve(items.size());
    entries.reserve(items.size());
    auto at = bytes.span().begin();
    for (size_t i = 0; i < items.size(); ++i) {
      const Item& item = items[i];
      if (i + kAhead < items.size()) items[i + kAhead].entry->stats.prefetch();
      entries.push_back(*item.entry);
      at = std::ranges::copy(item.encoded, at).out;
      ends.push_back(static_cast<uint32_t>(at - bytes.span().begin()));
    }
    EncodedEntries encoded(std::move(bytes).freeze(), std::move(ends));
    auto page =
        std::make_shared<Page>(Page{nonce_, height, std::move(entries), std::move(encoded)});
    Buffer body = write_page(*page);
    const Address address = Address::of(body.span());
    out_.pages.push_back({address, std::move(body), std::move(page)});
    return out_.pages.back();
  }

  Item write(std::span<const Item> items, uint32_t height, const Entry* above,
             std::span<const Entry> added) {
    const NewPage& page = put_page(items, height);
    parents_.push_back(above == nullptr
                           ? summarize(*page.page, page.address, page.body.size())
                           : extend_summary(*above, added, page.address, page.body.size()));
    return item_of(parents_.back(), height + 1);
  }

  // A page that no other one names: nobody asks for its statistics.
  Item write_root(std::span<const Item> items, uint32_t height) {
    const NewPage& page = put_page(items, height);
    Entry& root = parents_.emplace_back();
    root.child = page.address;
    root.size = page.body.size();
    return {&root, {}};
  }

  // `entry` must outlive the item.
  Item item_of(const Entry& entry, uint32_t height) {
    encoded_.push_back(encode_entry(entry, height));
    return {&entry, encoded_.back().span()};
  }

  std::vector<Item> items_of(const Page& page) {
    std::vector<Item> items;
    items.reserve(page.entries.size() + 1);
    const bool known = page.encoded.size() == page.entries.size();
    for (size_t i = 0; i < page.entries.size(); ++i)
      items.push_back(known ? Item{&page.entries[i], page.encoded[i]}
                            : item_of(page.entries[i], page.height));
    return items;
  }

  FieldId field_;
  const Nonce& nonce_;
  const PageMap& pages_;
  Inserted out_;
  // What items point to that is in no page yet.
  std::deque<Entry> parents_;
  std::vector<Buffer> encoded_;
};

}  // namespace

Result<Inserted> insert_entries(const std::optional<Root>& root, FieldId field,
                                std::vector<Entry> entries, const Nonce& nonce,
                                const PageMap& pages) {
  if (entries.empty()) {
    Inserted unchanged;
    unchanged.root = root;
    return unchanged;
  }
  return Inserter(field, nonce, pages).run(root, std::move(entries));
}

}  // namespace dreamdb
