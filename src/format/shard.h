// Which of several workers that share a job does what.
//
// It follows from addresses alone, so workers need not know of each other, and may start from
// different versions.
//
// Thread rule: pure functions.
#pragma once

#include "codec/address.h"
#include "dreamdb/dataset.h"

namespace dreamdb {

// InvalidArgument: there is no such shard.
Status check_shard(const Shard& shard);

// Whether an object falls to the shard.
bool is_of_shard(const Address& object, const Shard& shard);

}  // namespace dreamdb
