// Where rows that only a merge's source has meet rows that only its target has (spec 6.5).
//
// Thread rule: one call at a time.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "dreamdb/dataset.h"
#include "object/objects.h"
#include "plan/tree_diff.h"
#include "version/history.h"

namespace dreamdb {

// How the rows of a segment that only the source has stand in the target.
struct Overlap {
  Buffer anchors;               // u64, of the segment's rows; empty when no row is met
  std::vector<bool> is_record;  // [row]: of a primary segment, whose record the target has
  bool is_as_new = false;       // as one of the target's that it meets: their `seq` is the same
  // [row] by field: the target wrote a value too, and both versions have the same there, or one of
  // them has deleted it. Fields without such a row are left out.
  std::map<FieldId, std::vector<bool>> same;

  bool none() const { return anchors.size() == 0; }
};

// Compares two versions in one track, where both have written since they parted.
class OverlapFinder {
 public:
  // `diff` is that of the tracks, target left, source right; it and the rest must outlive this.
  // `before_reading` is called before what `find` reads. `report` gets the conflicts: values that
  // both wrote, and wrote differently.
  OverlapFinder(Objects& objects, const VersionPoint& target, const VersionPoint& source,
                FieldId track, const TreeDiff& diff, const std::function<Status()>& before_reading,
                MergeReport& report);

  // How `entry`, one of the source's, meets those that only the target has. Reads nothing where the
  // pages alone tell that no anchor is shared, else lists of anchors, and values where both have
  // the same field at the same anchor, 16 MiB at a time.
  Result<Overlap> find(const EntryPtr& entry);

 private:
  Status compare(const Field& field, const Overlap& overlap, std::span<const uint32_t> rows,
                 std::vector<bool>& same);
  Status judge(const Field& field, const Batch& ours, const Batch& theirs,
               std::span<const uint32_t> rows, std::vector<bool>& same);
  // Marks what either version has deleted, of the rows that are met.
  Status mark_deleted(FieldId field, const Overlap& overlap, std::span<const uint32_t> rows,
                      std::vector<bool>& same);
  // Whether the value that a version has of the field at the anchor is new on its side.
  Result<bool> is_new(const VersionPoint& version, const Field& field, uint64_t anchor,
                      const std::set<Address>& children) const;

  Objects& objects_;
  const VersionPoint& target_;
  const VersionPoint& source_;
  const FieldId track_;
  const TreeDiff& diff_;
  std::vector<uint64_t> last_up_to_;  // [i]: the greatest `last` of the target's first i + 1
  const std::function<Status()>& before_reading_;
  std::set<Address> new_here_, new_there_;
  std::set<std::pair<FieldId, uint64_t>> told_;  // conflicts
  MergeReport& report_;
};

}  // namespace dreamdb
