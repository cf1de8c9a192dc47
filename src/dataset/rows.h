// Rows to append, checked against the schema and sorted by anchor.
//
// Thread rule: values and pure functions.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "dreamdb/dataset.h"

namespace dreamdb {

// Columns of schema fields with equal length; `batch.anchors_bytes` ascends without repeats.
struct SortedRows {
  Batch batch;
  std::vector<const Field*> fields;  // of batch.columns, ascending by field id
  // [row]: lost a value to an older version's, which `batch` no longer has; empty when there is
  // none.
  std::vector<bool> skipped = {};
  // What to call rows whose anchors nobody gave; empty: by their anchors.
  std::function<std::string(size_t row)> name_of_row = {};

  size_t rows() const { return batch.rows(); }
  std::span<const uint64_t> anchors() const { return {batch.anchors(), batch.rows()}; }
};

// InvalidArgument: an unknown field, a column of the wrong shape, type or length, NaN or infinity
// in an embedding, a zero vector under cosine, text that is no UTF-8 or too long, an anchor that is
// none or stands twice. `schema` must outlive the answer. `rows.anchors` must be set.
Result<SortedRows> sort_rows(NewRows rows, const Schema& schema);

// What errors call row `row`.
std::string row_name(const NewRows& rows, size_t row);

// Bytes of all values.
uint64_t rows_bytes(const NewRows& rows);

// Checks the columns and how many anchors there are, not the anchors themselves.
Status check_columns(const NewRows& rows, const Schema& schema);

}  // namespace dreamdb
