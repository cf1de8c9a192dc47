// Upkeep of a space: what operators do now and then, and nobody behind their backs.
//
// Thread rule: functions may be called from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
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

// listed = live + condemned + guarded + unknown, in objects and in bytes.
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

}  // namespace dreamdb
