#include "upkeep/compact_tracks.h"

#include <algorithm>
#include <set>

#include "dreamdb/interrupt.h"
#include "format/segment_runs.h"
#include "format/shard.h"
#include "track/locate.h"
#include "track/row_reader.h"
#include "upkeep/dead_rows.h"

namespace dreamdb {

namespace {

// Ranges of one cell that a search may meet before all codes of an index are sorted anew.
constexpr size_t kRangesMax = 8;

using EntryKey = std::pair<Address, uint64_t>;

EntryKey key_of(const Entry& entry) { return {entry.child, entry.seq}; }

std::span<const uint64_t> as_anchors(const Buffer& buffer) {
  return {reinterpret_cast<const uint64_t*>(buffer.data()), buffer.size() / sizeof(uint64_t)};
}

TrackRules rules_of(const Field* field, const CompactOptions& options) {
  TrackRules rules;
  rules.bytes_max = options.segment_bytes;
  rules.rows_max = options.segment_rows;
  if (field == nullptr) {
    rules.has_layers = true;
  } else if (is_blob(field->type)) {
    rules.rows_max = std::min(rules.rows_max, kBlobRowsMax);
  } else {
    rules.rows_max = kSegmentRowsMax;
  }
  return rules;
}

// At most how many segments have codes of one cell.
size_t ranges_of_a_cell(std::span<const EntryPtr> entries, FieldId field) {
  std::vector<std::pair<int64_t, int>> edges;
  for (const EntryPtr& entry : entries) {
    const auto cells = entry->stats.find(field);
    if (cells == entry->stats.end()) continue;
    edges.emplace_back(std::get<int64_t>(cells->second.min), 1);
    edges.emplace_back(std::get<int64_t>(cells->second.max) + 1, -1);
  }
  std::ranges::sort(edges);
  int open = 0, most = 0;
  for (const auto& [cell, step] : edges) most = std::max(most, open += step);
  return static_cast<size_t>(most);
}

class VersionPlan {
 public:
  VersionPlan(Objects& objects, const Manifest& version, const CompactOptions& options)
      : objects_(objects), version_(version), options_(options) {}

  Result<CompactPlan> run() {
    for (const FieldIndex& index : version_.indexes)
      if (index.codes) DREAMDB_TRY(plan_codes(index));
    // The record track last: what tombstones count is there until all else is purged.
    for (auto root = version_.tracks.rbegin(); root != version_.tracks.rend(); ++root)
      DREAMDB_TRY(plan_track(*root));
    return std::move(out_);
  }

 private:
  Result<std::vector<EntryPtr>> entries_of(const Root& root) {
    return list_entries(objects_, TreeCursor(root, 0, UINT64_MAX));
  }

  Status plan_track(const Root& root) {
    const Field* const field =
        root.field == kRecordTrack ? nullptr : version_.schema.find(root.field);
    DREAMDB_ASSIGN(const auto entries, entries_of(root));
    std::set<EntryKey> covered;
    const FieldIndex* const index = version_.find_index(root.field);
    if (index != nullptr && index->covered && *index->covered != root) {
      DREAMDB_ASSIGN(const auto held, entries_of(*index->covered));
      for (const EntryPtr& entry : held) covered.insert(key_of(*entry));
    }
    std::set<Address> dead;
    if (options_.purge) {
      DREAMDB_ASSIGN(dead, segments_with_dead_rows(objects_, version_, root.field, entries));
    }
    const EntryTraits traits{
        [&](const Entry& entry) { return dead.contains(entry.child); },
        [&](const Entry& entry) { return covered.contains(key_of(entry)); },
    };
    const auto shares = [&](const EntryPtr& a, const EntryPtr& b) -> Result<bool> {
      DREAMDB_TRY(check_interrupt());
      return share_anchor(objects_, a, b);
    };
    const TrackRules rules = rules_of(field, options_);
    DREAMDB_ASSIGN(auto pieces, plan_pieces(entries, rules, traits, shares));
    add(root, {}, rules, std::move(pieces));
    return {};
  }

