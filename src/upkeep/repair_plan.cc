#include "upkeep/repair_plan.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

#include "track/row_reader.h"
#include "upkeep/lost_records.h"
#include "upkeep/lost_rows.h"
#include "upkeep/page_rules.h"
#include "upkeep/tree_prune.h"
#include "version/edit.h"
#include "version/grow.h"

namespace dreamdb {

namespace {

bool meets(const AnchorGap& gap, const Entry& entry) {
  return entry.first <= gap.last && gap.first <= entry.last;
}

bool meets_any(const std::vector<AnchorGap>& gaps, const Entry& entry) {
  return std::ranges::any_of(gaps, [&](const AnchorGap& gap) { return meets(gap, entry); });
}

class Repair {
 public:
  Repair(Objects& objects, const Manifest& tip, const Losses& losses, const RepairSetting& setting,
         const std::function<Status(const LostRows&)>& on_lost, RepairReport& report)
      : objects_(objects),
        tip_(tip),
        losses_(losses),
        setting_(setting),
        on_lost_(on_lost),
        report_(report) {
    out_.manifest = tip;
  }

  Result<RepairedVersion> run() {
    DREAMDB_TRY(prune_tracks());
    DREAMDB_TRY(prune_lists());
    DREAMDB_TRY(prune_tombstones());
    DREAMDB_TRY(prune_indexes());
    DREAMDB_TRY(introduce_records());
    DREAMDB_TRY(note_replaced());
    for (const auto& [field, pruned] : tracks_) DREAMDB_TRY(tell_values(field, pruned));
    put_pages();
    return std::move(out_);
  }

 private:
  Result<PrunedTree> prune(const NamedTree& tree, const std::vector<AnchorGap>& gaps = {}) {
    const auto drops_page = [&](const Address& page) { return losses_.has(page); };
    const auto drops_segment = [&](const Entry& entry) {
      return losses_.has(entry.child) || meets_any(gaps, entry);
    };
    DREAMDB_ASSIGN(PrunedTree pruned,
                   prune_tree(objects_, *tree.root, setting_.nonce, drops_page, drops_segment));
    for (const Entry& page : pruned.taken_pages) lost_.emplace(page.child, true);
    for (const Entry& segment : pruned.taken_segments)
      if (losses_.has(segment.child)) lost_.emplace(segment.child, false);
    for (const NewPage& page : pruned.pages) {
      pages_.add(page.address, page.page);
      made_.emplace(page.address, page);
    }
    return pruned;
  }

  Status prune_tracks() {
    for (const Root& root : tip_.tracks) {
      DREAMDB_ASSIGN(PrunedTree pruned, prune({TreeKind::kTrack, &root, nullptr}));
      if (!pruned.is_changed()) continue;
      std::erase_if(out_.manifest.tracks, [&](const Root& r) { return r.field == root.field; });
      if (pruned.root) out_.manifest.set_track(*pruned.root);
      tracks_.emplace(root.field, std::move(pruned));
    }
    return {};
  }

  // Trees whose entries are no data: what they lose is named.
  Status prune_lists() {
    DREAMDB_TRY(prune_list(TreeKind::kLedger, out_.manifest.ledger));
    return prune_list(TreeKind::kReplaced, out_.manifest.replaced);
  }

  Status prune_list(TreeKind kind, std::optional<Root>& root) {
    if (!root) return {};
    const Root before = *root;
    const NamedTree tree{kind, &before, nullptr};
    DREAMDB_ASSIGN(const PrunedTree pruned, prune(tree));
    if (!pruned.is_changed()) return {};
    root = pruned.root;
    report_.lists_cut.push_back(tree_name(tree, tip_.schema));
    return {};
  }

  // A tombstone that is lost is made anew where its anchors are known; elsewhere what it hid shows
  // again.
  Status prune_tombstones() {
    out_.manifest.tombstones.clear();
    for (const Root& root : tip_.tombstones) {
      const NamedTree tree{TreeKind::kTombstones, &root, nullptr};
      DREAMDB_ASSIGN(PrunedTree pruned, prune(tree));
      Growth growth{pruned.root, root.field, {}};
      bool shows_again = !pruned.taken_pages.empty();
      for (const Entry& entry : pruned.taken_segments) {
        DREAMDB_ASSIGN(std::optional<Entry> anew, bury_again(entry));
        if (anew) growth.entries.push_back(*std::move(anew));
        shows_again = shows_again || !anew;
      }
      if (shows_again) report_.lists_cut.push_back(tree_name(tree, tip_.schema));
      DREAMDB_ASSIGN(std::optional<Root> grown, grow(std::move(growth)));
      if (grown) out_.manifest.set_tombstones(*grown);
    }
    return {};
  }

  Result<std::optional<Entry>> bury_again(const Entry& lost) {
    const LostAnchors known = anchors_of(lost);
    if (!known.is_known()) return std::optional<Entry>();
    std::vector<uint64_t> anchors(known.size());
    for (uint64_t row = 0; row < known.size(); ++row) anchors[row] = known[row];
    DREAMDB_ASSIGN(BuiltSegment built, build_scalar_segment(setting_.nonce, anchors, {}));
    built.entry.records = lost.records;
    built.entry.seq = lost.seq;
    out_.objects.push_back({segment_key(built.entry.child), std::move(built.object)});
    return std::optional(std::move(built.entry));
  }

