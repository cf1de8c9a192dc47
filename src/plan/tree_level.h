// Pages of one level of a tree under construction.
//
// Thread rule: one thread at a time.
#pragma once

#include <deque>
#include <span>
#include <vector>

#include "plan/tree.h"

namespace dreamdb {

// An entry and its bytes in a page, both held elsewhere.
struct LevelItem {
  const Entry* entry;
  std::span<const std::byte> encoded;
};

bool item_less(const LevelItem& a, const LevelItem& b);
size_t encoded_bytes(std::span<const LevelItem> items);

// Bytes of entries that a page has room for.
size_t page_room();

class LevelWriter {
 public:
  explicit LevelWriter(const Nonce& nonce) : nonce_(nonce) {}

  // `entry` must outlive the item.
  LevelItem item_of(const Entry& entry, uint32_t height);
  // `page` must outlive the items.
  std::vector<LevelItem> items_of(const Page& page);

  // Whether one page has room for them.
  static bool fits(std::span<const LevelItem> items, bool at_end);
  // Writes pages that hold `items`; the items of the level above. A page that overflows is cut in
  // two halves, or, when it grew at its end, cut off full: time goes on, so the left part will not
  // grow again. `above` summarized what was there before `added` came; if one page is enough, its
  // summary follows from both. nullptr: it is made of the items.
  std::vector<LevelItem> write(std::span<const LevelItem> items, uint32_t height, bool at_end,
                               const Entry* above = nullptr, std::span<const Entry> added = {});
  // A page that no other one names: nobody asks for its statistics.
  LevelItem write_root(std::span<const LevelItem> items, uint32_t height);

  std::vector<NewPage> pages;  // that were written

 private:
  const NewPage& put_page(std::span<const LevelItem> items, uint32_t height);
  LevelItem write_page_of(std::span<const LevelItem> items, uint32_t height, const Entry* above,
                          std::span<const Entry> added);

  const Nonce& nonce_;
  // What items point to that is in no page yet.
  std::deque<Entry> parents_;
  std::vector<Buffer> encoded_;
};

}  // namespace dreamdb
