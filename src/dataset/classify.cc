#include "dataset/classify.h"

#include <algorithm>

#include "track/columns.h"
#include "track/row_reader.h"

namespace dreamdb {

namespace {

constexpr size_t kNamedAnchorsMax = 10;

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
  Comparison(const SortedRows& rows, const Batch& current, std::span<const uint32_t> existing,
             OnConflict on_conflict)
      : rows_(rows), current_(current), existing_(existing), on_conflict_(on_conflict) {}

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
      if (!held.is_valid(i)) {
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

  void note(uint32_t row, std::vector<bool>& marks) const {
    marks.resize(rows_.rows());
    marks[row] = true;
  }

  Status refuse() const {
    std::string text = std::to_string(conflicts_.size()) +
                       (conflicts_.size() == 1 ? " anchor has" : " anchors have") +
                       " another value already (field `" + field_ + "`): ";
    for (size_t i = 0; i < conflicts_.size() && i < kNamedAnchorsMax; ++i)
      text += (i > 0 ? ", " : "") + std::to_string(conflicts_[i]);
    if (conflicts_.size() > kNamedAnchorsMax) text += ", ...";
    return fail(Code::kConflict,
                text +
                    "; nothing was written. on_conflict \"skip\" keeps the old values, "
                    "\"replace\" makes the new ones win");
  }

  const SortedRows& rows_;
  const Batch& current_;
  std::span<const uint32_t> existing_;
  const OnConflict on_conflict_;
  std::vector<size_t> kept_;
  std::vector<uint64_t> conflicts_;
  std::vector<std::vector<bool>> same_;
  std::string field_;
};

}  // namespace

Result<Selection> classify(Objects& objects, const ManifestPtr& manifest, const SortedRows& rows,
                           OnConflict on_conflict) {
  Selection selection;
  selection.counts.rows = rows.rows();
  DREAMDB_ASSIGN(const std::vector<MatchRun> found,
                 find_records(objects, *manifest, rows.anchors()));
  if (found.empty()) {
    selection.all_fresh = true;
    selection.counts.records = rows.rows();
    DREAMDB_TRY(check_required(manifest->schema, rows, selection));
    return selection;
  }
  std::vector<uint32_t> existing;
  uint32_t next = 0;
  for (const MatchRun& run : found) {
    for (; next < run.pos; ++next) selection.fresh.push_back(next);
    for (; next < run.pos + run.len; ++next) existing.push_back(next);
  }
  for (; next < rows.rows(); ++next) selection.fresh.push_back(next);
  selection.counts.records = selection.fresh.size();
  DREAMDB_TRY(check_required(manifest->schema, rows, selection));

  const Batch anchors_only{rows.batch.anchors_bytes, {}};
  const RowReader reader(objects, manifest);
  DREAMDB_ASSIGN(const Batch current,
                 reader.read(pick_rows(anchors_only, existing).anchors_bytes, rows.fields));
  DREAMDB_TRY(Comparison(rows, current, existing, on_conflict).run(selection));
  return selection;
}

}  // namespace dreamdb
