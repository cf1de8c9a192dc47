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

// Few enough to be held, and enough for a run to be worth its while.
uint64_t run_entries_of(const CompactOptions& options) {
  return std::max<uint64_t>(options.entries_at_once, 64);
}

TrackRules rules_of(const Field* field, const CompactOptions& options) {
  TrackRules rules;
  rules.bytes_max = options.segment_bytes;
  rules.rows_max = options.segment_rows;
  rules.run_entries = run_entries_of(options);
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

}  // namespace

// The parts of one tree.
class TreeParts {
 public:
  virtual ~TreeParts() = default;
  virtual Result<std::optional<PlannedPart>> next() = 0;
};

namespace {

uint64_t bytes_of(std::span<const EntryPtr> entries) {
  uint64_t bytes = 0;
  for (const EntryPtr& entry : entries) bytes += entry->bytes;
  return bytes;
}

// At most `count` entries of a walk; fewer only at its end.
Result<std::vector<EntryPtr>> next_entries(Objects& objects, TreeCursor& cursor, size_t count) {
  std::vector<EntryPtr> out;
  while (out.size() < count) {
    DREAMDB_TRY(check_interrupt());
    DREAMDB_ASSIGN(EntryPtr entry, next_entry(objects, cursor));
    if (entry == nullptr) break;
    out.push_back(std::move(entry));
  }
  return out;
}

// Of a track, in the order of its tree.
class TrackTreeParts final : public TreeParts {
 public:
  TrackTreeParts(Objects& objects, const Manifest& version, const CompactOptions& options,
                 const Root& root)
      : objects_(objects),
        version_(version),
        root_(root),
        is_purge_(options.purge),
        at_once_(options.purge && !options.dry_run ? SIZE_MAX : options.entries_at_once),
        tree_{root.field,
              {},
              root.segments,
              rules_of(root.field == kRecordTrack ? nullptr : version.schema.find(root.field),
                       options)},
        cursor_(root, 0, UINT64_MAX),
        plan_(
            tree_.rules,
            {[this](const Entry& entry) { return dead_.contains(entry.child); },
             [this](const Entry& entry) { return covered_.contains(key_of(entry)); }},
            [this](const EntryPtr& a, const EntryPtr& b) -> Result<bool> {
              DREAMDB_TRY(check_interrupt());
              return share_anchor(objects_, a, b);
            },
            [this](uint64_t first, uint64_t last, const auto& visit) {
              return visit_near(first, last, visit);
            }) {}

  Result<std::optional<PlannedPart>> next() override {
    if (is_ended_) return std::nullopt;
    DREAMDB_ASSIGN(const auto entries, next_entries(objects_, cursor_, at_once_));
    is_ended_ = entries.size() < at_once_;
    DREAMDB_TRY(find_covered(entries));
    if (is_purge_) {
      DREAMDB_ASSIGN(dead_, segments_with_dead_rows(objects_, version_, root_.field, entries));
    }
    PlannedPart part{tree_, {}, bytes_of(entries)};
    DREAMDB_ASSIGN(part.pieces, plan_.add(entries, is_ended_));
    return part;
  }

 private:
  Status visit_near(uint64_t first, uint64_t last,
                    const std::function<Status(const EntryPtr&)>& visit) {
    TreeCursor cursor(root_, first, last);
    for (;;) {
      DREAMDB_ASSIGN(const EntryPtr entry, next_entry(objects_, cursor));
      if (entry == nullptr) return {};
      DREAMDB_TRY(visit(entry));
    }
  }

  // Those of the entries whose rows all have codes.
  Status find_covered(std::span<const EntryPtr> entries) {
    covered_.clear();
    const FieldIndex* const index = version_.find_index(root_.field);
    if (index == nullptr || !index->covered || *index->covered == root_ || entries.empty())
      return {};
    std::set<EntryKey> asked;
    uint64_t last = 0;
    for (const EntryPtr& entry : entries) {
      asked.insert(key_of(*entry));
      last = std::max(last, entry->last);
    }
    TreeCursor cursor(*index->covered, entries[0]->first, last);
    for (;;) {
      DREAMDB_ASSIGN(const EntryPtr entry, next_entry(objects_, cursor));
      if (entry == nullptr) return {};
      if (asked.contains(key_of(*entry))) covered_.insert(key_of(*entry));
    }
  }

  Objects& objects_;
  const Manifest& version_;
  const Root& root_;
  const bool is_purge_;
  const size_t at_once_;
  const CompactedTree tree_;
  TreeCursor cursor_;
  std::set<Address> dead_;  // of the entries that are being added
  std::set<EntryKey> covered_;
  PiecePlan plan_;
  bool is_ended_ = false;
};

// Of an index's codes: small ones by age; all of them where a cell is in many all the same.
class CodeTreeParts final : public TreeParts {
 public:
  CodeTreeParts(Objects& objects, const Manifest& version, const CompactOptions& options,
                const FieldIndex& index)
      : objects_(objects),
        version_(version),
        index_(index),
        is_purge_(options.purge),
        at_once_(options.entries_at_once),
        tree_{index.field,
              index.spatial,
              index.codes->segments,
              {.bytes_max = options.segment_bytes,
               .rows_max = kSegmentRowsMax,
               .run_entries = run_entries_of(options),
               .is_by_seq = true}},
        plan_(tree_.rules, {[this](const Entry& entry) { return dead_.contains(entry.child); }, {}},
              {}, {}) {}

