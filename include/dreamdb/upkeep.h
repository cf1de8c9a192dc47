// Upkeep of datasets and their spaces: jobs that an operator starts, and nothing starts by itself.
//
// Each can tell what it would do before it does it (`dry_run`), can be stopped at any time and
// called again, and disturbs no reader: a version that somebody has open stays as it is.
//
// Thread rule: functions may be called from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dreamdb/dataset.h"
#include "dreamdb/reports.h"
#include "dreamdb/result.h"

namespace dreamdb {

// -------------------------------------------------------------------------------------- collection

// How far a collection has come; `stage`: "refs", "mark", "sweep".
struct GcProgress {
  std::string_view stage;
  uint64_t versions = 0, pages = 0;  // read
  uint64_t listed = 0, deleted = 0;  // objects
};

struct GcOptions {
  // How much of each branch's history stays: so many versions, and all that were its tip within so
  // long, whichever is more. Neither: all of it. Snapshots stay always, and the tips.
  std::optional<uint64_t> keep_last = {};  // at least 1
  std::optional<uint64_t> keep_ns = {};
  std::vector<std::string> keep = {};  // versions that stay besides; addresses of 53 characters
  bool dry_run = false;                // tell what would be deleted; write nothing
  Shard shard = {};  // the part of the objects that falls to this worker; `of` <= 256
  // For telling what is needed from what is not. Where it is too little, the work is done in
  // several rounds, each of which reads the versions anew.
  uint64_t memory_bytes = 128ull << 20;
  // Called many times; false ends the call with Cancelled. What is deleted by then stays so.
  std::function<bool(const GcProgress&)> progress = {};
};

struct GcTotal {
  uint64_t objects = 0, bytes = 0;
};

// listed = live + condemned + guarded + unknown, in objects and in bytes. Guarded is what is called
// protected elsewhere, which is a word of C++.
struct GcCounts {
  GcTotal listed;
  GcTotal live;       // a ref that stays leads to it, or it may be needed: see `MarkFilter`
  GcTotal condemned;  // deleted, or in a dry run what would be
  GcTotal guarded;    // nothing leads to it, but it is younger than an hour or than a writer's work
  GcTotal unknown;    // no key of this format; never touched
};

struct GcReport {
  GcCounts all;
  std::map<std::string, GcCounts> by_kind;  // "manifests", "pages", "segments", ..., "other"
  GcTotal deleted;
  uint64_t refs = 0;
  uint64_t versions = 0;       // that stay, each counted once
  uint64_t sessions = 0;       // that are live
  uint64_t fenced = 0;         // sessions that had expired, and were ended
  uint64_t epochs = 0;         // branches whose epoch was raised
  uint64_t rounds = 0;         // see `memory_bytes`
  uint64_t older_than_ns = 0;  // what is younger was left alone; Unix time by the store's clock
  bool dry_run = false;
  StoreStats cost;
};

// Deletes what no version that stays names, and the versions that do not stay. Safe beside any
// number of writers, readers and other collections; may be stopped anywhere and called again.
// Corruption, Unsupported: something that a ref leads to cannot be read; the message names it, and
// nothing was deleted. Denied: the store may not be written. Conflict: this process slept so long
// that another collection ended its session; call it again.
// Cost: each version and page that stays is read once a round, the space is listed once, a
// request for each 1,000 objects that go, and a few for each branch.
Result<GcReport> gc(std::string_view store_url, const GcOptions& options = {});

// ---------------------------------------------------------------------------------------- sessions

struct SessionInfo {
  std::string id;     // 32 hexadecimal digits
  std::string role;   // "writer", "reader", "collector"
  std::string state;  // "live", "expired": it has not been heard of for 20 minutes; "fenced"
  std::string ref;    // that is written to; empty: none
  std::string host, program;
  uint64_t process = 0;
  uint64_t start_ns = 0;          // by its own clock, Unix nanoseconds
  uint64_t beat_ns = 0;           // when it was last heard of, by the store's clock
  std::vector<std::string> pins;  // versions that stay readable for it
};

// Who is at work on the space, by id. Two requests, and one for each session.
Result<std::vector<SessionInfo>> list_sessions(std::string_view store_url);

// Ends a session, live or not: what it has not committed it never will, and a writer that is alive
// is told so by its next commit (Conflict). Raises the epoch of every branch. Without an id all
// that have expired are ended. Returns how many were. NotFound: no such session.
Result<uint64_t> fence_sessions(std::string_view store_url,
                                const std::optional<std::string>& id = std::nullopt);

// -------------------------------------------------------------------------------------- compaction

struct CompactOptions {
  bool dry_run = false;  // plans, and changes nothing
  // Writes every segment anew that holds values of deleted records, without them. They are gone
  // from this version then, and from the store once versions that have them are collected.
  bool purge = false;
  // The part of the work that falls to this worker. Whatever the others do, and however often it is
  // stopped: what is committed stays.
  std::optional<Shard> shard;
  uint64_t commit_bytes = 4ull << 30;  // commits when so much has been read since the last time
  // Of a full segment; what is less than half of it is small.
  uint64_t segment_bytes = 64ull << 20;
  uint64_t segment_rows = 131'072;
  // About so many segments of a track are planned together, and become others in a commit: some 500
  // bytes of memory for each.
  uint64_t entries_at_once = 65'536;
  // Called many times; `stage` is "compact", `done` and `of` are bytes of the segments that were
  // looked at, and of all; from 0 again where what is left takes another round. False ends the job
  // with Cancelled, and what is committed stays.
  std::function<bool(const IndexProgress&)> progress;
};

struct CompactedTrack {
  std::string name;       // field name; "(records)" for the record track
  bool is_codes = false;  // of the field's index
  uint64_t segments = 0;  // of the track, before
  // Those that become others, and what they become: in a plan about as many.
  uint64_t segments_read = 0, segments_written = 0;
  uint64_t bytes_read = 0, bytes_written = 0;
  uint64_t rows_read = 0, rows_written = 0;
};

struct CompactReport {
  std::string manifest;                // of the ref afterwards
  std::vector<CompactedTrack> tracks;  // those with something to do
  uint64_t commits = 0;
  // Pieces of work that were given up because somebody else took their segments away, or put
  // values between them; and those that are left since others are at work all the time.
  uint64_t given_up = 0;
};

// Makes few large segments of many small ones, in every track and index of the dataset's ref, folds
// layers of scalar values into their records, and commits. Records and values stay the same; a
// merge with a branch that still has the small ones brings none of them back (spec 6.7). Holds a
// few segments in memory, and what is planned together; a purge, some 500 bytes for each of a
// track's segments, once the small ones among them are joined. Appends, deletes and merges go on
// meanwhile. Conflict: the ref moved again and again. Cancelled: `progress` said so.
Result<CompactReport> compact(Dataset& dataset, const CompactOptions& options = {});

// ------------------------------------------------------------------------------------- fingerprint

// Of records: equal for two versions exactly when they have the same anchors with the same values
// of the same fields, whatever their histories are (spec 13).
struct Fingerprint {
  std::string text;  // 64 hexadecimal digits
  uint64_t records = 0;
  // What all shards of a version have is joined to that of the version: 4,112 hexadecimal digits.
  std::string part;
};

struct FingerprintOptions {
  // A part of the records, by ranges of anchors that have about as many, in whole segments.
  std::optional<Shard> shard;
  // Called many times with records so far; false ends the job with Cancelled.
  std::function<bool(uint64_t done)> progress;
};

// Reads every value of the pinned version, or of a shard, once; memory does not grow with it.
// InvalidArgument: no such shard.
Result<Fingerprint> fingerprint(const Dataset& dataset, const FingerprintOptions& options = {});

// parts: of shards no two of which are the same. InvalidArgument: one is no such text.
Result<Fingerprint> join_fingerprints(std::span<const std::string> parts);

// ---------------------------------------------------------------------------------- verify

// Something that is not as it must be.
struct Damage {
  std::string key;  // of the object
  // "missing": it is not there. "damaged": its bytes are not those that its name says. "wrong": it
  // says what cannot be beside what others say, which is a bug of who wrote it.
  std::string kind;
  std::string what;
  // What it is part of: a field, "(records)", "(codes of emb)", "(ledger)"...; empty: the version.
  std::string field;
  // Of a field, where its anchors lie: those of a segment, or of all below a page.
  uint64_t first = 0, last = 0;
};

struct VerifyProgress {
  uint64_t segments = 0, segments_all = 0;  // those of the trees that were begun
  uint64_t bytes = 0;                       // read of segments
};

struct VerifyOptions {
  // Reads every byte of the segments. Without it only their footers are read.
  bool data = false;
  // Of `data`: which part of the segments is read whole, chosen by their addresses: always the
  // same ones.
  double sample = 1;
  // Every ref of the store.
  bool all_refs = false;
  // Which segments are looked at, by their addresses, and which damage is told. Every shard reads
  // all pages.
  std::optional<Shard> shard;
  size_t damages_max = 1000;
  // Called many times; false ends the job with Cancelled.
  std::function<bool(const VerifyProgress&)> progress;
};

struct VerifyReport {
  uint64_t versions = 0, pages = 0, segments = 0;  // looked at
  uint64_t versions_gone = 0;                      // that these name, and that were collected
  uint64_t segments_whole = 0;                     // of them, read to the last byte
  uint64_t bytes = 0;                              // read of segments
  std::vector<Damage> damages;                     // the first `damages_max`
  uint64_t damage_count = 0;                       // all

