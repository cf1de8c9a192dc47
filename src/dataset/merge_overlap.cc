#include "dataset/merge_overlap.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>

#include "codec/address.h"
#include "runtime/interrupt.h"
#include "store/key.h"
#include "track/columns.h"
#include "track/row_reader.h"
#include "track/tombstones.h"

namespace dreamdb {

namespace {

constexpr uint64_t kCompareBytes = 16ull << 20;  // of one side, in memory
constexpr size_t kCompareRows = 4096;
constexpr size_t kValueTextBytes = 64;

std::span<const uint64_t> as_anchors(const Buffer& buffer) {
  return {reinterpret_cast<const uint64_t*>(buffer.data()), buffer.size() / 8};
}

bool has_values(const Entry& entry, FieldId column) {
  const auto it = entry.stats.find(column);
  return it != entry.stats.end() && it->second.present > 0;
}

std::string value_text(const Column& column, size_t row) {
  std::span<const std::byte> bytes;
  switch (column.type) {
    case FieldType::kBool: return column.as<uint8_t>()[row] != 0 ? "true" : "false";
    case FieldType::kInt:
    case FieldType::kTimestamp: return std::to_string(column.as<int64_t>()[row]);
    case FieldType::kFloat: {
      std::array<char, 32> text{};
      std::snprintf(text.data(), text.size(), "%.17g", column.as<double>()[row]);
      return text.data();
    }
    case FieldType::kString:
    case FieldType::kCategorical: {
      const std::string_view text = column.text(row);
      if (text.size() <= kValueTextBytes) return printable(text);
      bytes = std::as_bytes(std::span(text));
      break;
    }
    case FieldType::kEmbedding:
    case FieldType::kArray: {
      const uint64_t size = value_bytes(column);
      bytes = column.values.span().subspan(row * size, size);
      break;
    }
    default: bytes = column.blobs[row].span();
  }
  return std::to_string(bytes.size()) + " bytes, blake3 " + Address::of(bytes).text().substr(0, 12);
}

}  // namespace

OverlapFinder::OverlapFinder(Objects& objects, const OverlapSides& sides, FieldId track,
                             const TreeDiff& diff, const std::function<Status()>& before_reading,
                             size_t conflicts_max, MergeReport& report)
    : objects_(objects),
      sides_(sides),
      target_(sides.target),
      source_(sides.source),
      track_(track),
      diff_(diff),
      before_reading_(before_reading),
      conflicts_max_(conflicts_max),
      report_(report) {
  uint64_t last = 0;
  for (const EntryPtr& entry : diff.left_only) {
    last_up_to_.push_back(last = std::max(last, entry->last));
    new_here_.insert(entry->child);
  }
  // A segment that introduces its records on one side alone is there on both.
  for (const EntryPtr& entry : diff.right_only)
    if (new_here_.erase(entry->child) == 0) new_there_.insert(entry->child);
}

Result<Overlap> OverlapFinder::find(const EntryPtr& entry) {
  // The target's ascend by their first anchor.
  std::vector<EntryPtr> others;
  const auto from = std::ranges::lower_bound(last_up_to_, entry->first);
  for (auto i = static_cast<size_t>(from - last_up_to_.begin()); i < last_up_to_.size(); ++i) {
    const EntryPtr& other = diff_.left_only[i];
    if (other->first > entry->last) break;
    if (!is_apart(*entry, *other)) others.push_back(other);
  }
  if (others.empty()) return Overlap{};
  DREAMDB_TRY(check_interrupt());
  DREAMDB_TRY(before_reading_());
  Overlap out;
  DREAMDB_ASSIGN(out.anchors, anchors_of(objects_, entry));
  DREAMDB_ASSIGN(const auto matches, match_entries(objects_, others, as_anchors(out.anchors),
                                                   [](const Entry&) { return false; }));
  if (matches.empty()) return Overlap{};
  examined_ = entry->child;
  out.is_record.resize(entry->rows);
  std::map<FieldId, std::vector<bool>> met;
  const auto mark = [&](std::vector<bool>& rows, const SegmentMatch& match) {
    rows.resize(entry->rows);
    for (const MatchRun& run : match.runs) std::fill_n(rows.begin() + run.pos, run.len, true);
  };
  for (const SegmentMatch& match : matches) {
    out.is_as_new = out.is_as_new || match.entry->seq == entry->seq;
    if (track_ != kRecordTrack) {
      mark(met[track_], match);
      continue;
    }
    if (entry->records > 0 && match.entry->records > 0) mark(out.is_record, match);
    for (const Field& field : source_.manifest->schema.fields())
      if (has_values(*entry, field.id) && has_values(*match.entry, field.id))
        mark(met[field.id], match);
  }
  for (const auto& [field, marks] : met) {
    std::vector<uint32_t> rows;
    for (uint32_t row = 0; row < marks.size(); ++row)
      if (marks[row]) rows.push_back(row);
    std::vector<bool> same(entry->rows), superseded(entry->rows);
    DREAMDB_TRY(compare(*source_.manifest->schema.find(field), out, rows, same, superseded));
    DREAMDB_TRY(mark_deleted(field, out, rows, same));
    out.same.emplace(field, std::move(same));
    out.superseded.emplace(field, std::move(superseded));
  }
  return out;
}

Status OverlapFinder::mark_deleted(FieldId field, const Overlap& overlap,
                                   std::span<const uint32_t> rows, std::vector<bool>& same) {
  for (const VersionPoint* version : {&target_, &source_}) {
    DREAMDB_ASSIGN(const auto deleted,
                   find_deleted(objects_, tombstones_of(*version->manifest, field),
                                as_anchors(overlap.anchors)));
    for (const uint32_t row : rows)
      if (!deleted.empty() && deleted[row]) same[row] = true;
  }
  return {};
}

Status OverlapFinder::compare(const Field& field, const Overlap& overlap,
                              std::span<const uint32_t> rows, std::vector<bool>& same,
                              std::vector<bool>& superseded) {
  const Field* const in_target = target_.manifest->schema.find(field.id);
  const Field* const in_source = &field;
  const RowReader ours(objects_, target_.manifest), theirs(objects_, source_.manifest);
  size_t count = kCompareRows;
  while (!rows.empty()) {
    DREAMDB_TRY(check_interrupt());
    count = std::min(count, rows.size());
    const Buffer anchors = pick_rows(Batch{overlap.anchors, {}}, rows.first(count)).anchors_bytes;
    DREAMDB_ASSIGN(const RowPlan left, ours.plan(anchors, {&in_target, 1}));
    DREAMDB_ASSIGN(const RowPlan right, theirs.plan(anchors, {&in_source, 1}));
    if (count > 1 && std::max(left.bytes, right.bytes) > kCompareBytes) {
      count /= 2;
      continue;
    }
    DREAMDB_ASSIGN(const Batch left_rows, ours.fetch(left));
    DREAMDB_ASSIGN(const Batch right_rows, theirs.fetch(right));
    DREAMDB_TRY(judge(field, left_rows, right_rows, rows.first(count), same, superseded));
    rows = rows.subspan(count);
  }
  return {};
}

// Values differ rightly where one side's is older than what both have: the other has changed it.
Status OverlapFinder::judge(const Field& field, const Batch& ours, const Batch& theirs,
                            std::span<const uint32_t> rows, std::vector<bool>& same,
                            std::vector<bool>& superseded) {
  const Column& left = ours.columns[0];
  const Column& right = theirs.columns[0];
  std::vector<uint32_t> different;
  for (uint32_t i = 0; i < rows.size(); ++i) {
    if (!left.is_valid(i) || !right.is_valid(i)) continue;
    if (equal_values(left, i, right, i))
      same[rows[i]] = true;
    else
      different.push_back(i);
  }
  if (different.empty() || report_.more_conflicts) return {};
  const Buffer anchors = pick_rows(Batch{ours.anchors_bytes, {}}, different).anchors_bytes;
  DREAMDB_ASSIGN(const std::vector<EntryPtr> here, newest(target_, field, anchors));
  DREAMDB_ASSIGN(const std::vector<EntryPtr> there, newest(source_, field, anchors));
  for (size_t k = 0; k < different.size() && !report_.more_conflicts; ++k) {
    const uint32_t i = different[k];
    const uint64_t anchor = ours.anchors()[i];
    DREAMDB_ASSIGN(const Stays stays, settle({field, anchor, left, right, i, here[k], there[k]}));
    const bool is_elsewhere = there[k] != nullptr && there[k]->child != examined_;
    superseded[rows[i]] = stays == Stays::kTarget || stays == Stays::kRestated || is_elsewhere;
    if (stays != Stays::kConflict || !told_.emplace(field.id, anchor).second) continue;
    if (report_.conflicts.size() == conflicts_max_) {
      report_.more_conflicts = true;
      continue;
    }
    report_.conflicts.push_back(
        {anchor, field.name, value_text(left, i), value_text(right, i), source_.address.text()});
  }
  return {};
}

Result<OverlapFinder::Stays> OverlapFinder::settle(const Difference& of) {
  const EntryPtr &here = of.here, &there = of.there;
  if (here == nullptr || there == nullptr) return Stays::kTarget;
  bool is_new_here = new_here_.contains(here->child);
  bool is_new_there = new_there_.contains(there->child);
  if (is_new_here && is_new_there) DREAMDB_TRY(ask_bases(of, is_new_here, is_new_there));
  if (is_new_here == is_new_there) return is_new_here ? Stays::kConflict : Stays::kTarget;
  const EntryPtr& winner = is_new_here ? here : there;
  const EntryPtr& loser = is_new_here ? there : here;
  if (winner->seq > loser->seq) return is_new_here ? Stays::kTarget : Stays::kSource;
  if (loser->seq >= sides_.generation)
    return fail(Code::kConflict, "field `" + of.field.name + "`, anchor " +
                                     std::to_string(of.anchor) +
                                     ": several of the sources have replaced the segments of this "
                                     "value; merge one source after the other");
  (is_new_here ? restated_here_ : restated_there_)[of.field.id].insert(of.anchor);
  return Stays::kRestated;
}

Status OverlapFinder::ask_bases(const Difference& of, bool& is_new_here, bool& is_new_there) const {
  bool is_old_here = false, is_old_there = false;
  DREAMDB_ASSIGN(const std::span<const VersionPoint> bases, sides_.bases());
  for (const VersionPoint& base : bases) {
    const Field* const field = base.manifest->schema.find(of.field.id);
    if (field == nullptr) continue;
    const Buffer anchor = Buffer::copy_of(std::as_bytes(std::span(&of.anchor, 1)));
    DREAMDB_ASSIGN(const Batch batch, RowReader(objects_, base.manifest).read(anchor, {&field, 1}));
    const Column& held = batch.columns[0];
    if (!held.is_valid(0)) continue;
    is_old_here = is_old_here || equal_values(held, 0, of.left, of.row);
    is_old_there = is_old_there || equal_values(held, 0, of.right, of.row);
  }
  if (is_old_here == is_old_there) return {};
  is_new_here = !is_old_here;
  is_new_there = !is_old_there;
  return {};
}

Result<std::vector<EntryPtr>> OverlapFinder::newest(const VersionPoint& version, const Field& field,
                                                    const Buffer& anchors) const {
  const RowReader reader(objects_, version.manifest);
  const Field* const one = version.manifest->schema.find(field.id);
  DREAMDB_ASSIGN(const RowPlan plan, reader.plan(anchors, {&one, 1}));
  std::vector<EntryPtr> out(anchors.size() / 8);
  // What is left of a scalar of which values are deleted is a track behind that of records.
  const std::vector<SegmentMatch>& segments = plan.tracks.back().segments;
  RowPlan alone = plan;
  for (size_t i = segments.size(); i-- > 0;) {  // the newest first
    const SegmentMatch& match = segments[i];
    std::optional<Batch> read;
    if (is_scalar(field.type)) {
      const ScalarColumn* const column = match.segment->segment.find_column(field.id);
      if (column == nullptr) continue;
      if (column->valid) {
        alone.tracks.back().segments = {match};
        DREAMDB_ASSIGN(read, reader.fetch(alone));
      }
    }
    for (const MatchRun& run : match.runs)
      for (uint32_t pos = run.pos; pos < run.pos + run.len; ++pos)
        if (out[pos] == nullptr && (!read || read->columns[0].is_valid(pos)))
          out[pos] = match.entry;
  }
  return out;
}

}  // namespace dreamdb
