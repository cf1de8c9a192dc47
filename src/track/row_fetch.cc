// Fetching the blocks of a planned read: the second half.
#include <algorithm>
#include <optional>

#include "runtime/carried.h"
#include "runtime/thread_pool.h"
#include "track/assemble.h"

namespace dreamdb {

namespace {

constexpr size_t kRowsWorthAThread = 256;  // some 50 us

// Waits for a task whatever happens.
class Joined {
 public:
  explicit Joined(Task task) : task_(std::move(task)) {}
  ~Joined() { task_.wait(); }
  Joined(const Joined&) = delete;
  Joined& operator=(const Joined&) = delete;

 private:
  Task task_;
};

// Where the field's values stand; nullptr: nowhere.
const TrackMatch* find_match(const RowPlan& plan, const Field& field) {
  const TrackMatch* found = nullptr;
  for (const TrackMatch& track : plan.tracks) {
    if (track.field == field.id) return &track;
    if (track.field == kRecordTrack && is_scalar(field.type)) found = &track;
  }
  return found;
}

}  // namespace

Result<Batch> RowReader::fetch(const RowPlan& plan) const {
  const size_t rows = plan.anchors.size() / 8;
  std::vector<std::unique_ptr<Assembler>> columns;
  for (const Field* field : plan.fields) {
    const TrackMatch* const match = find_match(plan, *field);
    if (is_matrix(field->type)) {
      Objects* const keeper = plan.keeps_rows_of == field->id ? &objects_ : nullptr;
      columns.push_back(assemble_matrix(*field, rows, match, plan.matrix_rows, keeper));
    } else if (is_blob(field->type)) {
      columns.push_back(assemble_blobs(objects_, *field, rows, match, plan.column_bytes_max));
    } else {
      columns.push_back(assemble_scalar(objects_, *field, rows, match, plan.column_bytes_max));
    }
  }
  const bool is_large = rows >= kRowsWorthAThread;
  std::vector<BlockFetch> blocks(columns.size());
  std::vector<Status> begun(columns.size());
  Carried carried;
  const auto begin = [&](size_t c) {
    carried.run([&] { begun[c] = columns[c]->begin(blocks[c]); });
  };
  if (is_large) {
    shared_pool().parallel_for(columns.size(), begin);
  } else {
    for (size_t c = 0; c < columns.size(); ++c) begin(c);
  }
  carried.rethrow();
  for (Status& status : begun) DREAMDB_TRY(std::move(status));
  std::vector<std::optional<Result<Column>>> finished(columns.size());
  Carried finishing;
  const auto finish_early = [&] {
    for (size_t c = 0; c < columns.size(); ++c)
      if (columns[c]->is_at_hand()) finished[c] = columns[c]->finish(blocks[c]);
  };
  {
    const Joined early(is_large ? shared_pool().submit([&] { finishing.run(finish_early); })
                                : Task());
    DREAMDB_TRY(BlockFetch::run(objects_, blocks));
  }
  finishing.rethrow();
  for (size_t c = 0; c < columns.size(); ++c) DREAMDB_TRY(columns[c]->more(blocks[c]));
  DREAMDB_TRY(BlockFetch::run(objects_, blocks));
  Batch batch;
  batch.anchors_bytes = plan.anchors;
  for (size_t c = 0; c < columns.size(); ++c) {
    if (!finished[c]) finished[c] = columns[c]->finish(blocks[c]);
    DREAMDB_ASSIGN(Column column, *std::move(finished[c]));
    batch.columns.push_back(std::move(column));
  }
  return batch;
}

}  // namespace dreamdb
