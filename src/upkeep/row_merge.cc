#include "upkeep/row_merge.h"

#include <algorithm>

#include "runtime/interrupt.h"
#include "track/columns.h"
#include "track/row_reader.h"
#include "upkeep/anchor_union.h"
#include "upkeep/segment_sink.h"

namespace dreamdb {

namespace {

constexpr uint64_t kReadBytes = 8ull << 20;
constexpr size_t kReadRows = 16'384;

Buffer as_buffer(std::span<const uint64_t> anchors) {
  return Buffer::copy_of(std::as_bytes(anchors));
}

// A row without a value has no text: what it was is not written again.
void drop_null_texts(Column& column, size_t rows) {
  MutableBuffer offsets((rows + 1) * sizeof(uint32_t));
  auto* const ends = reinterpret_cast<uint32_t*>(offsets.data());
  ends[0] = 0;
  std::string texts;
  for (size_t row = 0; row < rows; ++row) {
    if (column.is_valid(row)) texts += column.text(row);
    ends[row + 1] = static_cast<uint32_t>(texts.size());
  }
  column.offsets = std::move(offsets).freeze();
  column.values = Buffer::copy_of(texts);
}

class RowMerge {
 public:
  RowMerge(Objects& objects, const ManifestPtr& version, const Field* field,
           const CompactPiece& piece, const TrackRules& rules, const DeadRows& dead,
           const Nonce& nonce, const RowsDone& done)
      : objects_(objects),
        reader_(objects, version),
        track_(field == nullptr ? kRecordTrack : field->id),
        fields_(fields_of(*version, field, piece)),
        inputs_(piece.inputs),
        dead_(dead),
        gone_(track_ == kRecordTrack ? dead.records : dead.all_of(track_)),
        done_(done),
        primary_(objects, nonce, fields_, true, cut_of(piece, rules)),
        layer_(objects, nonce, fields_, false, cut_of(piece, rules)) {
    std::ranges::sort(inputs_,
                      [](const EntryPtr& a, const EntryPtr& b) { return entry_less(*a, *b); });
  }

  Result<std::vector<Entry>> run() {
    AnchorUnion rows(objects_, inputs_);
    for (;;) {
      DREAMDB_ASSIGN(const std::vector<uint64_t> anchors, rows.next(kReadRows));
      if (anchors.empty()) break;
      DREAMDB_TRY(copy(gone_.empty() ? anchors : leave_out(anchors)));
    }
    DREAMDB_ASSIGN(std::vector<Entry> entries, primary_.finish());
    DREAMDB_ASSIGN(const std::vector<Entry> layers, layer_.finish());
    entries.insert(entries.end(), layers.begin(), layers.end());
    return entries;
  }

 private:
  // Scalar fields that an input has, ascending by id, or the one of a wide track.
  static std::vector<const Field*> fields_of(const Manifest& version, const Field* field,
                                             const CompactPiece& piece) {
    if (field != nullptr) return {field};
    std::vector<const Field*> out;
    for (const Field& scalar : version.schema.fields()) {
      const auto has = [&](const EntryPtr& input) {
        return input->stats.find(scalar.id) != input->stats.end();
      };
      if (is_scalar(scalar.type) && std::ranges::any_of(piece.inputs, has)) out.push_back(&scalar);
    }
    std::ranges::sort(out, {}, &Field::id);
    return out;
  }

  // As many rows, or bytes, in each of the segments that are to come.
  static SegmentCut cut_of(const CompactPiece& piece, const TrackRules& rules) {
    const auto share = [&](uint64_t sum) { return (sum + piece.segments - 1) / piece.segments; };
    return {std::min(rules.rows_max, std::max<uint64_t>(1, share(piece.rows))), rules.bytes_max};
  }

  std::vector<uint64_t> leave_out(const std::vector<uint64_t>& anchors) const {
    std::vector<uint64_t> out;
    std::ranges::set_difference(anchors, gone_, std::back_inserter(out));
    return out;
  }

