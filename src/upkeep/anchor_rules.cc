#include "upkeep/anchor_rules.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "upkeep/anchor_scan.h"

namespace dreamdb {

namespace {

// Ranges of anchors of what is lost of the record track, which says nothing of records there.
class Gaps {
 public:
  void add(const Entry& entry) { ranges_.emplace_back(entry.first, entry.last); }
  bool holds(uint64_t anchor) const {
    return std::ranges::any_of(
        ranges_, [&](const auto& r) { return r.first <= anchor && anchor <= r.second; });
  }

 private:
  std::vector<std::pair<uint64_t, uint64_t>> ranges_;
};

class AnchorCheck {
 public:
  AnchorCheck(const Manifest& manifest, const TellAnchor& tell)
      : manifest_(manifest), tell_(tell) {}

  struct Follower {
    NamedTree tree;
    bool stands_once;  // a value of one seq
    AnchorScan scan;
    std::optional<AnchorScan::At> before = {};
  };

  Status run(Objects& objects, uint64_t first, uint64_t last,
             const std::function<bool(const Address&)>& is_lost) {
    const Root* const root = manifest_.find_track(kRecordTrack);
    const Root* const dead_root = manifest_.find_tombstones(kRecordTrack);
    const auto can_be_read = [&](const Root* tree) {
      return tree == nullptr || !is_lost(tree->page);
    };
    if (root == nullptr || !can_be_read(root) || !can_be_read(dead_root)) return {};
    const auto note_gap = [&](const Entry& entry) {
      if (is_lost(entry.child)) gaps_.add(entry);
      return !is_lost(entry.child);
    };
    AnchorScan primary(objects, *root, first, last,
                       [&](const Entry& entry) { return entry.records > 0 && note_gap(entry); });
    std::optional<AnchorScan> dead;
    if (dead_root != nullptr) dead.emplace(objects, *dead_root, first, last, note_gap);
    std::vector<Follower> followers = list_followers(objects, first, last, is_lost);
    DREAMDB_TRY(primary.next());
    if (dead) DREAMDB_TRY(dead->next());
    for (Follower& follower : followers) DREAMDB_TRY(follower.scan.next());
    // Records and tombstones side by side: at the anchors of both there may be values.
    for (;;) {
      const bool is_dead =
          dead && dead->now() && (!primary.now() || dead->now()->anchor <= primary.now()->anchor);
      if (!is_dead && !primary.now()) break;
      const uint64_t anchor = is_dead ? dead->now()->anchor : primary.now()->anchor;
      const bool is_record = primary.now() && primary.now()->anchor == anchor;
      if (is_dead) DREAMDB_TRY(pass_tombstones(*dead, anchor, is_record));
      if (is_record) DREAMDB_TRY(pass_records(primary, anchor));
      for (Follower& follower : followers) DREAMDB_TRY(pass(follower, anchor, is_dead));
    }
    for (Follower& follower : followers)
      while (follower.scan.now()) DREAMDB_TRY(pass_stranger(follower));
    return {};
  }

 private:
  std::vector<Follower> list_followers(Objects& objects, uint64_t first, uint64_t last,
                                       const std::function<bool(const Address&)>& is_lost) {
    std::vector<Follower> out;
    for (const NamedTree& tree : list_trees(manifest_)) {
      if (tree.kind != TreeKind::kTrack || is_lost(tree.root->page)) continue;
      const bool is_records = tree.is_records();
      const auto keep = [is_records, is_lost](const Entry& entry) {
        return !is_lost(entry.child) && (!is_records || entry.records < entry.rows);
      };
      const Field* const field = manifest_.schema.find(tree.field());
      const bool stands_once = field != nullptr && field->type == FieldType::kEmbedding &&
                               manifest_.find_tombstones(tree.field()) == nullptr;
      out.push_back({tree, stands_once, AnchorScan(objects, *tree.root, first, last, keep)});
    }
    return out;
  }

  Status pass_records(AnchorScan& primary, uint64_t anchor) {
    const NamedTree tree{TreeKind::kTrack, manifest_.find_track(kRecordTrack), nullptr};
    DREAMDB_TRY(primary.next());
    while (primary.now() && primary.now()->anchor == anchor) {
      say(tree, *primary.now()->entry, anchor, "introduces a record once more (S6.3)");
      DREAMDB_TRY(primary.next());
    }
    return {};
  }

  Status pass_tombstones(AnchorScan& dead, uint64_t anchor, bool is_record) {
    const NamedTree tree{TreeKind::kTombstones, manifest_.find_tombstones(kRecordTrack), nullptr};
    const Entry& entry = *dead.now()->entry;
    if ((entry.records > 0) != is_record && !gaps_.holds(anchor))
      say(tree, entry, anchor,
          is_record ? "is purged, and has a record (S6.9)" : "is deleted, and no record (S6.9)");
    DREAMDB_TRY(dead.next());
    while (dead.now() && dead.now()->anchor == anchor) {
      say(tree, *dead.now()->entry, anchor, "is deleted twice (S6.9)");
      DREAMDB_TRY(dead.next());
    }
    return {};
  }

  // Moves behind the anchor of a record or a tombstone.
  Status pass(Follower& follower, uint64_t anchor, bool is_dead) {
    while (follower.scan.now() && follower.scan.now()->anchor < anchor)
      DREAMDB_TRY(pass_stranger(follower));
    while (follower.scan.now() && follower.scan.now()->anchor == anchor)
      DREAMDB_TRY(step(follower, is_dead));
    return {};
  }

  Status pass_stranger(Follower& follower) {
    const auto& [anchor, entry] = *follower.scan.now();
    if (!gaps_.holds(anchor)) say(follower.tree, *entry, anchor, "is no record's (S6.3)");
    return step(follower, false);
  }

  Status step(Follower& follower, bool is_dead) {
    const AnchorScan::At now = *follower.scan.now();
    if (follower.stands_once && !is_dead && follower.before &&
        follower.before->anchor == now.anchor && follower.before->entry->seq == now.entry->seq)
      say(follower.tree, *now.entry, now.anchor, "has two values of one seq (S6.4)");
    follower.before = now;
    return follower.scan.next();
  }

  // Of each segment the first anchor that breaks a rule.
  void say(const NamedTree& tree, const Entry& entry, uint64_t anchor, const std::string& what) {
    if (told_.insert(entry.child).second)
      tell_(tree, entry, "anchor " + std::to_string(anchor) + " " + what);
  }

  const Manifest& manifest_;
  const TellAnchor& tell_;
  Gaps gaps_;
  std::set<Address> told_;
};

}  // namespace

Status check_anchors(Objects& objects, const Manifest& manifest, uint64_t first, uint64_t last,
                     const std::function<bool(const Address&)>& is_lost, const TellAnchor& tell) {
  return AnchorCheck(manifest, tell).run(objects, first, last, is_lost);
}

}  // namespace dreamdb
