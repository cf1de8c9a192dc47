// The anchors of all records of a version, ascending, in pieces of bounded size.
//
// Thread rule: one thread at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "object/objects.h"
#include "search/filter.h"

namespace dreamdb {

class RecordScan {
 public:
  // Anchors in [first, last]. With `filter`, whole segments whose statistics rule out a match are
  // left out; what remains must still be tested. `objects` outlives the scan.
  RecordScan(Objects& objects, ManifestPtr manifest, uint64_t first, uint64_t last,
             const Filter* filter = nullptr);

  // Up to `rows_max` anchors (u64); empty at the end.
  Result<Buffer> next(size_t rows_max);
  // Puts anchors back that were not used; the next call returns them first.
  void put_back(Buffer anchors);

 private:
  // One primary segment being read.
  struct Cursor {
    EntryPtr entry;
    Buffer list;  // anchors, when they are no sequence
    uint64_t row = 0;

    uint64_t at(uint64_t r) const {
      return entry->step > 0 ? entry->first + r * entry->step
                             : reinterpret_cast<const uint64_t*>(list.data())[r];
    }
    uint64_t current() const { return at(row); }
    bool done() const { return row == entry->rows; }
    // Rows from the current one on whose anchors are at most `bound`.
    uint64_t rows_up_to(uint64_t bound) const;
  };

  Status load_upcoming();
  Result<bool> ruled_out(const Entry& entry);
  Status activate(EntryPtr entry);
  void emit(std::vector<uint64_t>& out, size_t rows_max);

  Objects& objects_;
  const ManifestPtr manifest_;
  const Root* root_;
  const uint64_t first_, last_;
  const Filter* filter_;
  const bool has_layers_;
  std::optional<TreeCursor> tree_;
  EntryPtr upcoming_;  // the next primary segment in tree order
  bool tree_done_ = false;
  std::vector<Cursor> active_;
  std::optional<uint64_t> last_emitted_;
  std::deque<Buffer> returned_;
};

}  // namespace dreamdb
