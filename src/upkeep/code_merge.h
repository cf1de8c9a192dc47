// Codes of many segments in few, each cell in one range (spec 12.7).
//
// Thread rule: one call at a time.
#pragma once

#include "upkeep/row_merge.h"

namespace dreamdb {

// Puts code segments with the codes that the inputs, all under one index, have, cell by cell. A
// cell is in one of them, or in two where one ends, or in more if it is very large. Where a new
// segment would have an anchor twice it has the code of the greatest `seq`. dead: anchors that are
// left out, ascending. Holds footers of all inputs, and the codes of a segment. Errors: those of
// reading and of putting; Corruption: a segment is not of this index.
Result<std::vector<Entry>> merge_codes(Objects& objects, const Field& field, const Address& spatial,
                                       const CompactPiece& piece, const TrackRules& rules,
                                       std::span<const uint64_t> dead, const Nonce& nonce,
                                       const RowsDone& done);

}  // namespace dreamdb
