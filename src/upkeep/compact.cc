#include "upkeep/compact.h"

#include <algorithm>
#include <map>
#include <set>

#include "plan/tree_diff.h"
#include "runtime/interrupt.h"
#include "upkeep/code_merge.h"
#include "upkeep/compact_tracks.h"
#include "upkeep/dead_rows.h"
#include "version/edit.h"
#include "version/live_session.h"

namespace dreamdb {

namespace {

// Plans after the first one, for pieces that were given up.
constexpr int kRoundsMax = 4;

using EntryKey = std::pair<Address, uint64_t>;

EntryKey key_of(const Entry& entry) { return {entry.child, entry.seq}; }

// A piece that was written and waits for its commit.
struct Written {
  size_t piece = 0;  // in the plan
  std::vector<Entry> entries;
  bool fits = false;  // the version that is committed to
};

struct Range {
  uint64_t first = UINT64_MAX, last = 0;
};

Range range_of(std::span<const EntryPtr> entries) {
  Range range;
  for (const EntryPtr& entry : entries) {
    range.first = std::min(range.first, entry->first);
    range.last = std::max(range.last, entry->last);
  }
  return range;
}

// Edits by tree.
class EditList {
 public:
  TreeEdit& of(TreeKind tree, FieldId field) {
    TreeEdit& edit = edits_[{tree, field}];
    edit.tree = tree;
    edit.field = field;
    return edit;
  }
  std::vector<TreeEdit> take() {
    std::vector<TreeEdit> out;
    for (auto& [key, edit] : edits_) out.push_back(std::move(edit));
    return out;
  }

 private:
  std::map<std::pair<TreeKind, FieldId>, TreeEdit> edits_;
};

// One plan of a ref, carried out.
class Round {
 public:
  Round(const CompactTarget& target, const CompactOptions& options, CompactReport& report)
      : target_(target),
        objects_(target.objects),
        options_(options),
        version_(target.tip().manifest),
        nonce_(random_write_id(target.runtime)),
        session_(objects_.store(), target.runtime, {nonce_, target.program}),
        report_(report) {}

  // True: pieces were given up, and another round may do better.
  Result<bool> run() {
    DREAMDB_ASSIGN(plan_, plan_compaction(objects_, *version_, options_));
    if (options_.dry_run) {
      report_.tracks = plan_.tracks;
      return false;
    }
    for (const TrackPiece& piece : plan_.pieces) bytes_all_ += piece.piece.bytes;
    uint64_t waiting_bytes = 0;
    for (size_t i = 0; i < plan_.pieces.size(); ++i) {
      session_.before_upload(target_.tip());
      DREAMDB_TRY(write(i));
      waiting_bytes += plan_.pieces[i].piece.bytes;
      if (waiting_bytes < options_.commit_bytes || goes_with_next(i)) continue;
      DREAMDB_TRY(commit());
      waiting_bytes = 0;
    }
    DREAMDB_TRY(commit());
    return given_up_ > 0;
  }

 private:
  // What tombstones count stands in one track: it is purged in one commit.
  bool goes_with_next(size_t i) const {
    return options_.purge && i + 1 < plan_.pieces.size() && !plan_.pieces[i].spatial &&
           !plan_.pieces[i + 1].spatial && plan_.pieces[i].field == plan_.pieces[i + 1].field;
  }

  Status write(size_t i) {
    const TrackPiece& of = plan_.pieces[i];
    const RowsDone done = [&](uint64_t rows) -> Status {
      if (!options_.progress) return {};
      const uint64_t bytes = of.piece.bytes * std::min(rows, of.piece.rows) / of.piece.rows;
      if (options_.progress({"compact", bytes_done_ + bytes, bytes_all_})) return {};
      return fail(Code::kCancelled,
                  "the dataset was not compacted to the end: its caller ended it");
    };
    const Field* const field = of.field == kRecordTrack ? nullptr : version_->schema.find(of.field);
    DeadRows dead;
    if (options_.purge) {
      const Range range = range_of(of.piece.inputs);
      DREAMDB_ASSIGN(dead, dead_rows(objects_, *version_, of.field, range.first, range.last));
    }
    Written written{i, {}};
    if (of.spatial) {
      DREAMDB_ASSIGN(written.entries, merge_codes(objects_, *field, *of.spatial, of.piece, of.rules,
                                                  dead.all_of(of.field), nonce_, done));
    } else {
      DREAMDB_ASSIGN(written.entries,
                     merge_rows(objects_, version_, field, of.piece, of.rules, dead, nonce_, done));
    }
    for (Entry& entry : written.entries) entry.seq = of.piece.seq;
    bytes_done_ += of.piece.bytes;
    written_.push_back(std::move(written));
    return {};
  }

