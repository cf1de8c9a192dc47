// Walking the versions of a dataset: jumps, common ancestors, a moment in time.
//
// Thread rule: functions may be called from any thread.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "object/objects.h"

namespace dreamdb {

struct VersionPoint {
  Address address;
  ManifestPtr manifest;
};

// Versions along first parents, newest first.
//
// They are fetched ahead, in windows of 4, 16, 64 and then 256. The lists of ancestors of those
// that are there name those that are not, so a window is O(log) waves, and each version one
// request.
//
// Thread rule: one thread at a time.
class HistoryWalk {
 public:
  // Begins with `start` itself. `objects` must outlive the walk.
  HistoryWalk(Objects& objects, VersionPoint start);

  // nullopt after the first version, or where the history before was collected. Corruption: a
  // version is not what its children say; the walk is at its end then.
  Result<std::optional<VersionPoint>> next();
  // The depth of the newest version that is gone, once `next` has told all above it.
  std::optional<uint64_t> collected() const {
    return ready_.empty() && !failure_ ? collected_ : std::nullopt;
  }

 private:
  Status fetch_window(const VersionPoint& from);

  Objects& objects_;
  std::deque<VersionPoint> ready_;
  std::optional<Error> failure_;       // of what follows `ready_`
  std::optional<uint64_t> collected_;  // what follows it is gone
  uint64_t window_ = 4;
};

// What follows asks for versions far back. NotFound where one is needed that was collected: a later
// version names it, and it is gone.

// The ancestor of `from` along first parents at `depth` <= from.depth. O(log depth) requests.
Result<VersionPoint> ancestor_at(Objects& objects, VersionPoint from, uint64_t depth);

// The newest version on the first-parent chains of both, which may stand in two spaces (one a copy
// of the other that went its own way); nullopt when they share none. O(log depth) requests.
Result<std::optional<VersionPoint>> common_ancestor(Objects& left_space, VersionPoint left,
                                                    Objects& right_space, VersionPoint right);

// What two versions have in common above `base`, their common ancestor along first parents: the
// newest version of each one's chain that the other's chain has merged. None, one or two; of two
// neither has merged the other. A request for each version above `base`, and O(log depth) for each
// that was merged: for questions that `base` leaves open.
Result<std::vector<VersionPoint>> merged_ancestors(Objects& objects, const VersionPoint& left,
                                                   const VersionPoint& right,
                                                   const VersionPoint& base);

// The newest version on the first-parent chain of `from` with a commit time of at most `time_ns`;
// NotFound when all are younger. O(log depth log log depth) requests.
Result<VersionPoint> version_at_time(Objects& objects, VersionPoint from, uint64_t time_ns);

}  // namespace dreamdb
