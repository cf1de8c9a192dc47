// What a merge's sides have deleted (spec 6.6): it is deleted in the merged version.
//
// Thread rule: functions may be called from any thread.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "format/segment.h"
#include "object/objects.h"

namespace dreamdb {

// What the target gets of `entry`, tombstones of a field (0: of records) that only the source has.
// nullopt: the entry as it is. Else segments in its place: of what the target has not deleted, and
// with `records` where records stand that the source has purged.
// near: entries of the same tree that only the target has, with ranges that meet that of `entry`.
Result<std::optional<std::vector<BuiltSegment>>> fit_tombstones(
    Objects& objects, const Manifest& target, FieldId field, const EntryPtr& entry,
    std::span<const EntryPtr> near, const Nonce& nonce);

// [row]: the target has purged the record, so that of `entry`, a segment of the record track, it
// introduces none there; empty: that is so of no row.
Result<std::vector<bool>> find_purged(Objects& objects, const Manifest& target,
                                      const EntryPtr& entry);

// Tombstones of records that say otherwise than the record track whether records still stand: they
// go, and others come in their place, perhaps with segments that are not on the store yet.
struct RecountedTombstones {
  std::vector<Entry> removed, added;
  std::vector<PutRequest> segments;
};
// Looks at those with anchors in [first, last]. pages: at hand; gets those that are read.
Result<RecountedTombstones> recount_tombstones(Objects& objects, const Manifest& version,
                                               uint64_t first, uint64_t last, const Nonce& nonce,
                                               PageMap& pages);

}  // namespace dreamdb
