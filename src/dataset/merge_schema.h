// Schemas and user maps of two versions in one.
//
// Thread rule: pure functions.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "dreamdb/dataset.h"
#include "format/manifest.h"

namespace dreamdb {

// The target's fields, then those that the source added, whose names `added` gets. Conflict: both
// have a name or an id for different fields, or one requires a field that the other's records lack.
Result<Schema> unite_schemas(const Manifest& target, const Manifest& source,
                             std::vector<std::string>& added);

using UserMap = std::map<std::string, std::string>;

// Brings to `map`, the target's, what the source changed since `base`. `report` gets the keys that
// are changed, and as conflicts those that both changed differently.
void unite_meta(const UserMap& base, const UserMap& source, UserMap& map, MergeReport& report);

}  // namespace dreamdb
