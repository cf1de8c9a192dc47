#include "upkeep/lost_records.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "upkeep/anchor_scan.h"
#include "upkeep/page_rules.h"

namespace dreamdb {

namespace {

Status pass(AnchorScan& scan, uint64_t anchor) {
  while (scan.now() && scan.now()->anchor == anchor) DREAMDB_TRY(scan.next());
  return {};
}

}  // namespace

std::vector<AnchorGap> join_gaps(std::vector<AnchorGap> gaps) {
  std::ranges::sort(gaps, {}, &AnchorGap::first);
  std::vector<AnchorGap> out;
  for (const AnchorGap& gap : gaps) {
    if (out.empty() || out.back().last < gap.first)
      out.push_back(gap);
    else
      out.back().last = std::max(out.back().last, gap.last);
  }
  return out;
}

Status find_orphans(Objects& objects, const Manifest& manifest, const Losses& losses,
                    const AnchorGap& gap,
                    const std::function<Status(std::span<const uint64_t>)>& take) {
  std::vector<AnchorScan> values;   // at whose anchors there is to be a record
  std::vector<AnchorScan> settled;  // at whose anchors there is one, or shall be none
  const auto scan = [&](const Root& root, const std::function<bool(const Entry&)>& keep) {
    return AnchorScan(objects, root, gap.first, gap.last, [&losses, keep](const Entry& entry) {
      return !losses.has(entry.child) && keep(entry);
    });
  };
  for (const NamedTree& tree : list_trees(manifest)) {
    if (losses.has(tree.root->page)) continue;
    const auto introduces = [](const Entry& entry) { return entry.records > 0; };
    const auto is_layer = [](const Entry& entry) { return entry.records < entry.rows; };
    if (tree.is_records()) {
      settled.push_back(scan(*tree.root, introduces));
      values.push_back(scan(*tree.root, is_layer));
    } else if (tree.kind == TreeKind::kTrack) {
      values.push_back(scan(*tree.root, [](const Entry&) { return true; }));
    } else if (tree.kind == TreeKind::kTombstones && tree.field() == kRecordTrack) {
      values.push_back(scan(*tree.root, introduces));
      settled.push_back(scan(*tree.root, is_layer));  // purged
    }
  }
  for (AnchorScan& value : values) DREAMDB_TRY(value.next());
  for (AnchorScan& other : settled) DREAMDB_TRY(other.next());
  std::vector<uint64_t> found;
  for (;;) {
    std::optional<uint64_t> least;
    for (const AnchorScan& value : values)
      if (value.now() && (!least || value.now()->anchor < *least)) least = value.now()->anchor;
    if (!least || found.size() == kScalarRowsMax) {
      if (!found.empty()) DREAMDB_TRY(take(found));
      found.clear();
      if (!least) return {};
    }
    for (AnchorScan& value : values) DREAMDB_TRY(pass(value, *least));
    bool is_settled = false;
    for (AnchorScan& other : settled) {
      while (other.now() && other.now()->anchor < *least) DREAMDB_TRY(other.next());
      is_settled = is_settled || (other.now() && other.now()->anchor == *least);
    }
    if (!is_settled) found.push_back(*least);
  }
}

}  // namespace dreamdb
