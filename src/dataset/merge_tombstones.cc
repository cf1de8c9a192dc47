#include "dataset/merge_tombstones.h"

#include <algorithm>

#include "track/row_reader.h"
#include "track/tombstones.h"

namespace dreamdb {

namespace {

std::span<const uint64_t> as_anchors(const Buffer& buffer) {
  return {reinterpret_cast<const uint64_t*>(buffer.data()), buffer.size() / 8};
}

Result<std::vector<bool>> find_standing(Objects& objects, const Manifest& manifest,
                                        std::span<const uint64_t> anchors) {
  std::vector<bool> out;
  DREAMDB_ASSIGN(const auto runs, find_records(objects, manifest, anchors));
  if (!runs.empty()) out.resize(anchors.size());
  for (const MatchRun& run : runs) std::fill_n(out.begin() + run.pos, run.len, true);
  return out;
}

}  // namespace

Result<std::optional<std::vector<BuiltSegment>>> fit_tombstones(
    Objects& objects, const Manifest& target, FieldId field, const EntryPtr& entry,
    std::span<const EntryPtr> near, const Nonce& nonce) {
  using Fitted = std::optional<std::vector<BuiltSegment>>;
  DREAMDB_ASSIGN(const Buffer list, anchors_of(objects, entry));
  const std::span<const uint64_t> anchors = as_anchors(list);
  DREAMDB_ASSIGN(const auto known, find_in(objects, near, anchors));
  const bool are_purged = field == kRecordTrack && entry->records == 0;
  std::vector<bool> standing;
  if (are_purged) {
    DREAMDB_ASSIGN(standing, find_standing(objects, target, anchors));
  }
  if (known.empty() && standing.empty()) return Fitted();
  std::vector<uint64_t> lists[2];  // purged, standing
  for (size_t i = 0; i < anchors.size(); ++i) {
    if (!known.empty() && known[i]) continue;
    const bool stands = are_purged ? !standing.empty() && standing[i] : entry->records > 0;
    lists[stands ? 1 : 0].push_back(anchors[i]);
  }
  std::vector<BuiltSegment> out;
  for (const bool stands : {false, true}) {
    const std::vector<uint64_t>& some = lists[stands ? 1 : 0];
    if (some.empty()) continue;
    DREAMDB_ASSIGN(BuiltSegment built, build_scalar_segment(nonce, some, {}));
    built.entry.records = stands ? built.entry.rows : 0;
    built.entry.seq = entry->seq;
    out.push_back(std::move(built));
  }
  return Fitted(std::move(out));
}

Result<std::vector<bool>> find_purged(Objects& objects, const Manifest& target,
                                      const EntryPtr& entry) {
  const Root* const root = target.find_tombstones(kRecordTrack);
  if (root == nullptr || entry->records == 0) return std::vector<bool>();
  DREAMDB_ASSIGN(const Buffer list, anchors_of(objects, entry));
  PageMap pages;
  DREAMDB_ASSIGN(auto found, find_in_trees(objects, {{root}}, as_anchors(list), pages));
  std::erase_if(found[0], [](const EntryPtr& one) { return one->records > 0; });
  return find_in(objects, found[0], as_anchors(list));
}

Result<RecountedTombstones> recount_tombstones(Objects& objects, const Manifest& version,
                                               uint64_t first, uint64_t last, const Nonce& nonce,
                                               PageMap& pages) {
  RecountedTombstones out;
  const Root& root = *version.find_tombstones(kRecordTrack);
  DREAMDB_ASSIGN(const Found found, with_pages(objects, pages, [&](const PageMap& have) {
                   return find_range(root, first, last, have);
                 }));
  for (const EntryPtr& entry : found.entries) {
    DREAMDB_ASSIGN(const Buffer list, anchors_of(objects, entry));
    const std::span<const uint64_t> anchors = as_anchors(list);
    DREAMDB_ASSIGN(const auto runs, find_records(objects, version, anchors, pages));
    std::vector<bool> stands(anchors.size());
    for (const MatchRun& run : runs) std::fill_n(stands.begin() + run.pos, run.len, true);
    std::vector<uint64_t> lists[2];  // purged, standing
    for (size_t i = 0; i < anchors.size(); ++i) lists[stands[i] ? 1 : 0].push_back(anchors[i]);
    if (lists[entry->records > 0 ? 0 : 1].empty()) continue;
    out.removed.push_back(*entry);
    if (lists[0].empty() || lists[1].empty()) {
      out.added.push_back(*entry);
      out.added.back().records = lists[1].size();
      continue;
    }
    for (const auto& some : lists) {
      DREAMDB_ASSIGN(BuiltSegment built, build_scalar_segment(nonce, some, {}));
      built.entry.records = &some == &lists[1] ? built.entry.rows : 0;
      built.entry.seq = entry->seq;
      out.segments.push_back({segment_key(built.entry.child), std::move(built.object)});
      out.added.push_back(std::move(built.entry));
    }
  }
  return out;
}

}  // namespace dreamdb
