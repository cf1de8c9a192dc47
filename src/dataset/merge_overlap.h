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

#include "dataset/merge_restate.h"
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
  // [row] by field: they have different values there, and that of this segment is not what tells
  // the merged version's: the target's stays, or the source's is restated.
  std::map<FieldId, std::vector<bool>> superseded;

  bool none() const { return anchors.size() == 0; }
};

// What two versions have written since they parted.
struct OverlapSides {
  const VersionPoint& target;
  const VersionPoint& source;
  uint64_t generation = 0;  // of the merged version
  // Common ancestors that tell, of two values in segments which only one side has, whose is new.
  // Empty: both are.
  std::function<Result<std::span<const VersionPoint>>()> bases;
};

// Compares two versions in one track, where both have written since they parted.
class OverlapFinder {
 public:
  // `diff` is that of the tracks, target left, source right, without what either has replaced; it
  // and the rest must outlive this. `before_reading` is called before what `find` reads. `report`
  // gets the conflicts, `conflicts_max` at most: values that both wrote, and wrote differently.
  OverlapFinder(Objects& objects, const OverlapSides& sides, FieldId track, const TreeDiff& diff,
                const std::function<Status()>& before_reading, size_t conflicts_max,
                MergeReport& report);

  // Values that stay although those that they meet have no smaller `seq`.
  const ValuePlaces& restated_of_target() const { return restated_here_; }
  const ValuePlaces& restated_of_source() const { return restated_there_; }

  // How `entry`, one of the source's, meets those that only the target has. Reads nothing where the
  // pages alone tell that no anchor is shared, else lists of anchors, and values where both have
  // the same field at the same anchor, 16 MiB at a time.
  Result<Overlap> find(const EntryPtr& entry);

 private:
  Status compare(const Field& field, const Overlap& overlap, std::span<const uint32_t> rows,
                 std::vector<bool>& same, std::vector<bool>& superseded);
  Status judge(const Field& field, const Batch& ours, const Batch& theirs,
               std::span<const uint32_t> rows, std::vector<bool>& same,
               std::vector<bool>& superseded);
  // Of two different values the one that one side has changed.
  struct Difference {
    const Field& field;
    uint64_t anchor;
    const Column &left, &right;
    size_t row;
    const EntryPtr &here, &there;  // the segments that have the values; nullptr: none
  };
  enum class Stays : uint8_t { kTarget, kSource, kRestated, kConflict };
  // kConflict: both have changed theirs. kRestated: what stays has not the greater `seq`.
  Result<Stays> settle(const Difference& of);
  // Marks what either version has deleted, of the rows that are met.
  Status mark_deleted(FieldId field, const Overlap& overlap, std::span<const uint32_t> rows,
                      std::vector<bool>& same);
  // [i]: the segment that has a version's value of the field at anchor i; nullptr: none. Values are
  // read only of scalars, once for each segment that lacks some.
  Result<std::vector<EntryPtr>> newest(const VersionPoint& version, const Field& field,
                                       const Buffer& anchors) const;
  // Takes `is_new` back from the side whose value is that of a common ancestor.
  Status ask_bases(const Difference& of, bool& is_new_here, bool& is_new_there) const;

  Objects& objects_;
  const OverlapSides& sides_;
  const VersionPoint& target_;
  const VersionPoint& source_;
  const FieldId track_;
  const TreeDiff& diff_;
  std::vector<uint64_t> last_up_to_;  // [i]: the greatest `last` of the target's first i + 1
  const std::function<Status()>& before_reading_;
  const size_t conflicts_max_;
  std::set<Address> new_here_, new_there_;
  Address examined_;  // the source's segment
  ValuePlaces restated_here_, restated_there_;
  std::set<std::pair<FieldId, uint64_t>> told_;  // conflicts
  MergeReport& report_;
};

}  // namespace dreamdb
