#include "dataset/merge_plan.h"

#include <algorithm>
#include <set>

#include "dataset/merge_overlap.h"
#include "dataset/merge_restate.h"
#include "dataset/merge_schema.h"
#include "dataset/merge_tombstones.h"
#include "track/columns.h"
#include "track/row_reader.h"
#include "version/grow.h"

namespace dreamdb {

namespace {

const Root* root_or_null(const std::optional<Root>& root) { return root ? &*root : nullptr; }

std::optional<Root> as_optional(const Root* root) {
  return root == nullptr ? std::nullopt : std::optional(*root);
}

// One tree of both versions, and where the united one goes.
struct TreePair {
  const Root* target;
  const Root* source;
  FieldId field;
  std::function<void(const std::optional<Root>&)> take;
  TreeKind kind;
  TreeDiff diff = {};
  std::vector<Entry> added = {};
  std::vector<Entry> removed = {};  // what the source has replaced
  bool is_fitted = false;           // what is added differs from the source's
};

bool covers_all(const FieldIndex& index, const Root* track) {
  return index.covered && track != nullptr && *index.covered == *track;
}

class VersionMerge {
 public:
  VersionMerge(Objects& objects, const VersionPoint& target, const VersionPoint& source,
               Bases bases, const MergeSetting& setting, MergeReport& report)
      : objects_(objects),
        target_(target),
        source_(source),
        bases_(bases),
        setting_(setting),
        report_(report) {
    out_.manifest = *target.manifest;
  }

  Result<MergedVersion> run() {
    DREAMDB_ASSIGN(out_.manifest.schema,
                   unite_schemas(*target_.manifest, *source_.manifest, report_.fields_added));
    unite_meta(bases_, source_.manifest->meta, out_.manifest.meta, report_);
    list_tracks();
    list_tombstones();
    list_indexes();
    trees_.push_back({root_or_null(target_.manifest->replaced),
                      root_or_null(source_.manifest->replaced), kRecordTrack,
                      [this](const auto& root) { out_.manifest.replaced = root; },
                      TreeKind::kReplaced});
    trees_.push_back({root_or_null(target_.manifest->ledger),
                      root_or_null(source_.manifest->ledger), kRecordTrack,
                      [this](const auto& root) { out_.manifest.ledger = root; },
                      TreeKind::kLedger});
    DREAMDB_TRY(compare_trees());
    note_replaced();
    for (TreePair& tree : trees_) drop_replaced(tree);
    for (TreePair& tree : trees_) DREAMDB_TRY(choose_entries(tree));
    report_.keys += trees_.back().added.size();
    if (!report_.conflicts.empty() || !report_.meta_conflicts.empty()) return std::move(out_);
    DREAMDB_TRY(write_trees());
    DREAMDB_TRY(settle_tombstones());
    settle_indexes();
    const Manifest& before = *target_.manifest;
    out_.changed = out_.changed || out_.manifest.schema != before.schema ||
                   out_.manifest.meta != before.meta || out_.manifest.indexes != before.indexes;
    return std::move(out_);
  }

 private:
  void list_tracks() {
    std::set<FieldId> fields;
    for (const Manifest* m : {target_.manifest.get(), source_.manifest.get()})
      for (const Root& root : m->tracks) fields.insert(root.field);
    for (const FieldId field : fields)
      trees_.push_back({target_.manifest->find_track(field), source_.manifest->find_track(field),
                        field, [this, field](const auto& root) { put_track(field, root); },
                        TreeKind::kTrack});
  }

  void list_tombstones() {
    std::set<FieldId> fields;
    for (const Manifest* m : {target_.manifest.get(), source_.manifest.get()})
      for (const Root& root : m->tombstones) fields.insert(root.field);
    for (const FieldId field : fields)
      trees_.push_back({target_.manifest->find_tombstones(field),
                        source_.manifest->find_tombstones(field), field,
                        [this](const auto& root) { out_.manifest.set_tombstones(*root); },
                        TreeKind::kTombstones});
  }

