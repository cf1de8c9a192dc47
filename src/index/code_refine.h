// A second look at rows in doubt, by all bits of their codes (spec 12.5): it leaves fewer of them
// to be read.
//
// Thread rule: one call at a time.
#pragma once

#include <span>
#include <vector>

#include "index/code_scan.h"

namespace dreamdb {

// lists: of each query, what `scan_codes` left in doubt; wanted: of each query, how many lower
// bounds make its threshold. Leaves in each list those that are in doubt still. The index has more
// than one bit. One wave if the blocks are not in memory. O(rows D).
Status refine_codes(Objects& objects, const SpatialIndex& index, const CodePlan& plan,
                    std::span<const ProbeQuery> queries, std::span<const size_t> wanted,
                    std::span<std::vector<Candidate>> lists);

}  // namespace dreamdb
