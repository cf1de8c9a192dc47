#include "dataset/classify.h"

#include <algorithm>

#include "track/columns.h"
#include "track/row_reader.h"
#include "track/tombstones.h"

namespace dreamdb {

namespace {

constexpr size_t kNamedAnchorsMax = 10;

std::string names_of(std::span<const uint64_t> anchors) {
  std::string text;
  for (size_t i = 0; i < anchors.size() && i < kNamedAnchorsMax; ++i)
    text += (i > 0 ? ", " : "") + std::to_string(anchors[i]);
  return anchors.size() > kNamedAnchorsMax ? text + ", ..." : text;
}

// `of`: what was deleted at the anchors: "", or " of field `f`".
std::unexpected<Error> refuse_deleted(std::span<const uint64_t> anchors, const std::string& of) {
  return fail(
      Code::kConflict,
      std::to_string(anchors.size()) + (anchors.size() == 1 ? " anchor" : " anchors") +
          (of.empty() ? " of deleted records: " : " where the value" + of + " is deleted: ") +
          names_of(anchors) +
          "; nothing was written. What is deleted stays deleted: take other anchors, or "
          "leave it out with on_conflict \"skip\"");
}

// New records must bring every required field.
Status check_required(const Schema& schema, const SortedRows& rows, const Selection& selection) {
  for (const Field& field : schema.fields()) {
    if (!field.required) continue;
    const auto at = std::find_if(rows.fields.begin(), rows.fields.end(),
                                 [&](const Field* f) { return f->id == field.id; });
    const Column* column = at == rows.fields.end()
                               ? nullptr
                               : &rows.batch.columns[static_cast<size_t>(at - rows.fields.begin())];
    if (column != nullptr && column->valid.empty()) continue;
    const auto lacks = [&](size_t row) { return column == nullptr || !column->is_valid(row); };
    const auto missing = [&](size_t row) {
      const std::string name = rows.name_of_row ? rows.name_of_row(row)
                                                : "anchor " + std::to_string(rows.anchors()[row]);
      return fail(Code::kInvalidArgument, "Sample missing required field `" + field.name + "` (" +
                                              name +
                                              "); give it a value, or make the field optional");
    };
    if (selection.all_fresh) {
      for (size_t row = 0; row < rows.rows(); ++row)
        if (lacks(row)) return missing(row);
    } else {
      for (const uint32_t row : selection.fresh)
        if (lacks(row)) return missing(row);
    }
  }
  return {};
}

// Compares given values with what stands there, and decides value by value.
class Comparison {
 public:
  // deleted: [column][i]: the value of row existing[i] is; a column without one is empty.
  Comparison(const SortedRows& rows, const Batch& current, std::span<const uint32_t> existing,
             std::span<const std::vector<bool>> deleted, OnConflict on_conflict)
      : rows_(rows),
        current_(current),
        existing_(existing),
        deleted_(deleted),
        on_conflict_(on_conflict) {}

  Status run(Selection& selection) {
    std::vector<std::vector<bool>> write(rows_.fields.size());
    for (auto& column : write) column.resize(existing_.size());
    for (size_t i = 0; i < existing_.size(); ++i) {
      const RowFate fate = judge_row(i, write);
      selection.counts.skipped += fate.skipped;
      if (fate.skipped) note(existing_[i], selection.skipped);
      selection.counts.replaced += fate.replaced;
      selection.counts.filled += !fate.replaced && fate.filled;
      selection.counts.unchanged += !fate.replaced && !fate.filled && !fate.skipped;
      if (!fate.filled && !fate.replaced) continue;
      selection.existing.push_back(existing_[i]);
      kept_.push_back(i);
    }
    if (!deleted_anchors_.empty())
      return refuse_deleted(deleted_anchors_, " of field `" + field_ + "`");
    if (!conflicts_.empty()) return refuse();
    selection.same = std::move(same_);
    selection.write.resize(write.size());
    for (size_t c = 0; c < write.size(); ++c)
      for (const size_t i : kept_) selection.write[c].push_back(write[c][i]);
    return {};
  }

 private:
  struct RowFate {
    bool filled = false, replaced = false, skipped = false;
  };

  RowFate judge_row(size_t i, std::vector<std::vector<bool>>& write) {
    RowFate fate;
    fate.skipped = !rows_.skipped.empty() && rows_.skipped[existing_[i]];
    bool refused = false;
    for (size_t c = 0; c < rows_.fields.size(); ++c) {
      const Column& given = rows_.batch.columns[c];
      const Column& held = current_.columns[c];
      if (!given.is_valid(existing_[i])) continue;
      if (!deleted_[c].empty() && deleted_[c][i]) {
        fate.skipped = true;
        if (on_conflict_ != OnConflict::kSkip) note_deleted(c, existing_[i]);
      } else if (!held.is_valid(i)) {
        write[c][i] = fate.filled = true;
      } else if (!equal_values(given, existing_[i], held, i)) {
        if (on_conflict_ == OnConflict::kReplace) write[c][i] = fate.replaced = true;
        if (on_conflict_ == OnConflict::kSkip) fate.skipped = true;
        if (on_conflict_ == OnConflict::kRefuse) {
          refused = true;
          field_ = rows_.fields[c]->name;
        }
      } else if (on_conflict_ != OnConflict::kSkip) {
        if (same_.empty()) same_.resize(rows_.fields.size(), std::vector<bool>(rows_.rows()));
        note(existing_[i], same_[c]);
      }
    }
    if (refused) conflicts_.push_back(rows_.anchors()[existing_[i]]);
    return fate;
  }

