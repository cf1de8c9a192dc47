#include "dataset/build.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "index/encode.h"
#include "runtime/thread_pool.h"
#include "track/columns.h"

namespace dreamdb {

namespace {

// One segment to build.
struct Job {
  FieldId track{0};
  bool primary = false;  // introduces records
  std::function<Result<TrackSegment>()> build;
};

// Rows of one field, all with values.
struct FieldRows {
  std::vector<uint64_t> anchors;
  Column column;
};

class Builder {
 public:
  Builder(const SortedRows& rows, const Selection& selection, const IndexMap& indexes,
          const Nonce& nonce)
      : rows_(rows), selection_(selection), indexes_(indexes), nonce_(nonce) {}

  Result<std::vector<TrackSegment>> run() {
    for (size_t c = 0; c < rows_.fields.size(); ++c)
      if (!is_scalar(rows_.fields[c]->type)) plan_wide(c);
    plan_records();
    std::vector<Result<TrackSegment>> built(jobs_.size(),
                                            fail(Code::kInternal, "a segment was not built"));
    shared_pool().parallel_for(jobs_.size(), [&](size_t i) { built[i] = jobs_[i].build(); });
    std::vector<TrackSegment> out;
    for (size_t i = 0; i < jobs_.size(); ++i) {
      DREAMDB_ASSIGN(TrackSegment segment, std::move(built[i]));
      segment.track = jobs_[i].track;
      segment.entry.records =
          jobs_[i].track == kRecordTrack && !jobs_[i].primary ? 0 : segment.entry.rows;
      out.push_back(std::move(segment));
    }
    return out;
  }

 private:
  // The rows whose value of column `c` is written, ascending.
  std::vector<uint32_t> written_rows(size_t c) const {
    const Column& column = rows_.batch.columns[c];
    std::vector<uint32_t> out;
    const auto add = [&](uint32_t row) {
      if (column.is_valid(row)) out.push_back(row);
    };
    if (selection_.all_fresh) {
      for (uint32_t row = 0; row < rows_.rows(); ++row) add(row);
      return out;
    }
    for (const uint32_t row : selection_.fresh) add(row);
    for (size_t i = 0; i < selection_.existing.size(); ++i)
      if (selection_.write[c][i]) out.push_back(selection_.existing[i]);
    std::sort(out.begin(), out.end());
    return out;
  }

  std::shared_ptr<const FieldRows> field_rows(size_t c) const {
    auto out = std::make_shared<FieldRows>();
    const Column& column = rows_.batch.columns[c];
    if (selection_.all_fresh && column.valid.empty()) {
      out->anchors.assign(rows_.anchors().begin(), rows_.anchors().end());
      out->column = column;
      return out;
    }
    const std::vector<uint32_t> picked = written_rows(c);
    for (const uint32_t row : picked) out->anchors.push_back(rows_.anchors()[row]);
    out->column = pick_rows(column, picked);
    return out;
  }

  void plan_wide(size_t c) {
    const Field& field = *rows_.fields[c];
    const std::shared_ptr<const FieldRows> values = field_rows(c);
    const size_t total = values->anchors.size();
    for (size_t begin = 0; begin < total;) {
      const size_t end = is_matrix(field.type) ? matrix_end(field, begin, total)
                                               : blob_end(values->column, begin, total);
      jobs_.push_back({field.id, false, [this, &field, values, begin, end] {
                         return build_wide(field, *values, begin, end);
                       }});
      begin = end;
    }
  }

  static size_t matrix_end(const Field& field, size_t begin, size_t total) {
    constexpr uint64_t kRowsMax = 1ull << 24;
    const uint64_t row_bytes = field.row_bytes();
    const uint64_t rows =
        row_bytes == 0 ? kRowsMax : std::max<uint64_t>(1, kSegmentTargetBytes / row_bytes);
    return static_cast<size_t>(std::min<uint64_t>(total, begin + std::min(rows, kRowsMax)));
  }

  static size_t blob_end(const Column& column, size_t begin, size_t total) {
    uint64_t bytes = column.blobs[begin].size();
    size_t end = begin + 1;
    while (end < total && end - begin < kBlobRowsMax &&
           bytes + column.blobs[end].size() <= kSegmentTargetBytes)
      bytes += column.blobs[end++].size();
    return end;
  }

