// Walking the versions of a dataset: jumps, common ancestors, a moment in time.
//
// Thread rule: functions may be called from any thread.
#pragma once

#include <cstdint>
#include <optional>

#include "object/objects.h"

namespace dreamdb {

struct VersionPoint {
  Address address;
  ManifestPtr manifest;
};

// The ancestor of `from` along first parents at `depth` <= from.depth. O(log depth) requests.
Result<VersionPoint> ancestor_at(Objects& objects, VersionPoint from, uint64_t depth);

// The newest version on the first-parent chains of both; nullopt when they share none. O(log
// depth) requests.
Result<std::optional<VersionPoint>> common_ancestor(Objects& objects, VersionPoint left,
                                                    VersionPoint right);

// The newest version on the first-parent chain of `from` with a commit time of at most `time_ns`;
// NotFound when all are younger. O(log^2 depth) requests at most.
Result<VersionPoint> version_at_time(Objects& objects, VersionPoint from, uint64_t time_ns);

}  // namespace dreamdb
