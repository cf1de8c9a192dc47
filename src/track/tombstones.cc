#include "track/tombstones.h"

#include <algorithm>

#include "track/row_reader.h"

namespace dreamdb {

std::vector<const Root*> tombstones_of(const Manifest& manifest, FieldId field) {
  std::vector<const Root*> out;
  for (const Root& root : manifest.tombstones)
    if (root.field == kRecordTrack || root.field == field) out.push_back(&root);
  return out;
}

Result<std::vector<bool>> find_deleted(Objects& objects, std::span<const Root* const> trees,
                                       std::span<const uint64_t> anchors) {
  PageMap pages;
  return find_deleted(objects, trees, anchors, pages);
}

Result<std::vector<bool>> find_deleted(Objects& objects, std::span<const Root* const> trees,
                                       std::span<const uint64_t> anchors, PageMap& pages) {
  if (trees.empty() || anchors.empty()) return std::vector<bool>();
  DREAMDB_ASSIGN(const auto found, find_in_trees(objects, trees, anchors, pages));
  std::vector<EntryPtr> entries;
  for (const auto& list : found) entries.insert(entries.end(), list.begin(), list.end());
  return find_in(objects, entries, anchors);
}

Result<std::vector<bool>> find_in(Objects& objects, std::span<const EntryPtr> entries,
                                  std::span<const uint64_t> anchors) {
  std::vector<bool> out;
  DREAMDB_ASSIGN(const auto matches,
                 match_entries(objects, entries, anchors, [](const Entry&) { return false; }));
  if (!matches.empty()) out.resize(anchors.size());
  for (const SegmentMatch& match : matches)
    for (const MatchRun& run : match.runs) std::fill_n(out.begin() + run.pos, run.len, true);
  return out;
}

Result<std::vector<bool>> find_taken(Objects& objects, const Manifest& manifest,
                                     std::span<const uint64_t> anchors) {
  PageMap pages;
  return find_taken(objects, manifest, anchors, pages);
}

Result<std::vector<bool>> find_taken(Objects& objects, const Manifest& manifest,
                                     std::span<const uint64_t> anchors, PageMap& pages) {
  DREAMDB_ASSIGN(std::vector<bool> out,
                 find_deleted(objects, tombstones_of(manifest, kRecordTrack), anchors, pages));
  DREAMDB_ASSIGN(const auto records, find_records(objects, manifest, anchors, pages));
  if (!records.empty()) out.resize(anchors.size());
  for (const MatchRun& run : records) std::fill_n(out.begin() + run.pos, run.len, true);
  return out;
}

}  // namespace dreamdb
