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

// Plans of which nothing comes, since others are at work too, before it is left to them.
constexpr int kRoundsInVain = 3;

using EntryKey = std::pair<Address, uint64_t>;

EntryKey key_of(const Entry& entry) { return {entry.child, entry.seq}; }

// A piece that was written and waits for its commit.
struct Written {
  CompactedTree tree;
  CompactPiece piece;
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
        address_(target.tip().address()),
        version_(target.tip().manifest),
        nonce_(random_write_id(target.runtime)),
        session_(objects_.store(), target.runtime, {nonce_, target.program}),
        report_(report) {}

  // True: another round may do more.
  Result<bool> run() {
    CompactPlanner planner(objects_, *version_, options_);
    bytes_all_ = planner.bytes();
    for (uint64_t before = 0;;) {
      DREAMDB_ASSIGN(const auto part, planner.next());
      if (!part) break;
      for (const CompactPiece& piece : part->pieces) DREAMDB_TRY(carry_out(part->tree, piece));
      if (is_enough()) DREAMDB_TRY(commit_some());
      // Once they are fewer, they can be sorted by cell.
      if (part->tree.spatial && part->tree.segments > options_.entries_at_once)
        is_unsorted_ = is_unsorted_ || !part->pieces.empty();
      before += part->bytes;
      DREAMDB_TRY(tell(bytes_done_ = before));
    }
    DREAMDB_TRY(commit());
    return !options_.dry_run && (is_given_up_ || is_unsorted_ || left_ > 0);
  }
  // Pieces that were not made, as segments of theirs had just become others.
  uint64_t left() const { return left_; }

 private:
  // Of what another part has joined already the next round makes what is left to be made.
  Result<bool> is_joined(const CompactedTree& tree, const CompactPiece& piece) {
    const auto is_taken = [&](const EntryPtr& input) { return taken_.contains(key_of(*input)); };
    if (std::ranges::any_of(piece.inputs, is_taken)) return true;
    // A track that is purged goes whole or not at all, which is for `edits_on` to say.
    if (!has_committed_ || (options_.purge && !tree.spatial)) return false;
    DREAMDB_ASSIGN(const bool is_there, fits(*target_.tip().manifest, {tree, piece, {}}));
    return !is_there;
  }

  Status carry_out(const CompactedTree& tree, const CompactPiece& piece) {
    DREAMDB_ASSIGN(const bool is_late, is_joined(tree, piece));
    if (is_late) {
      ++left_;
      return {};
    }
    for (const EntryPtr& input : piece.inputs) taken_.insert(key_of(*input));
    if (options_.dry_run) {
      count(tree, piece, piece.segments, piece.bytes, piece.rows);
      if (is_enough()) taken_.clear();
      return {};
    }
    session_.before_upload(target_.tip());
    DREAMDB_TRY(write(tree, piece));
    waiting_bytes_ += piece.bytes;
    bytes_done_ += piece.bytes;
    // What tombstones count stands in one track: it is purged in one commit.
    return is_enough() && (!options_.purge || tree.spatial) ? commit_some() : Status();
  }

  // Of a round that goes on. From then on the version that is being planned is no tip: a collector
  // is told to leave it.
  Status commit_some() {
    if (!is_pinned_ && !written_.empty()) {
      DREAMDB_TRY(session_.pin({address_}));
      is_pinned_ = true;
    }
    return commit();
  }

  bool is_enough() const {
    return waiting_bytes_ >= options_.commit_bytes || taken_.size() >= options_.entries_at_once;
  }

  Status tell(uint64_t bytes) {
    bytes_told_ = std::max(bytes_told_, std::min(bytes, bytes_all_));
    if (!options_.progress || options_.progress({"compact", bytes_told_, bytes_all_})) return {};
    return fail(Code::kCancelled, "the dataset was not compacted to the end: its caller ended it");
  }