  void note_deleted(size_t column, uint32_t row) {
    if (deleted_anchors_.empty()) field_ = rows_.fields[column]->name;
    if (field_ == rows_.fields[column]->name) deleted_anchors_.push_back(rows_.anchors()[row]);
  }

  void note(uint32_t row, std::vector<bool>& marks) const {
    marks.resize(rows_.rows());
    marks[row] = true;
  }

  Status refuse() const {
    std::string text = std::to_string(conflicts_.size()) +
                       (conflicts_.size() == 1 ? " anchor has" : " anchors have") +
                       " another value already (field `" + field_ + "`): ";
    return fail(Code::kConflict,
                text + names_of(conflicts_) +
                    "; nothing was written. on_conflict \"skip\" keeps the old values, "
                    "\"replace\" makes the new ones win");
  }

  const SortedRows& rows_;
  const Batch& current_;
  std::span<const uint32_t> existing_;
  const std::span<const std::vector<bool>> deleted_;
  const OnConflict on_conflict_;
  std::vector<size_t> kept_;
  std::vector<uint64_t> conflicts_, deleted_anchors_;
  std::vector<std::vector<bool>> same_;
  std::string field_;
};

// [column][i]: the value of row existing[i] is deleted.
Result<std::vector<std::vector<bool>>> find_deleted_values(Objects& objects,
                                                           const Manifest& manifest,
                                                           const SortedRows& rows,
                                                           std::span<const uint64_t> anchors) {
  std::vector<std::vector<bool>> out;
  for (const Field* field : rows.fields) {
    std::vector<const Root*> trees;
    if (const Root* root = manifest.find_tombstones(field->id)) trees.push_back(root);
    DREAMDB_ASSIGN(out.emplace_back(), find_deleted(objects, trees, anchors));
  }
  return out;
}

// Deleted records are left out, or the append is refused.
Status leave_out_deleted(const SortedRows& rows, const std::vector<bool>& deleted,
                         OnConflict on_conflict, Selection& selection) {
  std::vector<uint64_t> anchors;
  for (size_t row = 0; row < deleted.size(); ++row)
    if (deleted[row]) anchors.push_back(rows.anchors()[row]);
  if (on_conflict != OnConflict::kSkip && !anchors.empty()) return refuse_deleted(anchors, "");
  selection.counts.skipped += anchors.size();
  selection.skipped = deleted;
  return {};
}

}  // namespace

Result<Selection> classify(Objects& objects, const ManifestPtr& manifest, const SortedRows& rows,
                           OnConflict on_conflict) {
  Selection selection;
  selection.counts.rows = rows.rows();
  DREAMDB_ASSIGN(std::vector<MatchRun> found, find_records(objects, *manifest, rows.anchors()));
  DREAMDB_ASSIGN(const std::vector<bool> deleted,
                 find_deleted(objects, tombstones_of(*manifest, kRecordTrack), rows.anchors()));
  if (found.empty() && deleted.empty()) {
    selection.all_fresh = true;
    selection.counts.records = rows.rows();
    DREAMDB_TRY(check_required(manifest->schema, rows, selection));
    return selection;
  }
  if (!deleted.empty()) {
    DREAMDB_TRY(leave_out_deleted(rows, deleted, on_conflict, selection));
    take_out(deleted, found);
  }
  std::vector<uint32_t> existing;
  uint32_t next = 0;
  const auto add_fresh = [&](size_t end) {
    for (; next < end; ++next)
      if (deleted.empty() || !deleted[next]) selection.fresh.push_back(next);
  };
  for (const MatchRun& run : found) {
    add_fresh(run.pos);
    for (; next < run.pos + run.len; ++next) existing.push_back(next);
  }
  add_fresh(rows.rows());
  selection.counts.records = selection.fresh.size();
  DREAMDB_TRY(check_required(manifest->schema, rows, selection));

  const Batch anchors_only{rows.batch.anchors_bytes, {}};
  const RowReader reader(objects, manifest);
  const Batch held = pick_rows(anchors_only, existing);
  DREAMDB_ASSIGN(const Batch current, reader.read(held.anchors_bytes, rows.fields));
  DREAMDB_ASSIGN(const auto deleted_values,
                 find_deleted_values(objects, *manifest, rows, {held.anchors(), held.rows()}));
  DREAMDB_TRY(Comparison(rows, current, existing, deleted_values, on_conflict).run(selection));
  return selection;
}

}  // namespace dreamdb