  Result<std::optional<Root>> grow(Growth growth) {
    if (growth.entries.empty()) return growth.root;
    DREAMDB_ASSIGN(GrownTrees grown, grow_trees(objects_, {&growth, 1}, setting_.nonce, pages_));
    for (NewPage& page : grown.pages) made_.emplace(page.address, std::move(page));
    return grown.roots[0];
  }

  Status prune_indexes() {
    out_.manifest.indexes.clear();
    for (const FieldIndex& index : tip_.indexes) {
      const std::string& field = tip_.schema.find(index.field)->name;
      if (losses_.has(index.spatial)) {
        lost_.emplace(index.spatial, false);
        report_.indexes_dropped.push_back(field);
        continue;
      }
      FieldIndex left = index;
      DREAMDB_TRY(prune_index(index, left));
      out_.manifest.indexes.push_back(std::move(left));
    }
    return {};
  }

  // Codes that are lost cover nothing any more, nor do codes of values that are lost, which would
  // stand in the way of others: what they may have covered is searched exactly.
  Status prune_index(const FieldIndex& index, FieldIndex& left) {
    std::vector<AnchorGap> gaps;
    if (const auto track = tracks_.find(index.field); track != tracks_.end())
      for (const auto* taken : {&track->second.taken_segments, &track->second.taken_pages})
        for (const Entry& entry : *taken) gaps.push_back({entry.first, entry.last});
    if (index.codes) {
      DREAMDB_ASSIGN(const PrunedTree codes,
                     prune({TreeKind::kCodes, &*index.codes, &index}, gaps));
      left.codes = codes.root;
      for (const auto* taken : {&codes.taken_segments, &codes.taken_pages})
        for (const Entry& entry : *taken) gaps.push_back({entry.first, entry.last});
      codes_.push_back(codes);
    }
    if (!index.covered) return {};
    DREAMDB_ASSIGN(const PrunedTree covered,
                   prune({TreeKind::kCovered, &*index.covered, &index}, join_gaps(gaps)));
    left.covered = covered.root;
    for (const Entry& entry : covered.taken_segments)
      if (!losses_.has(entry.child)) report_.rows_uncovered += entry.rows;
    for (const Entry& page : covered.taken_pages) report_.rows_uncovered += page.rows;
    return {};
  }

  // What was taken out must not come back with a merge (spec 6.7). What stood below a lost page is
  // not known, and may.
  Status note_replaced() {
    Growth growth{out_.manifest.replaced, kRecordTrack, {}};
    const auto note = [&](const PrunedTree& pruned) {
      for (const Entry& entry : pruned.taken_segments)
        growth.entries.push_back(replaced_entry(entry));
    };
    for (const auto& [field, pruned] : tracks_) note(pruned);
    for (const PrunedTree& codes : codes_) note(codes);
    DREAMDB_ASSIGN(out_.manifest.replaced, grow(std::move(growth)));
    return {};
  }

  // ---- records

  Status introduce_records() {
    const auto pruned = tracks_.find(kRecordTrack);
    if (pruned == tracks_.end()) return {};
    std::vector<AnchorGap> gaps;
    uint64_t lost = 0;
    for (const auto* taken : {&pruned->second.taken_segments, &pruned->second.taken_pages})
      for (const Entry& entry : *taken) {
        if (entry.records > 0) gaps.push_back({entry.first, entry.last});
        lost += entry.records;
      }
    std::vector<Entry> introduced;
    for (const AnchorGap& gap : join_gaps(std::move(gaps)))
      DREAMDB_TRY(find_orphans(
          objects_, tip_, losses_, gap,
          [&](std::span<const uint64_t> anchors) { return introduce(anchors, introduced); }));
    report_.records_lost = lost - std::min(lost, report_.records_kept);
    for (const Entry& entry : pruned->second.taken_segments)
      if (entry.records > 0) DREAMDB_TRY(tell_records(entry));
    const Root* const root = out_.manifest.find_track(kRecordTrack);
    DREAMDB_ASSIGN(const std::optional<Root> grown,
                   grow({root == nullptr ? std::nullopt : std::optional(*root), kRecordTrack,
                         std::move(introduced)}));
    if (grown) out_.manifest.set_track(*grown);
    return {};
  }

  Status introduce(std::span<const uint64_t> anchors, std::vector<Entry>& introduced) {
    DREAMDB_ASSIGN(BuiltSegment built, build_scalar_segment(setting_.nonce, anchors, {}));
    built.entry.records = built.entry.rows;
    built.entry.seq = setting_.generation;
    report_.records_kept += anchors.size();
    out_.objects.push_back({segment_key(built.entry.child), std::move(built.object)});
    introduced.push_back(std::move(built.entry));
    return {};
  }