  Status commit() {
    if (written_.empty()) return {};
    const auto go_on = [&](const Tip& moved, Change& change) -> Result<bool> {
      DREAMDB_TRY(session_.may_publish());
      DREAMDB_ASSIGN(change.edits, edits_on(*moved.manifest));
      return !change.edits.empty();
    };
    Change change;
    change.operation = "compact";
    DREAMDB_ASSIGN(const bool is_some, go_on(target_.tip(), change));
    if (is_some) DREAMDB_TRY(target_.commit(std::move(change), go_on));
    session_.settle();
    bool is_committed = false;
    for (const Written& written : written_) {
      is_committed = is_committed || written.fits;
      if (written.fits) {
        count(written);
      } else {
        ++given_up_;
      }
    }
    report_.commits += is_committed ? 1 : 0;
    report_.given_up += given_up_;
    written_.clear();
    return {};
  }

  void count(const Written& written) {
    const CompactedTrack& planned = plan_.tracks[plan_.track_of[written.piece]];
    auto at = std::ranges::find_if(report_.tracks, [&](const CompactedTrack& track) {
      return track.name == planned.name && track.is_codes == planned.is_codes;
    });
    if (at == report_.tracks.end()) {
      CompactedTrack track;
      track.name = planned.name;
      track.is_codes = planned.is_codes;
      track.segments = planned.segments;
      at = report_.tracks.insert(report_.tracks.end(), std::move(track));
    }
    const CompactPiece& piece = plan_.pieces[written.piece].piece;
    at->segments_read += piece.inputs.size();
    at->bytes_read += piece.bytes;
    at->rows_read += piece.rows;
    at->segments_written += written.entries.size();
    for (const Entry& entry : written.entries) {
      at->bytes_written += entry.bytes;
      at->rows_written += entry.rows;
    }
  }

  // What brings the written pieces to a version, but for those that do not go there any more.
  Result<std::vector<TreeEdit>> edits_on(const Manifest& version) {
    EditList edits;
    PageMap pages;
    for (Written& written : written_) written.fits = false;
    DREAMDB_ASSIGN(const bool is_deleted, has_tombstones(version, pages));
    if (!is_deleted) return edits.take();
    std::set<FieldId> lost;  // tracks that are purged in one go, and cannot be
    for (Written& written : written_) {
      const TrackPiece& of = plan_.pieces[written.piece];
      DREAMDB_ASSIGN(written.fits, fits(version, of, pages));
      if (!written.fits && options_.purge && !of.spatial) lost.insert(of.field);
    }
    std::set<FieldId> purged;
    for (Written& written : written_) {
      const TrackPiece& of = plan_.pieces[written.piece];
      written.fits = written.fits && (of.spatial || !lost.contains(of.field));
      if (!written.fits) continue;
      DREAMDB_TRY(add_edits(version, of, written, pages, edits));
      if (options_.purge && !of.spatial) purged.insert(of.field);
    }
    for (const Root& root : version_->tombstones)
      if (purged.contains(track_of_values(*version_, root.field)))
        DREAMDB_TRY(add_tombstones(version, root.field, edits));
    return edits.take();
  }

  // Whether what is purged is deleted in the version too: not where somebody went back to an older
  // one, or made the ref anew.
  Result<bool> has_tombstones(const Manifest& version, PageMap& pages) {
    if (!options_.purge) return true;
    for (const Root& root : version_->tombstones) {
      DREAMDB_ASSIGN(const TreeDiff diff, with_pages(objects_, pages, [&](const PageMap& have) {
                       return diff_trees(&root, version.find_tombstones(root.field), have);
                     }));
      std::set<EntryKey> there;
      for (const EntryPtr& entry : diff.right_only) there.insert(key_of(*entry));
      for (const EntryPtr& entry : diff.left_only)
        if (!there.contains(key_of(*entry))) return false;
    }
    return true;
  }

  static const Root* root_in(const Manifest& version, const TrackPiece& of) {
    if (!of.spatial) return version.find_track(of.field);
    const FieldIndex* const index = version.find_index(of.field);
    const bool is_same = index != nullptr && index->spatial == *of.spatial && index->codes;
    return is_same ? &*index->codes : nullptr;
  }

  Result<std::vector<EntryPtr>> entries_near(const Root& root, const TrackPiece& of,
                                             PageMap& pages) {
    const Range range = range_of(of.piece.inputs);
    DREAMDB_ASSIGN(Found found, with_pages(objects_, pages, [&](const PageMap& have) {
                     return find_range(root, range.first, range.last, have);
                   }));
    return std::move(found.entries);
  }

