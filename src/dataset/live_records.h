// Records of a version that are not deleted, where its pages alone do not tell.
//
// Thread rule: functions may be called from any thread.
#pragma once

#include <optional>
#include <span>
#include <utility>

#include "object/objects.h"
#include "plan/tree_diff.h"

namespace dreamdb {

// The first and the last anchor of a record; nullopt: there is none. The root tells where nothing
// is deleted; else records are read from both ends, past those that are.
Result<std::optional<std::pair<uint64_t, uint64_t>>> record_bounds(Objects& objects,
                                                                   const ManifestPtr& manifest);

// How many records of `manifest` another version has not. only_here: entries of the record track
// that only this version has; deleted_there: entries of tombstones that only the other one has,
// which stand in `there`. Reads anchors of these segments alone.
Result<uint64_t> count_only_here(Objects& here, const ManifestPtr& manifest,
                                 std::span<const EntryPtr> only_here, Objects& there,
                                 std::span<const EntryPtr> deleted_there);

}  // namespace dreamdb