  Result<TrackSegment> build_wide(const Field& field, const FieldRows& values, size_t begin,
                                  size_t end) const {
    const auto anchors = std::span(values.anchors).subspan(begin, end - begin);
    if (is_blob(field.type))
      return track_segment(build_blob_segment(
          nonce_, field.id, anchors, std::span(values.column.blobs).subspan(begin, end - begin),
          field.type == FieldType::kText));
    const uint64_t row_bytes = field.row_bytes();
    const auto matrix =
        values.column.values.span().subspan(begin * row_bytes, (end - begin) * row_bytes);
    DREAMDB_ASSIGN(TrackSegment out,
                   track_segment(build_matrix_segment(nonce_, field.id, anchors, field.dtype,
                                                      field.shape, matrix)));
    const auto index = indexes_.find(field.id);
    if (index == indexes_.end()) return out;
    CodeTable codes(*index->second);
    codes.add(anchors, matrix, field.dtype);
    out.spatial = index->second->address();
    DREAMDB_ASSIGN(out.codes, codes.build(nonce_, field.id, out.spatial));
    return out;
  }

  static Result<TrackSegment> track_segment(Result<BuiltSegment> built) {
    if (!built) return std::unexpected(std::move(built).error());
    return TrackSegment{{}, std::move(built->entry), std::move(built->object)};
  }

  // The record track: primary segments for new records, layers for values added to old ones.
  void plan_records() {
    if (selection_.all_fresh) {
      plan_primary(rows_.batch);
    } else {
      if (!selection_.fresh.empty()) plan_primary(pick_rows(scalars_only(), selection_.fresh));
      plan_layer();
    }
  }

  Batch scalars_only() const {
    Batch out;
    out.anchors_bytes = rows_.batch.anchors_bytes;
    for (size_t c = 0; c < rows_.fields.size(); ++c)
      if (is_scalar(rows_.fields[c]->type)) out.columns.push_back(rows_.batch.columns[c]);
    return out;
  }

  void plan_primary(Batch batch) { plan_scalars(std::move(batch), true); }

  void plan_layer() {
    std::vector<uint32_t> rows;  // into `existing`
    for (uint32_t i = 0; i < selection_.existing.size(); ++i)
      for (size_t c = 0; c < rows_.fields.size(); ++c)
        if (is_scalar(rows_.fields[c]->type) && selection_.write[c][i]) {
          rows.push_back(i);
          break;
        }
    if (rows.empty()) return;
    std::vector<uint32_t> picked;
    for (const uint32_t i : rows) picked.push_back(selection_.existing[i]);
    Batch layer = pick_rows(scalars_only(), picked);
    size_t s = 0;
    for (size_t c = 0; c < rows_.fields.size(); ++c) {
      if (!is_scalar(rows_.fields[c]->type)) continue;
      Bitmap valid(rows.size());
      for (size_t k = 0; k < rows.size(); ++k)
        if (selection_.write[c][rows[k]]) valid.set(k);
      layer.columns[s++].valid = std::move(valid).finish();
    }
    plan_scalars(std::move(layer), false);
  }

  void plan_scalars(Batch batch, bool primary) {
    const auto shared = std::make_shared<const Batch>(std::move(batch));
    for (size_t begin = 0; begin < shared->rows(); begin += kScalarRowsMax) {
      const size_t count = std::min<size_t>(kScalarRowsMax, shared->rows() - begin);
      jobs_.push_back({kRecordTrack, primary, [this, shared, begin, count] {
                         return build_scalars(*shared, begin, count);
                       }});
    }
  }

  Result<TrackSegment> build_scalars(const Batch& batch, size_t begin, size_t count) const {
    const Batch piece = slice_batch(batch, begin, count);
    std::vector<ScalarInput> columns;
    for (const Column& column : piece.columns)
      for (const Field* field : rows_.fields)
        if (field->name == column.name && is_scalar(field->type))
          columns.push_back({field->id, &column});
    return track_segment(build_scalar_segment(nonce_, {piece.anchors(), piece.rows()}, columns));
  }

  const SortedRows& rows_;
  const Selection& selection_;
  const IndexMap& indexes_;
  const Nonce& nonce_;
  std::vector<Job> jobs_;
};

}  // namespace

Result<std::vector<TrackSegment>> build_segments(const SortedRows& rows, const Selection& selection,
                                                 const IndexMap& indexes, const Nonce& nonce) {
  return Builder(rows, selection, indexes, nonce).run();
}

void take_objects(std::span<TrackSegment> segments, std::vector<PutRequest>& out) {
  for (TrackSegment& segment : segments) {
    out.push_back({segment_key(segment.entry.child), std::move(segment.object)});
    if (segment.codes)
      out.push_back({segment_key(segment.codes->entry.child), std::move(segment.codes->object)});
  }
}

}  // namespace dreamdb
