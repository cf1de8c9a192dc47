// One worker's share of the codes of a spatial index: segments that have none yet, encoded and
// committed piece by piece.
//
// Thread rule: with `write_mutex` of the handle held.
#pragma once

#include "dataset/dataset_impl.h"

namespace dreamdb {

// InvalidArgument: options that a shard goes without, or no such shard.
Status check_shard(const IndexOptions& options);

// Encodes and commits until the tip has no segment of the shard without codes; options: checked.
// A piece that another worker has committed meanwhile is given up. Reads the rows once. Errors as
// those of `Dataset::reindex`.
Status encode_shard(Dataset::Impl& dataset, const Field& field, const IndexOptions& options);

}  // namespace dreamdb
