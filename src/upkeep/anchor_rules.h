// Whether each anchor of a version is that of exactly one record (spec S6.3), each value of an
// embedding stands once (S6.4), and tombstones are those of records (S6.9).
//
// Thread rule: one call at a time.
#pragma once

#include <functional>
#include <string>

#include "object/objects.h"
#include "upkeep/page_rules.h"

namespace dreamdb {

// A segment of which an anchor breaks a rule: its entry in the tree.
using TellAnchor = std::function<void(const NamedTree&, const Entry&, const std::string& what)>;

// The records in [first, last]. `is_lost`: pages and segments that cannot be read, which are left
// out, and what stands at their anchors is not judged. Reads all lists of anchors, side by side.
Status check_anchors(Objects& objects, const Manifest& manifest, uint64_t first, uint64_t last,
                     const std::function<bool(const Address&)>& is_lost, const TellAnchor& tell);

}  // namespace dreamdb
