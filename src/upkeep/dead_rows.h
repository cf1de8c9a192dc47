// Rows of segments that tombstones hide.
//
// Thread rule: one call at a time.
#pragma once

#include <set>
#include <span>

#include "object/objects.h"
#include "upkeep/row_merge.h"

namespace dreamdb {

// The track where the values of a field stand; of field 0 the record track.
FieldId track_of_values(const Manifest& version, FieldId field);

// Those with anchors in [first, last] that hide rows of a track.
Result<DeadRows> dead_rows(Objects& objects, const Manifest& version, FieldId track, uint64_t first,
                           uint64_t last);

// Segments of a track, or of an index's codes, that hold a hidden row. Reads lists of anchors where
// neither ranges nor steps tell; of codes those blocks whose segments may hold one.
Result<std::set<Address>> segments_with_dead_rows(Objects& objects, const Manifest& version,
                                                  FieldId track, std::span<const EntryPtr> entries);
Result<std::set<Address>> code_segments_with_dead_rows(Objects& objects, const Manifest& version,
                                                       const FieldIndex& index,
                                                       std::span<const EntryPtr> entries);

}  // namespace dreamdb