  // Reads rows at these anchors, as many at once as are not too large.
  Status copy(std::span<const uint64_t> anchors) {
    size_t count = anchors.size();
    while (!anchors.empty()) {
      DREAMDB_TRY(check_interrupt());
      DREAMDB_TRY(done_(rows_done_));
      count = std::min(count, anchors.size());
      std::vector<EntryPtr> near;
      for (const EntryPtr& input : inputs_)
        if (input->first <= anchors[count - 1] && input->last >= anchors[0]) near.push_back(input);
      DREAMDB_ASSIGN(const RowPlan plan, plan_of_entries(objects_, track_, near,
                                                         as_buffer(anchors.first(count)), fields_));
      if (count > 1 && plan.bytes > kReadBytes) {
        count /= 2;
        continue;
      }
      DREAMDB_ASSIGN(Batch rows, reader_.fetch(plan));
      DREAMDB_TRY(track_ == kRecordTrack ? add_records(plan, rows) : primary_.add(std::move(rows)));
      anchors = anchors.subspan(count);
      rows_done_ += count;
    }
    return {};
  }

  Status add_records(const RowPlan& plan, Batch& rows) {
    for (Column& column : rows.columns) clear_dead(rows, column);
    std::vector<bool> is_primary(rows.rows());
    for (const SegmentMatch& match : plan.tracks[0].segments)
      if (match.entry->records > 0)
        for (const MatchRun& run : match.runs)
          std::fill_n(is_primary.begin() + run.pos, run.len, true);
    std::vector<uint32_t> introduced, others;
    for (uint32_t row = 0; row < rows.rows(); ++row) {
      if (is_primary[row]) {
        introduced.push_back(row);
      } else if (std::ranges::any_of(rows.columns,
                                     [&](const Column& column) { return column.is_valid(row); })) {
        others.push_back(row);
      }
    }
    if (introduced.size() == rows.rows()) return primary_.add(std::move(rows));
    DREAMDB_TRY(primary_.add(pick_rows(rows, introduced)));
    return layer_.add(pick_rows(rows, others));
  }

  // Takes away values that are dead.
  void clear_dead(const Batch& rows, Column& column) {
    const Field& field = *fields_[static_cast<size_t>(&column - rows.columns.data())];
    const auto dead = dead_.values.find(field.id);
    if (dead == dead_.values.end()) return;
    const std::span<const uint64_t> anchors(rows.anchors(), rows.rows());
    Bitmap valid(rows.rows());
    for (size_t row = 0; row < rows.rows(); ++row)
      if (column.is_valid(row) && !std::ranges::binary_search(dead->second, anchors[row]))
        valid.set(row);
    column.valid = std::move(valid).finish();
    if (is_string(column.type)) drop_null_texts(column, rows.rows());
  }

  Objects& objects_;
  const RowReader reader_;
  const FieldId track_;
  const std::vector<const Field*> fields_;
  std::vector<EntryPtr> inputs_;  // ascending by `first`
  const DeadRows& dead_;
  const std::vector<uint64_t> gone_;  // anchors without a row
  const RowsDone& done_;
  SegmentSink primary_, layer_;
  uint64_t rows_done_ = 0;
};

}  // namespace

std::vector<uint64_t> DeadRows::all_of(FieldId field) const {
  const auto own = values.find(field);
  if (own == values.end()) return records;
  std::vector<uint64_t> out;
  std::ranges::set_union(records, own->second, std::back_inserter(out));
  return out;
}

Result<std::vector<Entry>> merge_rows(Objects& objects, const ManifestPtr& version,
                                      const Field* field, const CompactPiece& piece,
                                      const TrackRules& rules, const DeadRows& dead,
                                      const Nonce& nonce, const RowsDone& done) {
  return RowMerge(objects, version, field, piece, rules, dead, nonce, done).run();
}

}  // namespace dreamdb
