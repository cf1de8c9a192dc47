// Which of several workers a segment falls to, by its address alone.
//
// Thread rule: pure.
#pragma once

#include "codec/address.h"
#include "dreamdb/dataset.h"

namespace dreamdb {

bool is_of_shard(const Address& segment, const Shard& shard);

}  // namespace dreamdb
