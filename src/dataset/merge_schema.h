// Schemas and user maps of two versions in one, and which index a field has.
//
// Thread rule: pure functions.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "dreamdb/dataset.h"
#include "format/manifest.h"
#include "version/history.h"

namespace dreamdb {

// The target's fields, then those that the source added, whose names `added` gets. Conflict: both
// have a name or an id for different fields, or one requires a field that the other's records lack.
Result<Schema> unite_schemas(const Manifest& target, const Manifest& source,
                             std::vector<std::string>& added);

using UserMap = std::map<std::string, std::string>;
// Common ancestors, of which none is below another. Empty: they were collected, and what only one
// side has counts as added by it.
using Bases = std::span<const VersionPoint>;

// Brings to `map`, the target's, what the source changed since the bases. `report` gets the keys
// that are changed, and as conflicts those that both changed differently.
void unite_meta(Bases bases, const UserMap& source, UserMap& map, MergeReport& report);

// The index that a field has after the merge, the side's that changed it since the bases, or the
// target's if both did; nullptr: none.
const FieldIndex* choose_index(Bases bases, const Manifest& target, const Manifest& source,
                               FieldId field);
bool same_index(const FieldIndex* a, const FieldIndex* b);

// Whether it matters which bases the sides are compared with. What one of them alone seems to have
// changed since their common ancestor may have come to the other by a merge and been changed back.
bool may_differ_by_base(const Manifest& target, const Manifest& source);

}  // namespace dreamdb
