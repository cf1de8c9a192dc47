// Reads that several verbs share.
//
// Thread rule: functions may be called from any thread.
#pragma once

#include <span>

#include "dreamdb/dataset.h"
#include "stream/row_stream.h"
#include "track/row_reader.h"

namespace dreamdb {

// The options checked against the version's schema, which must outlive the answer.
Result<RowStreamOptions> bind_read(const ManifestPtr& manifest, const ReadOptions& options);

// NotFound, with the first few of the anchors.
std::unexpected<Error> no_records(std::span<const uint64_t> anchors);

// The records at `anchors`, in their order; see Dataset::take.
Result<Batch> take_rows(const RowReader& reader, std::span<const uint64_t> anchors,
                        std::span<const Field* const> fields, bool skip_missing);

}  // namespace dreamdb
