// Which pieces of which objects a wave of reads needs, in the measure of the disk cache: grains.
//
// A *grain* is 4 KiB of an object at a multiple of 4 KiB; the last one of an object is shorter,
// perhaps empty, and so says where the object ends. The cache keeps and verifies grains, so bytes
// that were read in one cut are found again in any other. 256 grains are a *region*: one file.
//
// Thread rule: pure.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "store/store.h"

namespace dreamdb {

constexpr uint64_t kGrainBytes = 4096;
constexpr uint64_t kRegionGrains = 256;
// Instead of a count of grains: up to the end of the object, wherever that is.
constexpr uint64_t kToTheEnd = std::numeric_limits<uint64_t>::max();

// Grains [first, first + count) of one object.
struct GrainSpan {
  std::string_view key;  // of a request it was made for
  uint64_t first = 0;
  uint64_t count = 0;   // or kToTheEnd
  uint64_t wanted = 0;  // bytes of it that requests asked for, counted once for each

  uint64_t offset() const { return first * kGrainBytes; }
};

struct CachePlan {
  static constexpr size_t kNone = std::numeric_limits<size_t>::max();
  std::vector<GrainSpan> spans;
  std::vector<size_t> places;  // for each request the span that has all of it; kNone: not kept
};

// Neighbouring and overlapping requests for one object share a span of at most kReadPieceMax.
// Requests that are not `kept`, ask for no byte or for bytes beyond kObjectSizeMax get no span.
// `requests` must outlive the plan.
CachePlan plan_cache(std::span<const ReadRequest> requests, const std::vector<bool>& kept);

// What is known of a grain.
constexpr int32_t kNotThere = -1;  // else its size in bytes, at most kGrainBytes

// Grains to be asked for, relative to the span.
struct MissingGrains {
  uint64_t first = 0;
  uint64_t count = 0;  // or kToTheEnd
};

// What is missing of the first `count` grains of a span. `sizes`: of the grains that were looked
// up, up to the last one that is there; those after them are missing unless the last one is the end
// of the object. Missing grains whose gap is below kReadGapMax come together: reading through it
// takes less than asking again.
std::vector<MissingGrains> missing_grains(std::span<const int32_t> sizes, uint64_t count);

}  // namespace dreamdb
