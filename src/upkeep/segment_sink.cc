#include "upkeep/segment_sink.h"

#include "track/columns.h"

namespace dreamdb {

namespace {

uint64_t bytes_of_row(const Column& column, size_t row) {
  if (is_matrix(column.type)) return value_bytes(column);
  if (is_blob(column.type)) return column.blobs[row].size();
  return is_string(column.type) ? column.text(row).size() : value_bytes(column);
}

uint64_t bytes_of_row(const Batch& rows, size_t row) {
  uint64_t sum = 0;
  for (const Column& column : rows.columns) sum += bytes_of_row(column, row);
  return sum;
}

uint64_t bytes_of(const Batch& rows) {
  uint64_t sum = 0;
  for (size_t row = 0; row < rows.rows(); ++row) sum += bytes_of_row(rows, row);
  return sum;
}

}  // namespace

Status SegmentSink::add(Batch rows) {
  if (rows.rows() == 0) return {};
  rows_ += rows.rows();
  bytes_ += bytes_of(rows);
  held_.push_back(std::move(rows));
  return is_full() ? cut(false) : Status();
}

Result<std::vector<Entry>> SegmentSink::finish() {
  DREAMDB_TRY(cut(true));
  return std::move(entries_);
}

Status SegmentSink::cut(bool is_last) {
  if (held_.empty()) return {};
  DREAMDB_TRY(check_texts(held_));
  Batch rest = held_.size() == 1 ? std::move(held_[0]) : concat_batches(held_);
  held_.clear();
  while (rest.rows() > 0 && (is_last || is_full())) {
    const size_t count = next_rows(rest);
    const Batch piece = slice_batch(rest, 0, count);
    DREAMDB_TRY(put(piece));
    rest = slice_batch(rest, count, rest.rows() - count);
    rows_ -= count;
    bytes_ -= bytes_of(piece);
  }
  if (rest.rows() > 0) held_.push_back(std::move(rest));
  return {};
}

size_t SegmentSink::next_rows(const Batch& rows) const {
  const size_t most = std::min<size_t>(rows.rows(), cut_.rows);
  uint64_t bytes = 0;
  for (size_t row = 0; row < most; ++row) {
    bytes += bytes_of_row(rows, row);
    if (bytes >= cut_.bytes) return row + 1;
  }
  return most;
}

Status SegmentSink::put(const Batch& rows) {
  DREAMDB_ASSIGN(BuiltSegment built, build(rows));
  built.entry.records = is_primary_ ? built.entry.rows : 0;
  const PutRequest put[] = {{segment_key(built.entry.child), std::move(built.object)}};
  DREAMDB_TRY(objects_.put(put));
  entries_.push_back(std::move(built.entry));
  return {};
}

Result<BuiltSegment> SegmentSink::build(const Batch& rows) const {
  const std::span<const uint64_t> anchors(rows.anchors(), rows.rows());
  if (fields_.empty() || is_scalar(fields_[0]->type)) {
    std::vector<ScalarInput> columns;
    for (size_t i = 0; i < fields_.size(); ++i)
      columns.push_back({fields_[i]->id, &rows.columns[i]});
    return build_scalar_segment(nonce_, anchors, columns);
  }
  const Field& field = *fields_[0];
  if (is_blob(field.type))
    return build_blob_segment(nonce_, field.id, anchors, rows.columns[0].blobs,
                              field.type == FieldType::kText);
  return build_matrix_segment(nonce_, field.id, anchors, field.dtype, field.shape,
                              rows.columns[0].values.span());
}

}  // namespace dreamdb
