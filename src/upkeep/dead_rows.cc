#include "upkeep/dead_rows.h"

#include <algorithm>

#include "runtime/interrupt.h"
#include "track/columns.h"
#include "track/locate.h"
#include "track/row_reader.h"
#include "upkeep/compact_tracks.h"

namespace dreamdb {

namespace {

Result<std::vector<EntryPtr>> tombstones_in(Objects& objects, const Manifest& version,
                                            FieldId field, uint64_t first, uint64_t last) {
  const Root* const root = version.find_tombstones(field);
  if (root == nullptr) return std::vector<EntryPtr>();
  PageMap pages;
  DREAMDB_ASSIGN(Found found, with_pages(objects, pages, [&](const PageMap& have) {
                   return find_range(*root, first, last, have);
                 }));
  return std::move(found.entries);
}

Result<std::vector<uint64_t>> dead_anchors(Objects& objects, const Manifest& version, FieldId field,
                                           uint64_t first, uint64_t last) {
  DREAMDB_ASSIGN(const auto entries, tombstones_in(objects, version, field, first, last));
  DREAMDB_ASSIGN(const auto segments, objects.segments(entries));
  DREAMDB_ASSIGN(const auto lists, anchor_lists(objects, segments));
  std::vector<uint64_t> out;
  for (const Buffer& list : lists) {
    const std::span<const uint64_t> anchors(reinterpret_cast<const uint64_t*>(list.data()),
                                            list.size() / sizeof(uint64_t));
    const auto from = std::ranges::lower_bound(anchors, first);
    out.insert(out.end(), from, std::ranges::upper_bound(anchors, last));
  }
  std::ranges::sort(out);
  return out;
}

// Fields whose tombstones hide something in a track.
std::vector<FieldId> hiding_fields(const Manifest& version, FieldId track) {
  std::vector<FieldId> out;
  for (const Root& root : version.tombstones)
    if (root.field == kRecordTrack || track_of_values(version, root.field) == track)
      out.push_back(root.field);
  return out;
}

// Whether a segment has a value of what the tombstones of `field` hide.
bool may_hold(const Entry& entry, FieldId track, FieldId field) {
  if (track != kRecordTrack || field == kRecordTrack) return true;
  const auto column = entry.stats.find(field);
  return column != entry.stats.end() && column->second.present > 0;
}

// Whether a segment of the record track has a value of a field where it is deleted.
Result<bool> holds_dead_value(Objects& objects, const Manifest& version, FieldId field,
                              const EntryPtr& entry) {
  DREAMDB_ASSIGN(const auto anchors,
                 dead_anchors(objects, version, field, entry->first, entry->last));
  const Field* const one = version.schema.find(field);
  DREAMDB_ASSIGN(const RowPlan plan,
                 plan_of_entries(objects, kRecordTrack, {&entry, 1},
                                 Buffer::copy_of(std::as_bytes(std::span(anchors))), {&one, 1}));
  const RowReader reader(objects, std::make_shared<const Manifest>(version));
  DREAMDB_ASSIGN(const Batch rows, reader.fetch(plan));
  return valid_count(rows.columns[0], rows.rows()) > 0;
}

Result<bool> holds_code_at(Objects& objects, const EntryPtr& entry,
                           std::span<const uint64_t> anchors) {
  DREAMDB_ASSIGN(const auto segments, objects.segments({&entry, 1}, SegmentUse::kCodes));
  const Run& run = segments[0]->segment.codes->codes;
  constexpr size_t kBlocksAtOnce = 512;  // 8 MiB
  for (size_t first = 0; first < run.blocks(); first += kBlocksAtOnce) {
    DREAMDB_TRY(check_interrupt());
    const size_t count = std::min(kBlocksAtOnce, run.blocks() - first);
    const Extent extent{segments[0], &run, first, count};
    DREAMDB_ASSIGN(const auto stored, objects.extents({&extent, 1}));
    for (size_t block = first; block < first + count; ++block) {
      const Buffer bytes = stored[0].slice(run.starts[block] - extent.offset(), run.sizes[block]);
      DREAMDB_ASSIGN(const Buffer raw, decode_codes(segments[0]->segment, block, bytes));
      for (const uint64_t anchor : view_codes(segments[0]->segment, block, raw).anchors)
        if (std::ranges::binary_search(anchors, anchor)) return true;
    }
  }
  return false;
}

}  // namespace

FieldId track_of_values(const Manifest& version, FieldId field) {
  const Field* const of = version.schema.find(field);
  return of == nullptr || is_scalar(of->type) ? kRecordTrack : of->id;
}

Result<DeadRows> dead_rows(Objects& objects, const Manifest& version, FieldId track, uint64_t first,
                           uint64_t last) {
  DeadRows out;
  for (const FieldId field : hiding_fields(version, track)) {
    DREAMDB_ASSIGN(auto anchors, dead_anchors(objects, version, field, first, last));
    if (field == kRecordTrack) {
      out.records = std::move(anchors);
    } else if (!anchors.empty()) {
      out.values.emplace(field, std::move(anchors));
    }
  }
  return out;
}

Result<std::set<Address>> segments_with_dead_rows(Objects& objects, const Manifest& version,
                                                  FieldId track,
                                                  std::span<const EntryPtr> entries) {
  std::set<Address> out;
  for (const FieldId field : hiding_fields(version, track)) {
    for (const EntryPtr& entry : entries) {
      if (out.contains(entry->child) || !may_hold(*entry, track, field)) continue;
      DREAMDB_TRY(check_interrupt());
      DREAMDB_ASSIGN(const auto near,
                     tombstones_in(objects, version, field, entry->first, entry->last));
      for (const EntryPtr& tombstones : near) {
        DREAMDB_ASSIGN(const bool shared, share_anchor(objects, entry, tombstones));
        if (!shared) continue;
        if (track == kRecordTrack && field != kRecordTrack) {
          DREAMDB_ASSIGN(const bool holds, holds_dead_value(objects, version, field, entry));
          if (!holds) break;
        }
        out.insert(entry->child);
        break;
      }
    }
  }
  return out;
}

Result<std::set<Address>> code_segments_with_dead_rows(Objects& objects, const Manifest& version,
                                                       const FieldIndex& index,
                                                       std::span<const EntryPtr> entries) {
  std::set<Address> out;
  for (const EntryPtr& entry : entries) {
    DREAMDB_ASSIGN(const DeadRows dead,
                   dead_rows(objects, version, index.field, entry->first, entry->last));
    const std::vector<uint64_t> anchors = dead.all_of(index.field);
    if (anchors.empty()) continue;
    DREAMDB_ASSIGN(const bool holds, holds_code_at(objects, entry, anchors));
    if (holds) out.insert(entry->child);
  }
  return out;
}

}  // namespace dreamdb