  Result<std::optional<PlannedPart>> next() override {
    if (is_ended_) return std::nullopt;
    DREAMDB_ASSIGN(const auto entries, next_by_age());
    const bool is_all = entries.size() == index_.codes->segments;
    is_ended_ = is_all || entries.size() < at_once_;
    if (is_purge_) {
      DREAMDB_ASSIGN(dead_, code_segments_with_dead_rows(objects_, version_, index_, entries));
    }
    PlannedPart part{tree_, {}, bytes_of(entries)};
    DREAMDB_ASSIGN(part.pieces, plan_.add(entries, is_ended_));
    if (is_all && entries.size() > 1 && ranges_left(entries, part.pieces) > kRangesMax)
      part.pieces = {whole_piece(entries, tree_.rules)};
    return part;
  }

 private:
  using Age = std::pair<uint64_t, Address>;  // unique

  static Age age_of(const EntryPtr& entry) { return {entry->seq, entry->child}; }

  // The oldest of those that are younger than the last ones: each time a walk through the tree.
  Result<std::vector<EntryPtr>> next_by_age() {
    const auto is_older = [](const EntryPtr& a, const EntryPtr& b) {
      return age_of(a) < age_of(b);
    };
    std::vector<EntryPtr> oldest;  // a heap with the youngest on top
    TreeCursor cursor(*index_.codes, 0, UINT64_MAX);
    for (;;) {
      DREAMDB_TRY(check_interrupt());
      DREAMDB_ASSIGN(EntryPtr entry, next_entry(objects_, cursor));
      if (entry == nullptr) break;
      if (last_age_ && age_of(entry) <= *last_age_) continue;
      if (oldest.size() == at_once_ && !is_older(entry, oldest.front())) continue;
      oldest.push_back(std::move(entry));
      std::ranges::push_heap(oldest, is_older);
      if (oldest.size() <= at_once_) continue;
      std::ranges::pop_heap(oldest, is_older);
      oldest.pop_back();
    }
    std::ranges::sort_heap(oldest, is_older);
    if (!oldest.empty()) last_age_ = age_of(oldest.back());
    return oldest;
  }

  // Of one cell, once the pieces are carried out.
  size_t ranges_left(std::span<const EntryPtr> entries,
                     std::span<const CompactPiece> pieces) const {
    std::set<EntryKey> gone;
    for (const CompactPiece& piece : pieces)
      for (const EntryPtr& entry : piece.inputs) gone.insert(key_of(*entry));
    std::vector<EntryPtr> left;
    for (const EntryPtr& entry : entries)
      if (!gone.contains(key_of(*entry))) left.push_back(entry);
    return ranges_of_a_cell(left, index_.field) + pieces.size();
  }

  Objects& objects_;
  const Manifest& version_;
  const FieldIndex& index_;
  const bool is_purge_;
  const size_t at_once_;
  const CompactedTree tree_;
  std::set<Address> dead_;  // of the entries that are being added
  PiecePlan plan_;
  std::optional<Age> last_age_;
  bool is_ended_ = false;
};

std::vector<const FieldIndex*> indexes_with_codes(const Manifest& version) {
  std::vector<const FieldIndex*> out;
  for (const FieldIndex& index : version.indexes)
    if (index.codes) out.push_back(&index);
  return out;
}

// Records are purged in one commit, by one worker: tombstones count those that still stand.
void keep_share(PlannedPart& part, const CompactOptions& options) {
  if (!options.shard) return;
  const bool is_undivided = options.purge && !part.tree.spatial && part.tree.field == kRecordTrack;
  std::erase_if(part.pieces, [&](const CompactPiece& piece) {
    return is_undivided ? options.shard->index > 0
                        : !is_of_shard(piece.inputs[0]->child, *options.shard);
  });
}

}  // namespace

CompactPlanner::CompactPlanner(Objects& objects, const Manifest& version,
                               const CompactOptions& options)
    : objects_(objects), version_(version), options_(options) {}

CompactPlanner::~CompactPlanner() = default;

Result<std::optional<PlannedPart>> CompactPlanner::next() {
  for (;;) {
    if (parts_ == nullptr) {
      parts_ = begin(begun_++);
      if (parts_ == nullptr) return std::nullopt;
    }
    DREAMDB_ASSIGN(auto part, parts_->next());
    if (part) {
      keep_share(*part, options_);
      return part;
    }
    parts_.reset();
  }
}

// nullptr: there are no more. The record track comes last: what tombstones count is there until all
// else is purged.
std::unique_ptr<TreeParts> CompactPlanner::begin(size_t tree) {
  const auto indexes = indexes_with_codes(version_);
  if (tree < indexes.size())
    return std::make_unique<CodeTreeParts>(objects_, version_, options_, *indexes[tree]);
  const size_t behind = tree - indexes.size();
  if (behind >= version_.tracks.size()) return nullptr;
  const Root& root = version_.tracks[version_.tracks.size() - 1 - behind];
  return std::make_unique<TrackTreeParts>(objects_, version_, options_, root);
}

uint64_t CompactPlanner::bytes() const {
  uint64_t bytes = 0;
  for (const FieldIndex* index : indexes_with_codes(version_)) bytes += index->codes->bytes;
  for (const Root& root : version_.tracks) bytes += root.bytes;
  return bytes;
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
