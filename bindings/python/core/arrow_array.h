// Batches as Arrow arrays: fixed-width values are shown where they lie, and kept alive.
//
// Thread rule: pure functions; an exported array may be released on any thread.
#pragma once

#include "arrow_abi.h"
#include "dreamdb/batch.h"

namespace dreamdb::python {

// The most bytes that 32-bit offsets of a binary or string column can address.
inline constexpr uint64_t kArrowBytesMax = INT32_MAX;

// How many rows of `batch` from `first` on fit one array: all, unless payloads exceed 2 GiB.
// 0: the payload of row `first` alone does not fit.
size_t arrow_rows(const Batch& batch, size_t first);

// Exports the rows [first, first + count) in the types of `export_schema`. Copied are only payloads
// (their blocks lie apart) and bools (Arrow packs them into bits).
void export_batch(const Batch& batch, size_t first, size_t count, ArrowArray* out);

}  // namespace dreamdb::python
