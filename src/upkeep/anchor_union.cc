#include "upkeep/anchor_union.h"

#include <algorithm>

#include "track/row_reader.h"

namespace dreamdb {

// Segments that begin before the next anchor of those at hand.
Status AnchorUnion::activate() {
  uint64_t next = UINT64_MAX;
  for (const Cursor& cursor : active_) next = std::min(next, cursor.current());
  std::vector<EntryPtr> listed;
  while (!upcoming_.empty() && (active_.empty() || upcoming_.front()->first <= next)) {
    Cursor cursor{upcoming_.front(), {}};
    next = std::min(next, cursor.entry->first);
    if (cursor.entry->step == 0) listed.push_back(cursor.entry);
    active_.push_back(std::move(cursor));
    upcoming_.pop_front();
  }
  if (listed.empty()) return {};
  DREAMDB_ASSIGN(const auto segments, objects_.segments(listed));
  DREAMDB_ASSIGN(auto lists, anchor_lists(objects_, segments));
  size_t at = 0;
  for (Cursor& cursor : active_)
    if (at < listed.size() && cursor.entry == listed[at]) cursor.list = std::move(lists[at++]);
  return {};
}

Result<std::vector<uint64_t>> AnchorUnion::next(size_t rows_max) {
  std::vector<uint64_t> out;
  while (out.size() < rows_max) {
    DREAMDB_TRY(activate());
    if (active_.empty()) break;
    uint64_t least = UINT64_MAX;
    for (const Cursor& cursor : active_) least = std::min(least, cursor.current());
    out.push_back(least);
    std::erase_if(active_, [&](Cursor& cursor) {
      return cursor.current() == least && ++cursor.row == cursor.entry->rows;
    });
  }
  return out;
}

}  // namespace dreamdb
