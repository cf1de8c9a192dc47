// Segments out of rows: cut at the sizes of spec 7, built side by side on the pool.
//
// Thread rule: functions may be called from any thread.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <vector>

#include "dataset/classify.h"
#include "format/segment.h"
#include "index/spatial_index.h"

namespace dreamdb {

struct TrackSegment {
  FieldId track{0};
  Entry entry;    // `records` set, `seq` 0
  Buffer object;  // to be put at segments/<entry.child>
  // Of an embedding with an index: the codes of its rows, and the index.
  std::optional<BuiltSegment> codes = {};
  Address spatial = {};
};

// Indexes of the fields that have one.
using IndexMap = std::map<FieldId, SpatialIndexPtr>;

Result<std::vector<TrackSegment>> build_segments(const SortedRows& rows, const Selection& selection,
                                                 const IndexMap& indexes, const Nonce& nonce);

// Takes the objects out of the segments.
void take_objects(std::span<TrackSegment> segments, std::vector<PutRequest>& out);

}  // namespace dreamdb
