// The chosen fields of what a search found.
//
// Thread rule: as RowReader.
#pragma once

#include <span>
#include <vector>

#include "dreamdb/dataset.h"
#include "index/seen_rows.h"
#include "search/exact.h"
#include "track/row_reader.h"

namespace dreamdb {

// hits: of each query. Each record is read once, and the values of `searched` not at all where all
// hits were seen.
Result<std::vector<SearchHits>> read_hits(const RowReader& reader,
                                          std::span<const std::vector<Hit>> hits,
                                          std::span<const Field* const> fields,
                                          const Field& searched, Metric metric,
                                          const SeenRows& seen);

}  // namespace dreamdb