  bool is_clean() const { return damage_count == 0; }
};

// Looks for all damage in the pinned version: of its manifest and the versions that its jump list
// names, of every page of every tree, of every segment; with `data` of every byte, and whether each
// anchor is that of exactly one record. Older versions that are not there are taken for collected.
// Nothing that was read before is trusted, nothing is kept.
// What is damaged is asked for twice, so that a bit that flips on the way is no damage. Memory does
// not grow with the version but for a number a page. InvalidArgument: no such shard, a sample that
// is not above 0 and at most 1. Others: the store did not answer.
Result<VerifyReport> verify(const Dataset& dataset, const VerifyOptions& options = {});

// The same of the version that a ref names, also if it cannot be opened. NotFound: no such ref.
// `stats` gets what was asked of the store.
Result<VerifyReport> verify(std::string_view locator, const VerifyOptions& options = {},
                            StoreStats* stats = nullptr);

// ---------------------------------------------------------------------------------- repair

// Rows that a repaired version has not any more.
struct LostRows {
  std::string key;    // of the segment or page that is lost
  std::string field;  // whose values they are; "(records)": records with all they had
  uint64_t first = 0, last = 0;
  uint64_t rows = 0;
  // u64[rows], ascending; empty where nothing that is left tells them: then all that is known is
  // that they lie from `first` to `last`.
  Buffer anchors;
};

struct RepairOptions {
  bool dry_run = false;  // tell what would be lost; nothing is written
  bool data = true;      // read every byte; else only what `verify` reads without `data`
  // Gets all that is lost, in pieces of at most 65,536 rows; an error ends the job.
  std::function<Status(const LostRows&)> on_lost;
  std::function<bool(const VerifyProgress&)> progress;  // as of VerifyOptions
};

struct RepairReport {
  // "clean": nothing of the version is lost, and nothing was done. "repaired": a new version.
  // "planned": a dry run of that.
  std::string outcome;
  std::string manifest;  // of the ref afterwards
  uint64_t pages_lost = 0, segments_lost = 0;
  uint64_t records_lost = 0;    // that are gone; where pages are lost, at most so many
  uint64_t records_kept = 0;    // that were introduced by what is lost, and live on
  uint64_t rows_uncovered = 0;  // of embeddings: searched exactly until they are encoded again
  std::vector<std::string> indexes_dropped;  // fields
  std::vector<std::string> lists_cut;        // "(ledger)"...: trees without data that lost entries
  VerifyReport found;                        // before
};

// Publishes a version of the ref without what is lost, missing or damaged, of the handle's version:
// segments as a whole, pages with all below. Records that were introduced by what is lost and have
// values left are introduced anew. No object is deleted, and the version before stays. Where a
// value is lost that had replaced another, the other shows again. Does not mend manifests: without
// that of its version a handle cannot be opened, and lost ones of older versions stay lost. Merges
// do not bring back what was taken out. Errors as of `append` and `verify`.
Result<RepairReport> repair(Dataset& dataset, const RepairOptions& options = {});

}  // namespace dreamdb
