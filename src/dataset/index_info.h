// What a version says of its spatial indexes.
//
// Thread rule: functions may be called from any thread.
#pragma once

#include <string_view>
#include <vector>

#include "dataset/dataset_impl.h"

namespace dreamdb {

// InvalidArgument: there is no such field, or it is no embedding.
Result<const Field*> get_embedding(const Schema& schema, std::string_view name);

// Leaf entries of the field's track that the index does not cover, in the order of the track.
Result<std::vector<EntryPtr>> uncovered_entries(Objects& objects, const Manifest& manifest,
                                                const FieldIndex& place);

// Puts `index` where the field's index stands in a manifest.
void set_index(std::vector<FieldIndex>& indexes, FieldIndex index);

Result<IndexInfo> describe_index(Space& space, const Manifest& manifest, const FieldIndex& place);

}  // namespace dreamdb
