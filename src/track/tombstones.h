// What a version has deleted, looked up by anchor (spec 6.6).
//
// Tombstones are read near the anchors that are asked for, never all of them.
//
// Thread rule: functions may be called from any thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "format/manifest.h"
#include "object/objects.h"

namespace dreamdb {

// The trees that tell whether a value of the field is deleted: with its record, or alone. Of field
// 0: whether the record is. They are those of `manifest`, which must outlive them.
std::vector<const Root*> tombstones_of(const Manifest& manifest, FieldId field);

// [i]: `anchors[i]` stands in one of the trees; empty where none does. anchors: ascending, unique.
// A wave a level of pages that are not cached, and two where anchors of tombstones are no sequence.
Result<std::vector<bool>> find_deleted(Objects& objects, std::span<const Root* const> trees,
                                       std::span<const uint64_t> anchors);
// The same with pages that are at hand; those that are read come to them.
Result<std::vector<bool>> find_deleted(Objects& objects, std::span<const Root* const> trees,
                                       std::span<const uint64_t> anchors, PageMap& pages);

// [i]: one of the entries has `anchors[i]`; empty where none has any.
Result<std::vector<bool>> find_in(Objects& objects, std::span<const EntryPtr> entries,
                                  std::span<const uint64_t> anchors);

// Which of `anchors` no new record may have: there is one, or it was deleted.
Result<std::vector<bool>> find_taken(Objects& objects, const Manifest& manifest,
                                     std::span<const uint64_t> anchors);
Result<std::vector<bool>> find_taken(Objects& objects, const Manifest& manifest,
                                     std::span<const uint64_t> anchors, PageMap& pages);

}  // namespace dreamdb
