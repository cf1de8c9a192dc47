// What the calls of a Dataset answer: hits, reports, and what there is of versions, refs, indexes
// and bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "dreamdb/batch.h"

namespace dreamdb {

struct SearchHits {
  Batch rows;                 // best first: min(top_k, matches) rows
  std::vector<float> scores;  // cosine similarity, inner product, or squared L2 distance
};

// How an answer was found, for all queries of a call together.
struct SearchReport {
  std::string manifest;   // of the version searched
  std::string algorithm;  // of the index used; empty: every row was compared
  // Why no index was used, or not for all rows; empty: one was. "exact" was asked for; the field
  // has "no_index", or one for an "other_distance"; "few_matches" of the filter were compared at
  // once; there are "uncovered_rows", which the index does not know; "nothing_to_find": top_k is 0,
  // or no row is in the range.
  std::string reason;
  double covered = 0;       // part of the field's rows that the index knows
  size_t probes = 0;        // the most cells that one query read
  double recall = 1;        // recall@10 that was measured with so many
  uint64_t cells = 0;       // cells read; several queries that are read together share theirs
  uint64_t codes = 0;       // codes in them
  uint64_t candidates = 0;  // rows whose codes left them in doubt
  uint64_t reranked = 0;    // rows read and scored exactly because of that
  uint64_t scanned = 0;     // rows of segments that the index does not know, scored exactly
  // Where the time went, of queries that ran at once added up: cells were chosen, codes read and
  // compared, rows read and compared exactly, fields of the hits read.
  struct Seconds {
    double cells = 0, codes = 0, rows = 0, fields = 0;
  } seconds;
  uint64_t requests = 0, waves = 0,
           bytes = 0;  // asked of the store by this handle's space meanwhile
};

struct SearchAnswer {
  std::vector<SearchHits> hits;  // one a query
  SearchReport report;
};

// The spatial index of a field.
struct IndexInfo {
  std::string field, algorithm;
  std::string address;  // of its parameters
  uint64_t cells = 0;
  uint32_t bits = 1;
  uint64_t trained = 0;    // rows it was trained on; 0: it has one cell
  uint64_t segments = 0;   // of codes
  uint64_t codes = 0;      // rows that have one
  uint64_t bytes = 0;      // of the codes and the parameters
  uint64_t uncovered = 0;  // rows of the field in segments without codes: searched exactly
  std::vector<std::pair<uint64_t, double>>
      recall;  // recall@10 measured when so many cells are read
};

struct DeleteReport {
  uint64_t deleted = 0;    // records; or values, of all fields together
  uint64_t unchanged = 0;  // were deleted already; or the record lacks the value
  uint64_t missing = 0;    // anchors that never had a record (skip_missing)
  std::string manifest;    // of the version without them
};

struct CommitInfo {
  std::string manifest;  // 53 characters
  uint64_t time_ns = 0;
  uint64_t generation = 0;
  uint64_t records = 0;
  std::string operation;
  std::string writer;
  std::vector<std::string> parents;
  uint64_t tracks = 0;
};

struct RefInfo {
  std::string name;
  std::string manifest;
  bool snapshot = false;
  uint64_t time_ns = 0;
};

struct FieldDiff {
  std::string name;
  std::string change;           // "added", "removed", "same"
  uint64_t rows_only_left = 0;  // rows in segments that only the left version has
  uint64_t rows_only_right = 0;
};

struct DiffReport {
  std::string left, right;                       // manifests
  std::string common_ancestor;                   // empty: none
  uint64_t commits_left = 0, commits_right = 0;  // since the common ancestor
  uint64_t records_left = 0, records_right = 0;
  uint64_t records_only_left = 0, records_only_right = 0;
  std::vector<FieldDiff> fields;
  std::vector<std::string> meta_changed;  // keys of the user map that differ
};

// A value that two versions have differently at the same anchor, both since they parted.
struct MergeConflict {
  uint64_t anchor = 0;
  std::string field;
  std::string target, source;   // the values; of what is long its size and hash
  std::string source_manifest;  // the side that is not the target
};

struct MergeReport {
  // "up-to-date": the target has all of it. "fast-forward": the target's ref moves to the source's
  // version. "union": a new version. "refused": there are conflicts, and nothing was changed.
  std::string outcome;
  std::string target;                // the manifest that was merged into
  std::vector<std::string> sources;  // those that were merged
  std::string common_ancestor;       // with the first of them
  std::string manifest;              // of the target's ref; empty: a dry run's union
  uint64_t records = 0;              // new to the target, also those that are deleted with it
  uint64_t deleted = 0;              // records, that were not deleted in the target
  uint64_t deleted_values = 0;       // of fields, the same; not told of a fast-forward
  std::vector<std::pair<std::string, uint64_t>> rows;  // by field, those that are new to the target
  uint64_t segments = 0;                               // that come to its tracks
  uint64_t keys = 0;                                   // of idempotency
  std::vector<std::string> fields_added;
  std::vector<std::string> meta_changed;    // keys of the user map
  std::vector<MergeConflict> conflicts;     // the first `conflicts_max`
  bool more_conflicts = false;              // there are others
  std::vector<std::string> meta_conflicts;  // keys that both sides changed differently
};

struct TrackStat {
  std::string name;  // field name; "(records)" for the record track
  std::string type;
  uint64_t rows = 0, segments = 0, bytes = 0;
  uint32_t height = 0;
};

struct DatasetStat {
  uint64_t records = 0;
  uint64_t deleted = 0;  // records that have a tombstone
  uint64_t first_anchor = 0, last_anchor = 0;
  uint64_t bytes = 0;
  uint64_t commits = 0;
  uint64_t manifest_bytes = 0;
  std::vector<TrackStat> tracks;
};

// What was asked of the store since the handle's space was opened.
struct StoreStats {
  // Ranges, objects, refs. A wave is a set of them in flight together.
  uint64_t gets = 0, puts = 0, loads = 0, swaps = 0, lists = 0, deletes = 0;
  uint64_t bytes_read = 0, bytes_written = 0;
  uint64_t waves = 0;
  // The disk cache: reads that asked nothing of the store, reads that asked something, bytes that
  // came from the disk and went to it, pieces of 4 KiB that were damaged and so not used.
  uint64_t cache_hits = 0, cache_misses = 0;
  uint64_t cache_bytes_read = 0, cache_bytes_written = 0;
  uint64_t cache_damaged = 0;
  // HTTP requests that were sent, retries and hedges included: neighbouring ranges come with one,
  // large objects take several. All 0 for a folder, where nothing is sent.
  bool is_remote = false;
  uint64_t sent_gets = 0, sent_puts = 0, sent_swaps = 0, sent_lists = 0, sent_deletes = 0;
  uint64_t retries = 0, hedges = 0;
  uint64_t bytes_received = 0, bytes_sent = 0;  // bodies
};

}  // namespace dreamdb
