// Which versions of a branch stay: its history, or so much of it as is to be kept.
//
// Thread rule: functions may be called from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "upkeep/address_set.h"
#include "version/history.h"

namespace dreamdb {

struct Retention {
  std::optional<uint64_t> last;     // so many versions of each branch, at least 1
  std::optional<uint64_t> span_ns;  // those that were the tip within so long before `now_ns`
  uint64_t now_ns = 0;
  // What is younger stays, by the times of the store; those of the versions that it listed so.
  uint64_t young_ns = 0;
  const AddressSet* young = nullptr;

  bool keeps_all() const { return !last && !span_ns; }
};

// Calls `visit` for each version that stays, newest first, until it says false. Counted are the
// versions that a branch had at `young_ns`, so that no version goes which anybody could open at the
// tip since then. Returns the newest version that goes, if the store still has it.
//
// A version behind which the history was collected is the last one.
using VisitVersion = std::function<Result<bool>(const VersionPoint&)>;
Result<std::optional<VersionPoint>> visit_kept(Objects& objects, const VersionPoint& tip,
                                               const Retention& retention,
                                               const VisitVersion& visit);

}  // namespace dreamdb
