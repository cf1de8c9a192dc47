// Values of chosen fields at given anchors, from all tracks at once.
//
// A read goes in waves: pages of all tracks, footers, lists of anchors where they are no
// sequence, indexes and dictionaries, blocks. What is cached costs nothing. Rows that stand
// together in a segment are handed out in place, without a copy.
//
// Thread rule: calls may come from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "dreamdb/batch.h"
#include "format/manifest.h"
#include "object/objects.h"
#include "track/locate.h"

namespace dreamdb {

// A segment and the wanted rows in it.
struct SegmentMatch {
  EntryPtr entry;
  SegmentPtr segment;  // nullptr where only the anchors were asked for
  std::vector<MatchRun> runs;
};

// Where the wanted anchors stand in one track: segments oldest first. In wide tracks an anchor is
// in one segment only; in the record track layers may hold other columns of it. Of what is deleted
// nothing stands there.
struct TrackMatch {
  FieldId field{0};  // also of a scalar of which values are deleted: what is left of its column
  std::vector<SegmentMatch> segments;
};

// What one read needs; made by `plan`, used up by `fetch`.
struct RowPlan {
  Buffer anchors;  // u64[rows], ascending, unique
  std::vector<const Field*> fields;
  std::vector<TrackMatch> tracks;  // those that the fields need
  std::vector<MatchRun> records;   // anchors of records (not deleted), when asked for; ascending
  uint64_t bytes = 0;              // about what `fetch` hands out
  // Where each anchor's row of an embedding or array goes, a permutation; empty: in their order.
  std::vector<uint32_t> matrix_rows;
  // The embedding or array whose single rows come from, and go to, the cache: for few rows of many
  // blocks that are likely to be asked for again. A read of more than an eighth of the cache keeps
  // only tags by which rows can be read alone. 0: none.
  FieldId keeps_rows_of{0};
  // Of one column of texts or payloads; where there are more, `fetch` is Exhausted before it makes
  // (or fetches) them.
  uint64_t column_bytes_max = UINT64_MAX;

  std::span<const uint64_t> anchor_span() const {
    return {reinterpret_cast<const uint64_t*>(anchors.data()), anchors.size() / 8};
  }
};

class RowReader {
 public:
  RowReader(Objects& objects, ManifestPtr manifest)
      : objects_(objects), manifest_(std::move(manifest)) {}

  const Manifest& manifest() const { return *manifest_; }

  // fields: of the manifest's schema. An anchor without a record has no values, and neither has one
  // whose record is deleted.
  // `find_records` tells which anchors have one, for no extra wave.
  Result<RowPlan> plan(Buffer anchors, std::span<const Field* const> fields,
                       bool find_records = false) const;
  // The columns in the order of the plan's fields.
  Result<Batch> fetch(const RowPlan& plan) const;
  Result<Batch> read(Buffer anchors, std::span<const Field* const> fields) const;

 private:
  Objects& objects_;
  ManifestPtr manifest_;
};

// The leaf entries of several trees that may hold the anchors (ascending, unique): one wave a level
// for all trees. `pages`: at hand; gets those that are read.
Result<std::vector<std::vector<EntryPtr>>> find_in_trees(Objects& objects,
                                                         std::span<const Root* const> roots,
                                                         std::span<const uint64_t> anchors,
                                                         PageMap& pages);

// The segments of `entries` with the rows that hold `wanted`, oldest first. Fetches anchor lists
// where anchors are no sequence, and the footers of all that match if `load` says so of an entry.
Result<std::vector<SegmentMatch>> match_entries(Objects& objects, std::span<const EntryPtr> entries,
                                                std::span<const uint64_t> wanted,
                                                const std::function<bool(const Entry&)>& load);

// What `RowReader::fetch` needs to read `fields`, all of one track, of `entries` alone, which are
// of that track; what is deleted is read too.
Result<RowPlan> plan_of_entries(Objects& objects, FieldId track, std::span<const EntryPtr> entries,
                                Buffer anchors, std::span<const Field* const> fields);

// Which of `anchors` (ascending, unique) have a record in the record track, deleted or not: runs of
// positions.
Result<std::vector<MatchRun>> find_records(Objects& objects, const Manifest& manifest,
                                           std::span<const uint64_t> anchors);
// The same with pages that are at hand; those that are read come to them.
Result<std::vector<MatchRun>> find_records(Objects& objects, const Manifest& manifest,
                                           std::span<const uint64_t> anchors, PageMap& pages);

// Corruption unless the segment holds rows of the field as the schema describes it (spec S7.8).
Status check_matrix(const Segment& segment, const Field& field);

// All anchors (u64, ascending) of one that an entry names; of a sequence the entry tells them.
Result<Buffer> anchors_of(Objects& objects, const EntryPtr& entry);
// All anchors (u64, ascending) of each segment; those that are no arithmetic sequence come from
// the cache or in one wave.
Result<std::vector<Buffer>> anchor_lists(Objects& objects, std::span<const SegmentPtr> segments);

}  // namespace dreamdb
