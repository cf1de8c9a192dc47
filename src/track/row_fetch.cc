// Fetching the blocks of a planned read: the second half.
#include <algorithm>

#include "track/assemble.h"

namespace dreamdb {

Result<Batch> RowReader::fetch(const RowPlan& plan) const {
  const size_t rows = plan.anchors.size() / 8;
  std::vector<std::unique_ptr<Assembler>> columns;
  for (const Field* field : plan.fields) {
    const FieldId track = is_scalar(field->type) ? kRecordTrack : field->id;
    const auto it = std::find_if(plan.tracks.begin(), plan.tracks.end(),
                                 [track](const TrackMatch& t) { return t.field == track; });
    const TrackMatch* match = it == plan.tracks.end() ? nullptr : &*it;
    if (is_matrix(field->type)) {
      columns.push_back(assemble_matrix(*field, rows, match));
    } else if (is_blob(field->type)) {
      columns.push_back(assemble_blobs(objects_, *field, rows, match, plan.column_bytes_max));
    } else {
      columns.push_back(assemble_scalar(objects_, *field, rows, match, plan.column_bytes_max));
    }
  }
  BlockFetch blocks(objects_);
  for (const auto& column : columns) DREAMDB_TRY(column->begin(blocks));
  DREAMDB_TRY(blocks.run());
  for (const auto& column : columns) DREAMDB_TRY(column->more(blocks));
  DREAMDB_TRY(blocks.run());
  Batch batch;
  batch.anchors_bytes = plan.anchors;
  for (const auto& column : columns) {
    DREAMDB_ASSIGN(Column finished, column->finish(blocks));
    batch.columns.push_back(std::move(finished));
  }
  return batch;
}

}  // namespace dreamdb
