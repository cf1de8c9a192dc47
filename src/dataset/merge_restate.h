// Values that a merge writes once more: they are the newer ones, and their `seq` does not say so
// (spec 6.7).
//
// Thread rule: one call at a time.
#pragma once

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "format/segment.h"
#include "object/objects.h"

namespace dreamdb {

// Anchors by field.
using ValuePlaces = std::map<FieldId, std::set<uint64_t>>;

// Segments with the values that the version has there, of its track and not of more than 16 MiB of
// values each, and whose they are. `seq` and `records` of the entries are still 0.
Result<std::vector<std::pair<FieldId, BuiltSegment>>> restate_values(Objects& objects,
                                                                     const ManifestPtr& version,
                                                                     const ValuePlaces& places,
                                                                     const Nonce& nonce);

}  // namespace dreamdb
