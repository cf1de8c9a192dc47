// Segments out of rows: cut at the sizes of spec 7, built side by side on the pool.
//
// Thread rule: functions may be called from any thread.
#pragma once

#include <vector>

#include "dataset/classify.h"
#include "format/segment.h"

namespace dreamdb {

struct TrackSegment {
  FieldId track{0};
  Entry entry;    // `records` set, `seq` 0
  Buffer object;  // to be put at segments/<entry.child>
};

Result<std::vector<TrackSegment>> build_segments(const SortedRows& rows, const Selection& selection,
                                                 const Nonce& nonce);

}  // namespace dreamdb