  Status write(const CompactedTree& tree, const CompactPiece& piece) {
    const RowsDone done = [&](uint64_t rows) {
      return tell(bytes_done_ + piece.bytes * std::min(rows, piece.rows) / piece.rows);
    };
    const Field* const field =
        tree.field == kRecordTrack ? nullptr : version_->schema.find(tree.field);
    DeadRows dead;
    if (options_.purge) {
      const Range range = range_of(piece.inputs);
      DREAMDB_ASSIGN(dead, dead_rows(objects_, *version_, tree.field, range.first, range.last));
    }
    Written written{tree, piece, {}};
    if (tree.spatial) {
      DREAMDB_ASSIGN(written.entries,
                     merge_codes(objects_, *field, *tree.spatial, piece, tree.rules,
                                 dead.all_of(tree.field), nonce_, done));
    } else {
      DREAMDB_ASSIGN(written.entries,
                     merge_rows(objects_, version_, field, piece, tree.rules, dead, nonce_, done));
    }
    for (Entry& entry : written.entries) entry.seq = piece.seq;
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
        uint64_t bytes = 0, rows = 0;
        for (const Entry& entry : written.entries) {
          bytes += entry.bytes;
          rows += entry.rows;
        }
        count(written.tree, written.piece, written.entries.size(), bytes, rows);
      } else {
        ++report_.given_up;
        is_given_up_ = true;
      }
    }
    report_.commits += is_committed ? 1 : 0;
    has_committed_ = has_committed_ || is_committed;
    written_.clear();
    taken_.clear();
    waiting_bytes_ = 0;
    return {};
  }

  // A piece that becomes so many segments.
  void count(const CompactedTree& tree, const CompactPiece& piece, uint64_t segments,
             uint64_t bytes, uint64_t rows) {
    const std::string name =
        tree.field == kRecordTrack ? "(records)" : version_->schema.find(tree.field)->name;
    auto at = std::ranges::find_if(report_.tracks, [&](const CompactedTrack& track) {
      return track.name == name && track.is_codes == tree.spatial.has_value();
    });
    if (at == report_.tracks.end()) {
      CompactedTrack track;
      track.name = name;
      track.is_codes = tree.spatial.has_value();
      track.segments = tree.segments;
      at = report_.tracks.insert(report_.tracks.end(), std::move(track));
    }
    at->segments_read += piece.inputs.size();
    at->bytes_read += piece.bytes;
    at->rows_read += piece.rows;
    at->segments_written += segments;
    at->bytes_written += bytes;
    at->rows_written += rows;
  }

  // What brings the written pieces to a version, but for those that do not go there any more.
  Result<std::vector<TreeEdit>> edits_on(const Manifest& version) {
    EditList edits;
    for (Written& written : written_) written.fits = false;
    DREAMDB_ASSIGN(const bool is_deleted, has_tombstones(version));
    if (!is_deleted) return edits.take();
    std::set<FieldId> lost;  // tracks that are purged in one go, and cannot be
    for (Written& written : written_) {
      DREAMDB_ASSIGN(written.fits, fits(version, written));
      if (!written.fits && options_.purge && !written.tree.spatial) lost.insert(written.tree.field);
    }
    std::set<FieldId> purged;
    for (Written& written : written_) {
      const CompactedTree& tree = written.tree;
      written.fits = written.fits && (tree.spatial || !lost.contains(tree.field));
      if (!written.fits) continue;
      DREAMDB_TRY(add_edits(version, written, edits));
      if (options_.purge && !tree.spatial) purged.insert(tree.field);
    }
    for (const Root& root : version_->tombstones)
      if (purged.contains(track_of_values(*version_, root.field)))
        DREAMDB_TRY(add_tombstones(version, root.field, edits));
    return edits.take();
  }

  // Whether what is purged is deleted in the version too: not where somebody went back to an older
  // one, or made the ref anew.
  Result<bool> has_tombstones(const Manifest& version) {
    if (!options_.purge) return true;
    PageMap pages;
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

  static const Root* root_in(const Manifest& version, const CompactedTree& tree) {
    if (!tree.spatial) return version.find_track(tree.field);
    const FieldIndex* const index = version.find_index(tree.field);
    const bool is_same = index != nullptr && index->spatial == *tree.spatial && index->codes;
    return is_same ? &*index->codes : nullptr;
  }

  // Whether the version has all inputs, and nothing that stands between them.
  Result<bool> fits(const Manifest& version, const Written& written) {
    const Root* const root = root_in(version, written.tree);
    if (root == nullptr) return false;
    const CompactPiece& piece = written.piece;
    std::map<EntryKey, EntryPtr> inputs;
    for (const EntryPtr& input : piece.inputs) inputs.emplace(key_of(*input), input);
    const auto shares = [&](const EntryPtr& a, const EntryPtr& b) {
      return share_anchor(objects_, a, b);
    };
    const Range range = range_of(piece.inputs);
    TreeCursor cursor(*root, range.first, range.last);
    for (size_t found = 0;;) {
      DREAMDB_TRY(check_interrupt());
      DREAMDB_ASSIGN(const EntryPtr entry, next_entry(objects_, cursor));
      if (entry == nullptr) return found == inputs.size();
      const auto input = inputs.find(key_of(*entry));
      if (input != inputs.end()) {
        if (*input->second == *entry) ++found;
      } else if (!written.tree.spatial) {
        DREAMDB_ASSIGN(const bool is_between, stands_between(piece.inputs, entry, shares));
        if (is_between) return false;
      }
    }
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

  Status add_edits(const Manifest& version, const Written& written, EditList& edits) {
    const CompactedTree& tree = written.tree;
    TreeEdit& edit = edits.of(tree.spatial ? TreeKind::kCodes : TreeKind::kTrack, tree.field);
    TreeEdit& replaced = edits.of(TreeKind::kReplaced, kRecordTrack);
    for (const EntryPtr& input : written.piece.inputs) {
      edit.removed.push_back(*input);
      replaced.added.push_back(replaced_entry(*input));
    }
    edit.added.insert(edit.added.end(), written.entries.begin(), written.entries.end());
    return tree.spatial ? Status() : add_covered(version, written, edits);
  }

  // Where all inputs have codes, the new segments have.
  Status add_covered(const Manifest& version, const Written& written, EditList& edits) {
    const FieldIndex* const index = version.find_index(written.tree.field);
    if (index == nullptr || !index->covered) return {};
    std::set<EntryKey> inputs;
    for (const EntryPtr& input : written.piece.inputs) inputs.insert(key_of(*input));
    const Range range = range_of(written.piece.inputs);
    std::vector<Entry> covered;
    TreeCursor cursor(*index->covered, range.first, range.last);
    for (;;) {
      DREAMDB_ASSIGN(const EntryPtr entry, next_entry(objects_, cursor));
      if (entry == nullptr) break;
      if (inputs.contains(key_of(*entry))) covered.push_back(*entry);
    }
    if (covered.empty()) return {};
    TreeEdit& edit = edits.of(TreeKind::kCovered, written.tree.field);
    edit.removed.insert(edit.removed.end(), covered.begin(), covered.end());
    if (covered.size() == inputs.size())
      edit.added.insert(edit.added.end(), written.entries.begin(), written.entries.end());
    return {};
  }

  const CompactTarget& target_;
  Objects& objects_;
  const CompactOptions& options_;
  const Address address_;  // of the version that is compacted
  const ManifestPtr version_;
  // Segments of another compaction with the same rows are other objects.
  const Nonce nonce_;
  LiveSession session_;
  CompactReport& report_;
  std::vector<Written> written_;
  std::set<EntryKey> taken_;  // inputs of `written_`
  uint64_t waiting_bytes_ = 0;
  uint64_t bytes_done_ = 0, bytes_told_ = 0, bytes_all_ = 0;
  uint64_t left_ = 0;
  bool has_committed_ = false;
  bool is_given_up_ = false;
  bool is_unsorted_ = false;
  bool is_pinned_ = false;
};

bool has_large_track(const Manifest& version, uint64_t segments) {
  return std::ranges::any_of(version.tracks,
                             [&](const Root& root) { return root.segments > segments; });
}

Status check_options(const CompactOptions& options) {
  if (options.shard && options.shard->index >= options.shard->of)
    return fail(Code::kInvalidArgument, "shard is " + std::to_string(options.shard->index) +
                                            " of " + std::to_string(options.shard->of) +
                                            "; shards are numbered from 0");
  if (options.segment_bytes == 0 || options.segment_rows == 0)
    return fail(Code::kInvalidArgument, "a segment has one byte and one row at least");
  if (options.entries_at_once == 0)
    return fail(Code::kInvalidArgument, "one segment at least is planned at once");
  return {};
}

// In several rounds where pieces were given up, or wait for others; as long as each makes some.
Status compact_in_rounds(const CompactTarget& target, const CompactOptions& options,
                         CompactReport& report) {
  uint64_t left = 0;
  for (int in_vain = 0; in_vain < kRoundsInVain;) {
    const uint64_t commits = report.commits;
    Round round(target, options, report);
    DREAMDB_ASSIGN(const bool is_more, round.run());
    left = round.left();
    if (!is_more) break;
    in_vain += report.commits == commits ? 1 : 0;
  }
  report.given_up += left;
  return {};
}

}  // namespace

Result<CompactReport> compact_ref(const CompactTarget& target, const CompactOptions& options) {
  DREAMDB_TRY(check_options(options));
  CompactReport report;
  if (options.purge && !options.dry_run &&
      has_large_track(*target.tip().manifest, options.entries_at_once)) {
    CompactOptions plain = options;  // a purge holds all segments of a track: first they become few
    plain.purge = false;
    DREAMDB_TRY(compact_in_rounds(target, plain, report));
  }
  DREAMDB_TRY(compact_in_rounds(target, options, report));
  report.manifest = target.tip().address().text();
  return report;
}

}  // namespace dreamdb
