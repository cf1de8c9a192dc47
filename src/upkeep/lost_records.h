// Records whose primary segments are lost: those that have values left, and those that are gone.
//
// Thread rule: one call at a time.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "format/segment.h"
#include "object/objects.h"
#include "upkeep/losses.h"

namespace dreamdb {

// A range of anchors that lost records lie in.
struct AnchorGap {
  uint64_t first = 0, last = 0;
};

// `gaps` ascending, those that meet as one.
std::vector<AnchorGap> join_gaps(std::vector<AnchorGap> gaps);

// Calls `take` with the anchors (u64, ascending, at most kScalarRowsMax at a time) in the gap that
// have values in what is left of the version, and no record.
Status find_orphans(Objects& objects, const Manifest& manifest, const Losses& losses,
                    const AnchorGap& gap,
                    const std::function<Status(std::span<const uint64_t>)>& take);

}  // namespace dreamdb
