// The anchors that any of some segments has, ascending, a bounded number at a time.
//
// Thread rule: one thread at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "object/objects.h"

namespace dreamdb {

class AnchorUnion {
 public:
  // entries: ascending by `first`. `objects` outlives this.
  AnchorUnion(Objects& objects, std::span<const EntryPtr> entries)
      : objects_(objects), upcoming_(entries.begin(), entries.end()) {}

  // Up to `rows_max` of them; none at the end. Holds the lists of those segments whose ranges it
  // stands in; a wave or two for some that begin there together.
  Result<std::vector<uint64_t>> next(size_t rows_max);

 private:
  struct Cursor {
    EntryPtr entry;
    Buffer list;  // anchors, when they are no sequence
    uint64_t row = 0;

    uint64_t current() const {
      return entry->step > 0 ? entry->first + row * entry->step
                             : reinterpret_cast<const uint64_t*>(list.data())[row];
    }
  };
  Status activate();

  Objects& objects_;
  std::deque<EntryPtr> upcoming_;
  std::vector<Cursor> active_;
};

}  // namespace dreamdb
