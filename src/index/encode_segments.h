// Codes of whole segments of an embedding under an index that is there.
//
// Thread rule: one call at a time; the work is shared on the pool.
#pragma once

#include <span>
#include <vector>

#include "index/row_encoder.h"

namespace dreamdb {

// Puts code segments with a code for each row of `entries`, of the newest value where several of
// them have the anchor; their leaf entries. spatial: where `index` stands. Codes on their way stand
// in TMPDIR when they are many. Errors as those of `feed_rows`, `RowEncoder` and `report`.
Result<std::vector<Entry>> encode_segments(Objects& objects, const SpatialIndex& index,
                                           const Field& field, const Address& spatial,
                                           std::span<const EntryPtr> entries, const Nonce& nonce,
                                           const Report& report);

}  // namespace dreamdb