  void list_indexes() {
    std::set<FieldId> fields;
    for (const Manifest* m : {target_.manifest.get(), source_.manifest.get()})
      for (const FieldIndex& index : m->indexes) fields.insert(index.field);
    std::vector<FieldIndex>& indexes = out_.manifest.indexes;
    indexes.clear();
    for (const FieldId field : fields)
      if (const FieldIndex* const chosen =
              choose_index(bases_, *target_.manifest, *source_.manifest, field))
        indexes.push_back(*chosen);
    for (FieldIndex& index : indexes) list_codes(index);
  }

  // What both sides have encoded under one index.
  void list_codes(FieldIndex& index) {
    const FieldIndex* const ours = target_.manifest->find_index(index.field);
    const FieldIndex* const theirs = source_.manifest->find_index(index.field);
    if (ours == nullptr || !same_index(ours, theirs)) return;
    trees_.push_back({root_or_null(ours->codes), root_or_null(theirs->codes), index.field,
                      [&index](const auto& root) { index.codes = root; }, TreeKind::kCodes});
    if (covers_all(*ours, target_.manifest->find_track(index.field)) &&
        covers_all(*theirs, source_.manifest->find_track(index.field)))
      whole_.insert(index.field);
    trees_.push_back({root_or_null(ours->covered), root_or_null(theirs->covered), index.field,
                      [&index](const auto& root) { index.covered = root; }, TreeKind::kCovered});
  }

  Status compare_trees() {
    for (std::vector<bool> done(trees_.size());;) {
      std::vector<PageRef> missing;
      for (size_t i = 0; i < trees_.size(); ++i) {
        if (done[i]) continue;
        DREAMDB_ASSIGN(trees_[i].diff,
                       diff_trees(trees_[i].target, trees_[i].source, setting_.pages));
        done[i] = trees_[i].diff.missing.empty();
        for (const PageRef& ref : trees_[i].diff.missing)
          if (asked_.insert(ref.address).second) missing.push_back(ref);
      }
      if (std::ranges::find(done, false) == done.end()) return {};
      DREAMDB_TRY(objects_.pages(missing, setting_.pages));
    }
  }

  void note_replaced() {
    const auto at = std::ranges::find(trees_, TreeKind::kReplaced, &TreePair::kind);
    for (const EntryPtr& entry : at->diff.left_only)
      replaced_here_.emplace(entry->child, entry->seq);
    for (const EntryPtr& entry : at->diff.right_only)
      replaced_there_.emplace(entry->child, entry->seq);
  }

  void put_track(FieldId field, const std::optional<Root>& root) {
    std::vector<Root>& tracks = out_.manifest.tracks;
    if (root) {
      out_.manifest.set_track(*root);
    } else {
      std::erase_if(tracks, [field](const Root& old) { return old.field == field; });
    }
  }

  // Leaves out of a tree's difference what either side has replaced (spec 6.7).
  void drop_replaced(TreePair& tree) {
    if (replaced_here_.empty() && replaced_there_.empty()) return;
    if (tree.kind == TreeKind::kLedger || tree.kind == TreeKind::kTombstones ||
        tree.kind == TreeKind::kReplaced)
      return;
    const auto note = [&](const EntryPtr& entry) {
      if (tree.kind != TreeKind::kTrack || tree.field != kRecordTrack) return;
      replaced_first_ = std::min(replaced_first_, entry->first);
      replaced_last_ = std::max(replaced_last_, entry->last);
    };
    std::erase_if(tree.diff.left_only, [&](const EntryPtr& entry) {
      if (!replaced_there_.contains({entry->child, entry->seq})) return false;
      tree.removed.push_back(*entry);
      note(entry);
      return true;
    });
    const size_t dropped = std::erase_if(tree.diff.right_only, [&](const EntryPtr& entry) {
      if (!replaced_here_.contains({entry->child, entry->seq})) return false;
      note(entry);
      return true;
    });
    tree.is_fitted = tree.is_fitted || dropped > 0;
  }

