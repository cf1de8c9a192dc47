// The anchors of all records of a version that are not deleted, ascending, in pieces of bounded
// size.
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
  // `companions`: tracks that are read at the same anchors afterwards; what finding rows in them
  // needs is fetched into the cache in the same waves as the scan's own.
  RecordScan(Objects& objects, ManifestPtr manifest, uint64_t first, uint64_t last,
             const Filter* filter = nullptr, std::vector<const Root*> companions = {});

  // The same over anchors of tombstones: `root` is one of the manifest's.
  static RecordScan of_tombstones(Objects& objects, ManifestPtr manifest, const Root& root,
                                  uint64_t first, uint64_t last);

  // Up to `rows_max` anchors (u64); empty at the end. A wave for each level of pages that is not
  // cached, one for the footers and one for the lists of all segments that they come from; the same
  // for tombstones, if the version has some.
  Result<Buffer> next(size_t rows_max);

 private:
  RecordScan(Objects& objects, ManifestPtr manifest, const Root* root,
             std::vector<const Root*> hidden, uint64_t first, uint64_t last, const Filter* filter,
             std::vector<const Root*> companions);

  // One segment being read: a primary one, or one of tombstones.
  struct Cursor {
    EntryPtr entry;
    Buffer list;  // anchors, when they are no sequence
    uint64_t row = 0;
    bool is_fetched = false;  // the list is there, if there must be one

    uint64_t at(uint64_t r) const {
      return entry->step > 0 ? entry->first + r * entry->step
                             : reinterpret_cast<const uint64_t*>(list.data())[r];
    }
    uint64_t current() const { return at(row); }
    bool done() const { return row == entry->rows; }
    // Rows from the current one on whose anchors are at most `bound`.
    uint64_t rows_up_to(uint64_t bound) const;
  };

  // Deleted ones with them; they ascend.
  Result<std::vector<uint64_t>> next_standing(size_t rows_max);
  Status look_ahead(uint64_t rows_wanted);
  Status fetch_footers(uint64_t rows_wanted);
  Result<std::vector<EntryPtr>> find_companions(uint64_t rows_wanted);
  Result<bool> ruled_out(const Entry& entry);
  Status activate(uint64_t rows_wanted);
  void emit(std::vector<uint64_t>& out, size_t rows_max);

  Objects& objects_;
  const ManifestPtr manifest_;
  const Root* root_;
  const std::vector<const Root*> hidden_;  // tombstones: their anchors are left out
  const uint64_t first_, last_;
  const Filter* filter_;
  const bool has_layers_;
  const bool has_deleted_values_;
  const std::vector<const Root*> companions_;
  std::optional<uint64_t> companions_from_;  // where they are not fetched yet; nullopt: the end
  std::optional<TreeCursor> tree_;
  std::deque<Cursor> upcoming_;  // the next segments in tree order
  uint64_t upcoming_rows_ = 0;
  std::vector<Cursor> active_;
  std::optional<uint64_t> last_emitted_;
};

}  // namespace dreamdb