  // The records of a lost segment that have nothing left.
  Status tell_records(const Entry& entry) {
    const LostAnchors anchors = anchors_of(entry);
    LostRowsTeller teller(on_lost_, segment_key(entry.child), "(records)");
    uint64_t row = 0, kept = 0;
    const auto pass = [&](std::span<const uint64_t> orphans) -> Status {
      kept += orphans.size();
      for (const uint64_t orphan : orphans) {
        for (; anchors.is_known() && row < anchors.size() && anchors[row] < orphan; ++row)
          DREAMDB_TRY(teller.add(anchors[row]));
        if (anchors.is_known() && row < anchors.size() && anchors[row] == orphan) ++row;
      }
      return {};
    };
    DREAMDB_TRY(find_orphans(objects_, tip_, losses_, {entry.first, entry.last}, pass));
    if (!anchors.is_known())
      return teller.tell_range(entry.first, entry.last, entry.rows - std::min(entry.rows, kept));
    for (; row < anchors.size(); ++row) DREAMDB_TRY(teller.add(anchors[row]));
    return teller.finish();
  }

  // ---- values

  // Of a segment whose list of anchors can still be read though another part of it cannot, too.
  LostAnchors anchors_of(const Entry& entry) {
    if (entry.step > 0) return {entry, {}};
    const EntryPtr pointer(std::shared_ptr<void>(), &entry);
    const auto segments = objects_.segments({&pointer, 1});
    if (!segments) return {entry, {}};
    auto lists = anchor_lists(objects_, *segments);
    return {entry, lists ? std::move((*lists)[0]) : Buffer()};
  }

  Status tell_values(FieldId track, const PrunedTree& pruned) {
    for (const Entry& entry : pruned.taken_segments) {
      const LostAnchors anchors = anchors_of(entry);
      for (const auto& [field, rows] : values_of(track, entry))
        DREAMDB_TRY(tell_values(segment_key(entry.child), field, entry, rows, anchors));
    }
    for (const Entry& page : pruned.taken_pages) {
      const LostAnchors unknown(page, {});
      if (track == kRecordTrack)
        DREAMDB_TRY(LostRowsTeller(on_lost_, page_key(page.child), "(records)")
                        .tell_range(page.first, page.last, page.records));
      for (const auto& [field, rows] : values_of(track, page))
        DREAMDB_TRY(tell_values(page_key(page.child), field, page, rows, unknown));
    }
    return {};
  }

  Status tell_values(const std::string& key, FieldId field, const Entry& entry, uint64_t rows,
                     const LostAnchors& anchors) {
    const Field* const named = tip_.schema.find(field);
    LostRowsTeller teller(on_lost_, key, named == nullptr ? "" : named->name);
    if (!anchors.is_known() || rows != anchors.size())
      return teller.tell_range(entry.first, entry.last, rows);
    for (uint64_t row = 0; row < rows; ++row) DREAMDB_TRY(teller.add(anchors[row]));
    return teller.finish();
  }

  // By field, how many an entry of the track has; of a root, which has no statistics, at most.
  std::vector<std::pair<FieldId, uint64_t>> values_of(FieldId track, const Entry& entry) const {
    if (track != kRecordTrack) return {{track, entry.rows}};
    std::vector<std::pair<FieldId, uint64_t>> out;
    if (entry.child == tip_.find_track(track)->page) {
      for (const Field& field : tip_.schema.fields())
        if (is_scalar(field.type)) out.emplace_back(field.id, entry.rows);
      return out;
    }
    for (const auto& [field, column] : entry.stats) out.emplace_back(field, column.present);
    return out;
  }

  // ---- pages

  // Of the pages that were made those below the new roots.
  void put_pages() {
    std::vector<Address> open;
    for (const NamedTree& tree : list_trees(out_.manifest)) open.push_back(tree.root->page);
    while (!open.empty()) {
      const auto at = made_.find(open.back());
      open.pop_back();
      if (at == made_.end()) continue;
      const NewPage page = std::move(at->second);
      made_.erase(at);
      out_.objects.push_back({page_key(page.address), page.body});
      if (page.page->height > 0)
        for (const Entry& entry : page.page->entries) open.push_back(entry.child);
    }
    for (const auto& [object, is_page] : lost_)
      ++(is_page ? report_.pages_lost : report_.segments_lost);
  }

  Objects& objects_;
  const Manifest& tip_;
  const Losses& losses_;
  const RepairSetting& setting_;
  const std::function<Status(const LostRows&)>& on_lost_;
  RepairReport& report_;
  RepairedVersion out_;
  PageMap pages_;                              // those that were made
  std::map<FieldId, PrunedTree> tracks_;       // those that lost something
  std::vector<PrunedTree> codes_;              // the same of indexes
  std::unordered_map<Address, NewPage> made_;  // pages
  std::unordered_map<Address, bool> lost_;     // what is lost; whether it is a page
};

}  // namespace

Result<RepairedVersion> plan_repair(Objects& objects, const Manifest& tip, const Losses& losses,
                                    const RepairSetting& setting,
                                    const std::function<Status(const LostRows&)>& on_lost,
                                    RepairReport& report) {
  return Repair(objects, tip, losses, setting, on_lost, report).run();
}

}  // namespace dreamdb