  // What the tree gets of the source's entries. Tracks come first.
  Status choose_entries(TreePair& tree) {
    std::set<Address> held;
    for (const EntryPtr& entry : tree.diff.left_only) held.insert(entry->child);
    const OverlapSides sides{target_, source_, setting_.generation,
                             [this] { return bases_of_values(); }};
    std::optional<OverlapFinder> finder;
    if (tree.kind == TreeKind::kTrack)
      finder.emplace(objects_, sides, tree.field, tree.diff, setting_.before_reading,
                     setting_.conflicts_max, report_);
    for (const EntryPtr& entry : tree.diff.right_only) {
      if (held.contains(entry->child) || left_out_.contains(entry->child)) continue;
      if (tree.kind == TreeKind::kTombstones) {
        DREAMDB_TRY(add_tombstones(tree, entry));
        continue;
      }
      if (finder) {
        DREAMDB_ASSIGN(Overlap overlap, finder->find(entry));
        if (tree.field == kRecordTrack) DREAMDB_TRY(note_purged(tree, entry, overlap));
        if (!overlap.none()) {
          DREAMDB_TRY(tree.field == kRecordTrack ? add_records(tree, *entry, overlap)
                                                 : add_values(tree, *entry, overlap));
          continue;
        }
      }
      tree.added.push_back(*entry);
    }
    if (finder && report_.conflicts.empty()) {
      DREAMDB_TRY(add_restated(tree, target_, finder->restated_of_target()));
      DREAMDB_TRY(add_restated(tree, source_, finder->restated_of_source()));
    }
    return {};
  }

  // Whose values tell which side has changed one, although both have it in segments that the other
  // has not: because they replaced segments, or because one has merged the other's, and made its
  // own of it, or written since. Empty where neither did.
  Result<Bases> bases_of_values() {
    if (!nearer_bases_) {
      DREAMDB_ASSIGN(nearer_bases_, setting_.nearer_bases(source_));
    }
    if (!nearer_bases_->empty()) return Bases(*nearer_bases_);
    return have_replaced() ? bases_ : Bases();
  }

  // Whether either has replaced segments since they parted, be it the same ones.
  bool have_replaced() const {
    const auto& here = target_.manifest->replaced;
    const auto& there = source_.manifest->replaced;
    if (bases_.empty()) return here || there;
    return std::ranges::any_of(bases_, [&](const VersionPoint& base) {
      return here != base.manifest->replaced || there != base.manifest->replaced;
    });
  }

  Status add_restated(TreePair& tree, const VersionPoint& version, const ValuePlaces& places) {
    if (places.empty()) return {};
    tree.is_fitted = true;
    whole_.erase(tree.field);
    DREAMDB_ASSIGN(auto made, restate_values(objects_, version.manifest, places, setting_.nonce));
    for (auto& [field, built] : made) {
      known_[field] += built.entry.rows;
      add_segment(tree, std::move(built), setting_.generation);
      if (tree.field == kRecordTrack) tree.added.back().records = 0;
    }
    return {};
  }

  Status add_tombstones(TreePair& tree, const EntryPtr& entry) {
    std::vector<EntryPtr> near;
    for (const EntryPtr& other : tree.diff.left_only)
      if (other->first <= entry->last && entry->first <= other->last) near.push_back(other);
    std::optional<std::vector<BuiltSegment>> fitted;
    if (!near.empty() || (tree.field == kRecordTrack && entry->records == 0)) {
      DREAMDB_TRY(setting_.before_reading());
      DREAMDB_ASSIGN(fitted, fit_tombstones(objects_, *target_.manifest, tree.field, entry, near,
                                            setting_.nonce));
    }
    if (!fitted) {
      tree.added.push_back(*entry);
      return {};
    }
    tree.is_fitted = true;
    for (BuiltSegment& built : *fitted) {
      out_.segments.push_back({segment_key(built.entry.child), std::move(built.object)});
      tree.added.push_back(std::move(built.entry));
    }
    return {};
  }

  // A record that the target has purged is not introduced again.
  Status note_purged(TreePair& tree, const EntryPtr& entry, Overlap& overlap) {
    const Root* const tombstones = target_.manifest->find_tombstones(kRecordTrack);
    if (tombstones == nullptr || tombstones->records == tombstones->rows) return {};
    DREAMDB_TRY(setting_.before_reading());
    DREAMDB_ASSIGN(const auto purged, find_purged(objects_, *target_.manifest, entry));
    if (purged.empty()) return {};
    tree.is_fitted = true;
    if (overlap.none()) {
      DREAMDB_ASSIGN(overlap.anchors, anchors_of(objects_, entry));
      overlap.is_record.resize(entry->rows);
    }
    for (size_t row = 0; row < purged.size(); ++row)
      if (purged[row]) overlap.is_record[row] = true;
    return {};
  }