  // Small ones by age; all of them where a cell is in many all the same.
  Status plan_codes(const FieldIndex& index) {
    DREAMDB_ASSIGN(auto entries, entries_of(*index.codes));
    std::ranges::stable_sort(entries, {}, [](const EntryPtr& entry) { return entry->seq; });
    std::set<Address> dead;
    if (options_.purge) {
      DREAMDB_ASSIGN(dead, code_segments_with_dead_rows(objects_, version_, index, entries));
    }
    const EntryTraits traits{[&](const Entry& entry) { return dead.contains(entry.child); }, {}};
    TrackRules rules;
    rules.bytes_max = options_.segment_bytes;
    rules.rows_max = kSegmentRowsMax;
    rules.is_by_seq = true;
    DREAMDB_ASSIGN(auto pieces, plan_pieces(entries, rules, traits, {}));
    if (entries.size() > 1 && ranges_left(entries, pieces, index.field) > kRangesMax)
      pieces = {whole_piece(entries, rules)};
    add(*index.codes, index.spatial, rules, std::move(pieces));
    return {};
  }

  // Of one cell, once the pieces are carried out.
  static size_t ranges_left(std::span<const EntryPtr> entries, std::span<const CompactPiece> pieces,
                            FieldId field) {
    std::set<EntryKey> gone;
    for (const CompactPiece& piece : pieces)
      for (const EntryPtr& entry : piece.inputs) gone.insert(key_of(*entry));
    std::vector<EntryPtr> left;
    for (const EntryPtr& entry : entries)
      if (!gone.contains(key_of(*entry))) left.push_back(entry);
    return ranges_of_a_cell(left, field) + pieces.size();
  }

  void add(const Root& root, const std::optional<Address>& spatial, const TrackRules& rules,
           std::vector<CompactPiece> pieces) {
    // Records are purged in one commit, by one worker: tombstones count those that still stand.
    const bool is_undivided = options_.purge && root.field == kRecordTrack;
    if (options_.shard)
      std::erase_if(pieces, [&](const CompactPiece& piece) {
        return is_undivided ? options_.shard->index > 0
                            : !is_of_shard(piece.inputs[0]->child, *options_.shard);
      });
    if (pieces.empty()) return;
    CompactedTrack track;
    track.name = root.field == kRecordTrack ? "(records)" : version_.schema.find(root.field)->name;
    track.is_codes = spatial.has_value();
    track.segments = root.segments;
    for (CompactPiece& piece : pieces) {
      track.segments_read += piece.inputs.size();
      track.segments_written += piece.segments;
      track.bytes_read += piece.bytes;
      track.bytes_written += piece.bytes;
      track.rows_read += piece.rows;
      track.rows_written += piece.rows;
      out_.track_of.push_back(out_.tracks.size());
      out_.pieces.push_back({root.field, spatial, rules, std::move(piece)});
    }
    out_.tracks.push_back(std::move(track));
  }

  Objects& objects_;
  const Manifest& version_;
  const CompactOptions& options_;
  CompactPlan out_;
};

}  // namespace

Result<CompactPlan> plan_compaction(Objects& objects, const Manifest& version,
                                    const CompactOptions& options) {
  return VersionPlan(objects, version, options).run();
}

Result<bool> share_anchor(Objects& objects, const EntryPtr& a, const EntryPtr& b) {
  if (is_apart(*a, *b)) return false;
  DREAMDB_ASSIGN(const Buffer left, anchors_of(objects, a));
  DREAMDB_ASSIGN(const Buffer right, anchors_of(objects, b));
  const auto ours = as_anchors(left), theirs = as_anchors(right);
  for (size_t i = 0, j = 0; i < ours.size() && j < theirs.size();) {
    if (ours[i] == theirs[j]) return true;
    ours[i] < theirs[j] ? ++i : ++j;
  }
  return false;
}

}  // namespace dreamdb
