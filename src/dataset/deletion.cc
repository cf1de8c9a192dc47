#include "dataset/deletion.h"

#include <algorithm>

#include "codec/utf8.h"
#include "dataset/reading.h"
#include "dreamdb/interrupt.h"
#include "plan/tree_diff.h"
#include "search/filter.h"
#include "track/columns.h"
#include "track/tombstones.h"

namespace dreamdb {

namespace {

constexpr uint64_t kHeldBytesMax = 8ull << 20;  // of segments that go up with the commit
constexpr size_t kScanBatchRows = 65'536;
constexpr size_t kReasonBytesMax = 256;

FieldId id_of(const Field* field) { return field == nullptr ? kRecordTrack : field->id; }

Buffer bytes_of(std::span<const uint64_t> anchors) {
  return Buffer::copy_of(std::as_bytes(anchors));
}

std::span<const uint64_t> as_anchors(const Buffer& buffer) {
  return {reinterpret_cast<const uint64_t*>(buffer.data()), buffer.size() / 8};
}

// [i]: a run covers it.
std::vector<bool> covered_by(std::span<const MatchRun> runs, size_t count) {
  std::vector<bool> out(count);
  for (const MatchRun& run : runs) std::fill_n(out.begin() + run.pos, run.len, true);
  return out;
}

// [i]: the version has a value of the field at `anchors[i]`.
Result<std::vector<bool>> find_values(const RowReader& reader, const Field& field,
                                      const Buffer& anchors) {
  const size_t count = anchors.size() / 8;
  DREAMDB_ASSIGN(const RowPlan plan, reader.plan(anchors, {{&field}}));
  std::vector<bool> out(count);
  if (is_scalar(field.type)) {
    DREAMDB_ASSIGN(const Batch rows, reader.fetch(plan));
    for (size_t i = 0; i < count; ++i) out[i] = rows.columns[0].is_valid(i);
    return out;
  }
  for (const TrackMatch& track : plan.tracks)
    for (const SegmentMatch& match : track.segments)
      for (const MatchRun& run : match.runs) std::fill_n(out.begin() + run.pos, run.len, true);
  return out;
}

bool meets(const Entry& entry, std::span<const std::pair<uint64_t, uint64_t>> ranges) {
  return std::ranges::any_of(ranges, [&](const auto& range) {
    return range.first <= entry.last && entry.first <= range.second;
  });
}

}  // namespace

Deletion::Deletion(Dataset::Impl& dataset, std::vector<const Field*> fields,
                   const DeleteOptions& options)
    : dataset_(dataset),
      objects_(dataset.objects()),
      fields_(std::move(fields)),
      options_(options),
      session_(objects_.store(), dataset.space().runtime(), dataset.space().writer()),
      base_(dataset.tip()) {}

Result<Deletion::Judgement> Deletion::judge(const ManifestPtr& manifest, const Field* field,
                                            std::span<const uint64_t> anchors) const {
  const RowReader reader(objects_, manifest);
  const Buffer wanted = bytes_of(anchors);
  DREAMDB_ASSIGN(const RowPlan plan, reader.plan(wanted, {}, true));
  DREAMDB_ASSIGN(const std::vector<bool> taken, find_taken(objects_, *manifest, anchors));
  std::vector<bool> standing = covered_by(plan.records, anchors.size());
  if (field != nullptr) {
    DREAMDB_ASSIGN(standing, find_values(reader, *field, wanted));
  }
  Judgement out;
  for (size_t i = 0; i < anchors.size(); ++i) {
    if (taken.empty() || !taken[i]) {
      out.missing.push_back(anchors[i]);
    } else if (standing[i]) {
      out.standing.push_back(anchors[i]);
    } else {
      ++out.unchanged;
    }
  }
  return out;
}

Status Deletion::add(std::span<const uint64_t> anchors) {
  while (!anchors.empty()) {
    DREAMDB_TRY(check_interrupt());
    const auto part = anchors.first(std::min<size_t>(anchors.size(), kScalarRowsMax));
    anchors = anchors.subspan(part.size());
    for (const Field* field : fields_) {
      DREAMDB_ASSIGN(const Judgement judged, judge(base_.manifest, field, part));
      if (!judged.missing.empty() && !options_.skip_missing) return no_records(judged.missing);
      if (field == fields_.front()) report_.missing += judged.missing.size();
      report_.unchanged += judged.unchanged;
      DREAMDB_TRY(add_piece(field, judged.standing));
    }
  }
  return {};
}

Status Deletion::add_piece(const Field* field, std::span<const uint64_t> anchors) {
  if (anchors.empty()) return {};
  DREAMDB_ASSIGN(BuiltSegment built,
                 build_scalar_segment(dataset_.space().writer().nonce, anchors, {}));
  built.entry.records = built.entry.rows;
  unput_bytes_ += built.object.size();
  unput_.push_back({segment_key(built.entry.child), std::move(built.object)});
  pieces_.push_back({id_of(field), std::move(built.entry), bytes_of(anchors)});
  return unput_bytes_ < kHeldBytesMax ? Status() : put_pieces();
}

Status Deletion::put_pieces() {
  session_.before_upload(base_);
  DREAMDB_TRY(objects_.put(unput_));
  unput_.clear();
  unput_bytes_ = 0;
  for (Piece& piece : pieces_) piece.anchors = {};
  return {};
}

Result<std::vector<std::pair<uint64_t, uint64_t>>> Deletion::changed_ranges(const Manifest& moved,
                                                                            FieldId field) {
  std::vector<std::pair<uint64_t, uint64_t>> out;
  const auto compare = [&](const Root* before, const Root* now, auto side) -> Status {
    PageMap pages;
    DREAMDB_ASSIGN(const TreeDiff diff, with_pages(objects_, pages, [&](const PageMap& have) {
                     return diff_trees(before, now, have);
                   }));
    for (const EntryPtr& entry : diff.*side) out.emplace_back(entry->first, entry->last);
    return {};
  };
  const Manifest& base = *base_.manifest;
  for (const FieldId id : {kRecordTrack, field}) {
    DREAMDB_TRY(compare(base.find_track(id), moved.find_track(id), &TreeDiff::left_only));
    DREAMDB_TRY(
        compare(base.find_tombstones(id), moved.find_tombstones(id), &TreeDiff::right_only));
    if (field == kRecordTrack) break;
  }
  return out;
}

Result<bool> Deletion::rebase(const Tip& moved, Change& change) {
  DREAMDB_TRY(session_.may_publish());
  std::vector<Piece> before = std::move(pieces_);
  pieces_.clear();
  unput_ = std::move(change.objects);
  unput_bytes_ = 0;
  for (const Field* field : fields_) {
    DREAMDB_ASSIGN(const auto ranges, changed_ranges(*moved.manifest, id_of(field)));
    for (Piece& piece : before) {
      if (piece.field != id_of(field)) continue;
      if (!meets(piece.entry, ranges)) {
        pieces_.push_back(std::move(piece));
        continue;
      }
      DREAMDB_TRY(check_interrupt());
      Buffer anchors = piece.anchors;
      if (anchors.empty()) {
        DREAMDB_ASSIGN(anchors, anchors_of(objects_, std::make_shared<const Entry>(piece.entry)));
      }
      DREAMDB_ASSIGN(const Judgement judged, judge(moved.manifest, field, as_anchors(anchors)));
      if (!judged.missing.empty() && !options_.skip_missing) return no_records(judged.missing);
      report_.missing += judged.missing.size();
      report_.unchanged += judged.unchanged;
      if (judged.standing.size() == piece.entry.rows) {
        pieces_.push_back(std::move(piece));
      } else {
        DREAMDB_TRY(add_piece(field, judged.standing));
      }
    }
  }
  base_ = moved;
  change.objects = std::move(unput_);
  unput_.clear();
  fill_change(change);
  return !pieces_.empty();
}

void Deletion::fill_change(Change& change) const {
  change.tombstones.clear();
  for (const Piece& piece : pieces_) change.tombstones[piece.field].push_back(piece.entry);
}

Result<DeleteReport> Deletion::commit() {
  Change change;
  change.operation = "delete";
  change.objects = std::move(unput_);
  if (!options_.reason.empty())
    change.edit = [this](Manifest& manifest) -> Status {
      manifest.writer += ";reason=" + options_.reason;
      return {};
    };
  fill_change(change);
  if (!pieces_.empty()) {
    DREAMDB_TRY(session_.may_publish());
    DREAMDB_TRY(dataset_.commit(std::move(change), [this](const Tip& moved, Change& again) {
      return rebase(moved, again);
    }));
  }
  session_.settle();
  if (pieces_.empty()) DREAMDB_TRY(dataset_.make_durable());
  for (const Piece& piece : pieces_) report_.deleted += piece.entry.rows;
  report_.manifest = dataset_.tip().address().text();
  return std::move(report_);
}

namespace {

// What the options say is deleted; {nullptr}: whole records.
Result<std::vector<const Field*>> fields_to_delete(const Schema& schema,
                                                   const DeleteOptions& options) {
  if (options.reason.size() > kReasonBytesMax || !is_utf8(options.reason) ||
      has_control_character(options.reason))
    return fail(Code::kInvalidArgument, "a reason is text of at most " +
                                            std::to_string(kReasonBytesMax) +
                                            " bytes without control characters");
  if (!options.fields) return std::vector<const Field*>{nullptr};
  if (options.fields->empty())
    return fail(Code::kInvalidArgument,
                "no fields are named; leave them out to delete whole records");
  DREAMDB_ASSIGN(auto fields, choose_fields(schema, options.fields));
  for (const Field* field : fields)
    if (field->required)
      return fail(Code::kInvalidArgument, "field `" + field->name +
                                              "` is required, so no record goes without its "
                                              "value; delete the records");
  return fields;
}

}  // namespace

Result<DeleteReport> Dataset::delete_records(std::span<const uint64_t> anchors,
                                             const DeleteOptions& options) {
  DREAMDB_TRY(impl_->check_writable());
  const std::lock_guard lock(impl_->write_mutex());
  DREAMDB_ASSIGN(auto fields, fields_to_delete(schema(), options));
  std::vector<uint64_t> sorted(anchors.begin(), anchors.end());
  std::ranges::sort(sorted);
  sorted.erase(std::ranges::unique(sorted).begin(), sorted.end());
  Deletion deletion(*impl_, std::move(fields), options);
  DREAMDB_TRY(deletion.add(sorted));
  return deletion.commit();
}

Result<DeleteReport> Dataset::delete_where(const Where& where, const DeleteOptions& options) {
  DREAMDB_TRY(impl_->check_writable());
  const std::lock_guard lock(impl_->write_mutex());
  DREAMDB_ASSIGN(auto fields, fields_to_delete(schema(), options));
  ReadOptions read;
  read.fields.emplace();
  read.where = where;
  read.batch_rows = kScanBatchRows;
  DREAMDB_ASSIGN(BatchStream matches, stream(read));
  Deletion deletion(*impl_, std::move(fields), options);
  std::vector<uint64_t> held;
  for (;;) {
    DREAMDB_ASSIGN(const std::optional<Batch> batch, matches.next());
    if (batch) held.insert(held.end(), batch->anchors(), batch->anchors() + batch->rows());
    if (batch && held.size() < kScalarRowsMax) continue;
    const size_t part = batch ? kScalarRowsMax : held.size();
    DREAMDB_TRY(deletion.add(std::span(held).first(part)));
    held.erase(held.begin(), held.begin() + static_cast<ptrdiff_t>(part));
    if (!batch) return deletion.commit();
  }
}

}  // namespace dreamdb
