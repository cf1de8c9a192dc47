// The records of a version that fall to one of several workers.
//
// Thread rule: calls may come from any thread.
#pragma once

#include "dreamdb/dataset.h"
#include "object/objects.h"

namespace dreamdb {

// Anchors in [first, end).
struct AnchorRange {
  uint64_t first = 0, end = UINT64_MAX;
};

// Cut where segments begin, so that each shard has about as many records. Reads the pages of the
// record track when there are several. InvalidArgument: no such shard.
Result<AnchorRange> range_of_shard(Objects& objects, const Manifest& manifest, const Shard& shard);

}  // namespace dreamdb
