// The sum of the records of a version, by which versions are compared (spec 13).
//
// Thread rule: calls may come from any thread.
#pragma once

#include <functional>
#include <memory>

#include "dreamdb/dataset.h"
#include "format/record_sum.h"
#include "object/objects.h"

namespace dreamdb {

// Reads every value of the shard's records once. `progress` is told the records so far; false:
// Cancelled. InvalidArgument: no such shard.
Result<RecordSum> sum_records(std::shared_ptr<Objects> objects, const ManifestPtr& manifest,
                              const Shard& shard,
                              const std::function<bool(uint64_t done)>& progress);

}  // namespace dreamdb
