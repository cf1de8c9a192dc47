// The index that was built on another branch, in place of a ref's own.
//
// Thread rule: with `write_mutex` of the handle held.
#pragma once

#include "dataset/dataset_impl.h"

namespace dreamdb {

// Commits it; see `Dataset::take_index`. Pages of the field's track and of what is covered that
// differ are read.
Status take_index(Dataset::Impl& dataset, const Field& field, std::string_view from);

}  // namespace dreamdb
