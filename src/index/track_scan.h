// Exact search over segments of an embedding's track, several at a time, in pieces that stay in
// memory, verified, while there is room.
//
// Thread rule: one call at a time; the work is shared on the pool.
#pragma once

#include <span>
#include <vector>

#include "index/code_scan.h"
#include "object/objects.h"
#include "search/exact.h"

namespace dreamdb {

struct TrackScanOptions {
  size_t top_k = 10;
  AnchorFilter filter;
  std::vector<const Root*> tombstones = {};  // of the field: what they hold is no hit
};

// One TopK a query. Rows that a newer segment of the track overrides are no hits.
Result<std::vector<TopK>> scan_track(Objects& objects, const Root& root, const Field& field,
                                     const QuerySet& queries, const TrackScanOptions& options);
// The same over some of the track's leaf entries, in the order of the track.
Result<std::vector<TopK>> scan_entries(Objects& objects, const Root& root, const Field& field,
                                       const QuerySet& queries, const TrackScanOptions& options,
                                       std::span<const EntryPtr> entries);

}  // namespace dreamdb
