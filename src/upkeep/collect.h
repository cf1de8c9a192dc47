// The collector of garbage: marks what versions that stay name, and deletes the rest (spec 11.3).
//
// In this order, so that whoever finds a version finds all of it, wherever the collector is
// stopped:
//
//  1. Its session. The sessions that have expired are fenced; what was written after the oldest
//     writer at work began, or within an hour, is left alone.
//  2. The versions that stay: tips, snapshots, pins, history. They are walked in the order of
//     history, each compared with the one before. What cannot be read ends the collection here.
//     Versions that nothing leads to and that are too young to go keep what they name, too.
//  3. The epochs of branches that nobody has swapped of late.
//  4. The versions that go. 5. Pages and segments that no version names.
//
// Where the filter of marks is too small, 2 and 5 are done for one slice of all addresses after the
// other. Marks live no longer than the call: nothing has to be kept, and nothing can be stale.
//
// Thread rule: one thread for one collection; any number of collections at a time.
#pragma once

#include <memory>

#include "dreamdb/upkeep.h"
#include "runtime/runtime.h"
#include "store/store.h"

namespace dreamdb {

// As `gc`, on a store that is open already.
Result<GcReport> collect(const std::shared_ptr<Store>& store, Runtime& runtime,
                         const GcOptions& options);

Result<std::vector<SessionInfo>> list_sessions_in(Store& store, Runtime& runtime);
Result<uint64_t> fence_sessions_in(Store& store, Runtime& runtime,
                                   const std::optional<std::string>& id);

}  // namespace dreamdb
