#include "dataset/live_records.h"

#include <algorithm>

#include "track/record_scan.h"
#include "track/row_reader.h"
#include "track/tombstones.h"

namespace dreamdb {

namespace {

constexpr size_t kScanRows = 65'536;

std::span<const uint64_t> as_anchors(const Buffer& buffer) {
  return {reinterpret_cast<const uint64_t*>(buffer.data()), buffer.size() / 8};
}

Result<std::optional<uint64_t>> first_record(Objects& objects, const ManifestPtr& manifest) {
  RecordScan scan(objects, manifest, 0, UINT64_MAX);
  DREAMDB_ASSIGN(const Buffer anchors, scan.next(kScanRows));
  return anchors.empty() ? std::nullopt : std::optional(as_anchors(anchors).front());
}

// Looks into ranges that grow, from the last anchor on downwards.
Result<uint64_t> last_record(Objects& objects, const ManifestPtr& manifest, const Root& root,
                             uint64_t first) {
  uint64_t width = (root.last - first) / root.rows + 1;
  for (uint64_t last = root.last;;) {
    const uint64_t begin = last - first > width ? last - width : first;
    RecordScan scan(objects, manifest, begin, last);
    std::optional<uint64_t> found;
    for (;;) {
      DREAMDB_ASSIGN(const Buffer anchors, scan.next(kScanRows));
      if (anchors.empty()) break;
      found = as_anchors(anchors).back();
    }
    if (found) return *found;
    if (begin == first) return fail(Code::kInternal, "a record that was found is not found again");
    last = begin - 1;
    width = width > UINT64_MAX / 2 ? UINT64_MAX : 2 * width;
  }
}

}  // namespace

Result<std::optional<std::pair<uint64_t, uint64_t>>> record_bounds(Objects& objects,
                                                                   const ManifestPtr& manifest) {
  const Root* const root = manifest->find_track(kRecordTrack);
  if (root == nullptr) return std::nullopt;
  if (manifest->find_tombstones(kRecordTrack) == nullptr) return std::pair(root->first, root->last);
  DREAMDB_ASSIGN(const auto first, first_record(objects, manifest));
  if (!first) return std::nullopt;
  DREAMDB_ASSIGN(const uint64_t last, last_record(objects, manifest, *root, *first));
  return std::pair(*first, last);
}

Result<uint64_t> count_only_here(Objects& here, const ManifestPtr& manifest,
                                 std::span<const EntryPtr> only_here, Objects& there,
                                 std::span<const EntryPtr> deleted_there) {
  const std::vector<const Root*> tombstones = tombstones_of(*manifest, kRecordTrack);
  uint64_t count = 0;
  for (const EntryPtr& entry : only_here) {
    count += entry->records;
    if (entry->records == 0 || tombstones.empty()) continue;
    DREAMDB_ASSIGN(const Buffer anchors, anchors_of(here, entry));
    DREAMDB_ASSIGN(const auto deleted, find_deleted(here, tombstones, as_anchors(anchors)));
    count -= static_cast<uint64_t>(std::ranges::count(deleted, true));
  }
  std::vector<EntryPtr> primary;
  std::ranges::copy_if(only_here, std::back_inserter(primary),
                       [](const EntryPtr& entry) { return entry->records > 0; });
  const RowReader reader(here, manifest);
  for (const EntryPtr& entry : deleted_there) {
    DREAMDB_ASSIGN(const Buffer anchors, anchors_of(there, entry));
    DREAMDB_ASSIGN(RowPlan plan, reader.plan(anchors, {}, true));
    // Those of segments that only this version has are counted already.
    DREAMDB_ASSIGN(const auto counted, match_entries(here, primary, as_anchors(anchors),
                                                     [](const Entry&) { return false; }));
    std::vector<bool> marks(entry->rows);
    for (const SegmentMatch& match : counted)
      for (const MatchRun& run : match.runs) std::fill_n(marks.begin() + run.pos, run.len, true);
    take_out(marks, plan.records);
    for (const MatchRun& run : plan.records) count += run.len;
  }
  return count;
}

}  // namespace dreamdb