  // Whether the version has all inputs, and nothing that stands between them.
  Result<bool> fits(const Manifest& version, const TrackPiece& of, PageMap& pages) {
    const Root* const root = root_in(version, of);
    if (root == nullptr) return false;
    DREAMDB_ASSIGN(const auto entries, entries_near(*root, of, pages));
    std::map<EntryKey, EntryPtr> inputs;
    for (const EntryPtr& input : of.piece.inputs) inputs.emplace(key_of(*input), input);
    std::vector<EntryPtr> others;
    size_t found = 0;
    for (const EntryPtr& entry : entries) {
      const auto input = inputs.find(key_of(*entry));
      if (input == inputs.end()) {
        others.push_back(entry);
      } else if (*input->second == *entry) {
        ++found;
      }
    }
    if (found < inputs.size()) return false;
    if (of.spatial) return true;
    const auto shares = [&](const EntryPtr& a, const EntryPtr& b) {
      return share_anchor(objects_, a, b);
    };
    for (const EntryPtr& other : others) {
      DREAMDB_ASSIGN(const bool is_between, stands_between(of.piece.inputs, other, shares));
      if (is_between) return false;
    }
    return true;
  }

  // Nothing stands any more of which a tombstone was there when its track was planned.
  Status add_tombstones(const Manifest& version, FieldId field, EditList& edits) {
    const auto standing = [&](const Manifest& of) -> Result<std::vector<EntryPtr>> {
      const Root* const root = of.find_tombstones(field);
      if (root == nullptr) return std::vector<EntryPtr>();
      const auto stands = [](const Entry& entry) { return entry.records > 0; };
      return list_entries(objects_, TreeCursor(*root, 0, UINT64_MAX, stands));
    };
    DREAMDB_ASSIGN(const auto planned, standing(*version_));
    DREAMDB_ASSIGN(const auto now, standing(version));
    std::set<EntryKey> purged;
    for (const EntryPtr& entry : planned) purged.insert(key_of(*entry));
    for (const EntryPtr& entry : now) {
      if (!purged.contains(key_of(*entry))) continue;
      TreeEdit& edit = edits.of(TreeKind::kTombstones, field);
      edit.removed.push_back(*entry);
      edit.added.push_back(*entry);
      edit.added.back().records = 0;
    }
    return {};
  }

  Status add_edits(const Manifest& version, const TrackPiece& of, const Written& written,
                   PageMap& pages, EditList& edits) {
    TreeEdit& edit = edits.of(of.spatial ? TreeKind::kCodes : TreeKind::kTrack, of.field);
    TreeEdit& replaced = edits.of(TreeKind::kReplaced, kRecordTrack);
    for (const EntryPtr& input : of.piece.inputs) {
      edit.removed.push_back(*input);
      replaced.added.push_back(replaced_entry(*input));
    }
    edit.added.insert(edit.added.end(), written.entries.begin(), written.entries.end());
    return of.spatial ? Status() : add_covered(version, of, written, pages, edits);
  }

  // Where all inputs have codes, the new segments have.
  Status add_covered(const Manifest& version, const TrackPiece& of, const Written& written,
                     PageMap& pages, EditList& edits) {
    const FieldIndex* const index = version.find_index(of.field);
    if (index == nullptr || !index->covered) return {};
    std::set<EntryKey> inputs;
    for (const EntryPtr& input : of.piece.inputs) inputs.insert(key_of(*input));
    DREAMDB_ASSIGN(const auto entries, entries_near(*index->covered, of, pages));
    std::vector<Entry> covered;
    for (const EntryPtr& entry : entries)
      if (inputs.contains(key_of(*entry))) covered.push_back(*entry);
    if (covered.empty()) return {};
    TreeEdit& edit = edits.of(TreeKind::kCovered, of.field);
    edit.removed.insert(edit.removed.end(), covered.begin(), covered.end());
    if (covered.size() == inputs.size())
      edit.added.insert(edit.added.end(), written.entries.begin(), written.entries.end());
    return {};
  }

  const CompactTarget& target_;
  Objects& objects_;
  const CompactOptions& options_;
  const ManifestPtr version_;  // that is compacted
  // Segments of another compaction with the same rows are other objects.
  const Nonce nonce_;
  LiveSession session_;
  CompactReport& report_;
  CompactPlan plan_;
  std::vector<Written> written_;
  uint64_t bytes_done_ = 0, bytes_all_ = 0;
  uint64_t given_up_ = 0;
};

Status check_options(const CompactOptions& options) {
  if (options.shard && options.shard->index >= options.shard->of)
    return fail(Code::kInvalidArgument, "shard is " + std::to_string(options.shard->index) +
                                            " of " + std::to_string(options.shard->of) +
                                            "; shards are numbered from 0");
  if (options.segment_bytes > 0 && options.segment_rows > 0) return {};
  return fail(Code::kInvalidArgument, "a segment has one byte and one row at least");
}

}  // namespace

Result<CompactReport> compact_ref(const CompactTarget& target, const CompactOptions& options) {
  DREAMDB_TRY(check_options(options));
  CompactReport report;
  for (int round = 0; round < kRoundsMax; ++round) {
    DREAMDB_ASSIGN(const bool is_left, Round(target, options, report).run());
    if (!is_left) break;
  }
  report.manifest = target.tip().address().text();
  return report;
}

}  // namespace dreamdb
