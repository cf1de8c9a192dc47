// Segments as they stand on the store, looked at many at a time.
//
// Thread rule: one call at a time.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "store/store.h"
#include "upkeep/segment_rules.h"

namespace dreamdb {

struct ProbedSegment {
  // NotFound or Corruption: it cannot be read.
  Result<Segment> found = fail(Code::kInternal, "not looked at");
  Status fits;         // Corruption: it is another than what names it says
  uint64_t bytes = 0;  // read of it
};

// Reads the footer of each, or all of it where `whole` says so; in one wave, and one more for those
// that are not right at once. Errors: those of the store that say nothing of a segment.
Result<std::vector<ProbedSegment>> probe_segments(Store& store, const Schema& schema,
                                                  std::span<const NamedSegment> segments,
                                                  const std::vector<bool>& whole);

}  // namespace dreamdb