  // A segment whose records the target has in part introduces none: a new one does, of the rest.
  Status add_records(TreePair& tree, const Entry& entry, const Overlap& overlap) {
    std::vector<uint64_t> fresh;
    const auto* anchors = reinterpret_cast<const uint64_t*>(overlap.anchors.data());
    for (size_t row = 0; row < entry.rows; ++row)
      if (!overlap.is_record[row]) fresh.push_back(anchors[row]);
    Entry held = entry;
    if (fresh.size() < entry.rows) held.records = 0;
    // A layer without columns says nothing.
    if (held.records > 0 || !held.stats.empty()) add_known(tree, held, overlap);
    if (held.records == entry.records) return {};
    if (fresh.empty()) return {};
    DREAMDB_ASSIGN(BuiltSegment built, build_scalar_segment(setting_.nonce, fresh, {}));
    add_segment(tree, std::move(built), setting_.generation);
    return {};
  }

  // Two segments of an embedding with the same `seq` share no anchor (S6.4): what the target has
  // is left out.
  Status add_values(TreePair& tree, const Entry& entry, const Overlap& overlap) {
    const Field& field = *source_.manifest->schema.find(tree.field);
    if (field.type != FieldType::kEmbedding || !overlap.is_as_new) {
      add_known(tree, entry, overlap);
      return {};
    }
    const std::vector<bool>& same = overlap.same.at(tree.field);
    const std::vector<bool>& superseded = overlap.superseded.at(tree.field);
    std::vector<uint32_t> rest;
    for (uint32_t row = 0; row < entry.rows; ++row)
      if (!same[row] && !superseded[row]) rest.push_back(row);
    left_out_.insert(entry.child);
    whole_.erase(tree.field);
    if (rest.empty()) return {};
    const Field* const one = &field;
    const Buffer anchors = pick_rows(Batch{overlap.anchors, {}}, rest).anchors_bytes;
    DREAMDB_ASSIGN(const Batch found,
                   RowReader(objects_, source_.manifest).read(anchors, {&one, 1}));
    std::vector<uint32_t> there;  // not deleted
    for (uint32_t row = 0; row < found.rows(); ++row)
      if (found.columns[0].is_valid(row)) there.push_back(row);
    if (there.empty()) return {};
    const Batch rows = pick_rows(found, there);
    DREAMDB_ASSIGN(BuiltSegment built,
                   build_matrix_segment(setting_.nonce, field.id, {rows.anchors(), rows.rows()},
                                        field.dtype, field.shape, rows.columns[0].values.span()));
    add_segment(tree, std::move(built), entry.seq);
    return {};
  }

  // A segment of which the target has some values.
  void add_known(TreePair& tree, const Entry& entry, const Overlap& overlap) {
    for (const auto& [field, same] : overlap.same)
      known_[field] += static_cast<uint64_t>(std::ranges::count(same, true));
    tree.added.push_back(entry);
  }

  void add_segment(TreePair& tree, BuiltSegment built, uint64_t seq) {
    built.entry.records = built.entry.rows;
    built.entry.seq = seq;
    out_.segments.push_back({segment_key(built.entry.child), std::move(built.object)});
    tree.added.push_back(std::move(built.entry));
  }

  Status write_trees() {
    std::vector<Growth> growths;
    std::vector<const TreePair*> grown;
    for (const TreePair& tree : trees_) {
      const bool is_settled = tree.kind == TreeKind::kCovered && whole_.contains(tree.field);
      if ((tree.added.empty() && tree.removed.empty()) || is_settled) continue;
      out_.changed = true;
      if (tree.kind == TreeKind::kTrack) count(tree);
      if (tree.kind == TreeKind::kTombstones) count_deleted(tree);
      const bool takes_all = tree.diff.left_only.empty() && left_out_.empty() && !tree.is_fitted &&
                             tree.added.size() == tree.diff.right_only.size();
      if (takes_all) {
        tree.take(as_optional(tree.source));
        continue;
      }
      growths.push_back({as_optional(tree.target), tree.field, tree.added, tree.removed});
      grown.push_back(&tree);
    }
    DREAMDB_ASSIGN(GrownTrees made, grow_trees(objects_, growths, setting_.nonce, setting_.pages));
    for (size_t i = 0; i < grown.size(); ++i) grown[i]->take(made.roots[i]);
    keep_pages(made);
    return {};
  }

