// Which cells queries look into. Of an index without centroids, those that its routes leave in
// doubt are read.
//
// Thread rule: one call at a time; the work is shared on the pool.
#pragma once

#include <span>

#include "index/code_scan.h"

namespace dreamdb {

// Sets the `cells` of each query to the nearest, counts[q] of them. Without centroids a wave for
// each kCentroidsAtOnce of those that are in doubt for any of the queries, 16 KiB or less each, if
// they are not in memory. With the first of
// them, or where codes have pages below their root that are not in memory in a wave of their own,
// come the pages below the roots of `codes` and of `tracks`, which a search wants next.
// Errors as Objects::extents.
Status choose_cells(Objects& objects, const SpatialIndex& index, std::span<ProbeQuery> queries,
                    std::span<const size_t> counts, const Root& codes,
                    std::span<const Root* const> tracks);

inline constexpr size_t kCentroidsAtOnce = 4096;

}  // namespace dreamdb
