// How many cells must be read for a recall: the nearest rows of some of a field's own, found
// exactly among the rows that it is shown, and the cells that these are in.
//
// Thread rule: one thread at a time.
#pragma once

#include <span>
#include <vector>

#include "format/segment.h"
#include "index/row_feed.h"
#include "index/spatial_index.h"
#include "search/exact.h"

namespace dreamdb {

// More rows than these tell hardly more: of more an even part is shown.
inline constexpr uint64_t kRecallRows = 4'000'000;

class RecallMeter {
 public:
  // Of nothing: `measure` gives no points.
  RecallMeter() = default;
  // sample: [n, dim], of which an even part become queries.
  static Result<RecallMeter> from_sample(std::span<const float> sample, size_t dim, Metric metric);

  bool has_queries() const { return queries_.has_value(); }
  // Compares rows with the queries, on the pool.
  void look_at(std::span<const RowPiece> pieces, Dtype dtype);
  // By number of cells, the nearest first: the part of the nearest rows that is in them. Reads
  // those rows.
  Result<std::vector<RecallPoint>> measure(Objects& objects, const Root& root, const Field& field,
                                           const SpatialIndex& index);

 private:
  std::vector<std::vector<uint64_t>> take_truth();

  std::optional<QuerySet> queries_;
  std::vector<TopK> nearest_;
};

}  // namespace dreamdb