  void keep_pages(const GrownTrees& made) {
    for (const NewPage& page : made.pages) {
      out_.segments.push_back({page_key(page.address), page.body});
      objects_.remember(page.address, page.page, page.body.size());
    }
  }

  // Where one side has purged records, tombstones tell anew whose records still stand.
  Status settle_tombstones() {
    const Root* const root = out_.manifest.find_tombstones(kRecordTrack);
    if (root == nullptr || replaced_first_ > replaced_last_) return {};
    DREAMDB_TRY(setting_.before_reading());
    DREAMDB_TRY(objects_.put(std::exchange(out_.segments, {})));
    DREAMDB_ASSIGN(auto settled,
                   recount_tombstones(objects_, out_.manifest, replaced_first_, replaced_last_,
                                      setting_.nonce, setting_.pages));
    if (settled.removed.empty()) return {};
    out_.segments = std::move(settled.segments);
    const Growth growth{*root, kRecordTrack, std::move(settled.added), std::move(settled.removed)};
    DREAMDB_ASSIGN(const GrownTrees made,
                   grow_trees(objects_, {&growth, 1}, setting_.nonce, setting_.pages));
    out_.manifest.set_tombstones(*made.roots[0]);
    keep_pages(made);
    out_.changed = true;
    return {};
  }

  void count(const TreePair& tree) {
    report_.segments += tree.added.size();
    std::map<FieldId, uint64_t> rows;
    for (const Entry& entry : tree.added) {
      if (tree.field == kRecordTrack) {
        report_.records += entry.records;
        for (const auto& [field, column] : entry.stats) rows[field] += column.present;
      } else {
        rows[tree.field] += entry.rows;
      }
    }
    uint64_t gone_records = 0;
    for (const Entry& entry : tree.removed) {
      if (tree.field == kRecordTrack) {
        gone_records += entry.records;
      } else {
        known_[tree.field] += entry.rows;
      }
      for (const auto& [field, column] : entry.stats) known_[field] += column.present;
    }
    report_.records -= std::min(report_.records, gone_records);
    for (auto [field, number] : rows) {
      number -= std::min(number, known_[field]);
      const std::string& name = source_.manifest->schema.find(field)->name;
      const auto at =
          std::ranges::find(report_.rows, name, &std::pair<std::string, uint64_t>::first);
      if (at == report_.rows.end()) {
        report_.rows.emplace_back(name, number);
      } else {
        at->second += number;
      }
    }
  }

  void count_deleted(const TreePair& tree) {
    uint64_t rows = 0;
    for (const Entry& entry : tree.added) rows += entry.rows;
    (tree.field == kRecordTrack ? report_.deleted : report_.deleted_values) += rows;
  }

  // While all of a field is covered, both trees are one.
  void settle_indexes() {
    for (FieldIndex& index : out_.manifest.indexes)
      if (whole_.contains(index.field))
        index.covered = as_optional(out_.manifest.find_track(index.field));
  }

  Objects& objects_;
  const VersionPoint& target_;
  const VersionPoint& source_;
  const Bases bases_;
  const MergeSetting& setting_;
  MergeReport& report_;
  MergedVersion out_;
  std::vector<TreePair> trees_;
  // What each side has replaced and the other has not, and where in the record track.
  std::set<std::pair<Address, uint64_t>> replaced_here_, replaced_there_;
  uint64_t replaced_first_ = UINT64_MAX, replaced_last_ = 0;
  std::set<Address> asked_;            // pages
  std::set<FieldId> whole_;            // fields that the index covers on both sides
  std::map<FieldId, uint64_t> known_;  // values of added segments that the target has
  std::set<Address> left_out_;         // segments whose rows the target has, or gets in another
  std::optional<std::vector<VersionPoint>> nearer_bases_;
};

}  // namespace

Result<MergedVersion> merge_versions(Objects& objects, const VersionPoint& target,
                                     const VersionPoint& source, Bases bases,
                                     const MergeSetting& setting, MergeReport& report) {
  return VersionMerge(objects, target, source, bases, setting, report).run();
}

}  // namespace dreamdb
