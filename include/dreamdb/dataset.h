// A dataset: records at anchors of a timeline, versioned, on a store.
//
// A Dataset is a handle *pinned* to one version of one ref: what it reads never changes under it.
// `append` and the other writes move the ref and the handle; `refresh` follows others' writes.
// Costs are in requests (see docs/architecture.md); N is the number of records.
//
// Thread rule: reads of one handle may run from any number of threads; writes of one handle are
// serialised inside. A handle opened before a fork works in the child.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "dreamdb/batch.h"
#include "dreamdb/reports.h"
#include "dreamdb/result.h"
#include "dreamdb/schema.h"
#include "dreamdb/where.h"

namespace dreamdb {

// The largest anchor; 2^64-1 is not one.
inline constexpr uint64_t kAnchorMax = UINT64_MAX - 1;

// ---------------------------------------------------------------------------------- options

// Keeps what was read of a store in a folder on a local disk, verified each time it is used, for
// all processes that name the same folder and for any number of stores. What is kept there is not
// asked for again. Of use where a request takes long or costs money.
struct DiskCache {
  std::string folder;       // empty: what DREAMDB_CACHE says; none when that is not set either
  uint64_t size_bytes = 0;  // at least 16 MiB; 0: what DREAMDB_CACHE_SIZE says, else 20 GB
};

// So little that the peak on 10 GB stays within 64 MB of that on 1 GB, where it does not fill.
inline constexpr uint64_t kCacheBytes = 80ull << 20;

struct OpenOptions {
  std::optional<std::string> manifest;  // open this version (53-character address), not the tip
  std::optional<uint64_t> time_ns;      // open the newest version not younger than this
  uint64_t cache_bytes = kCacheBytes;   // verified pages, footers, blocks kept in memory
  DiskCache disk_cache = {};
  StoreStats* cost_of_failure = nullptr;  // gets what was asked of the store when opening fails
};

struct CreateOptions {
  int64_t origin_ns = 0;  // Unix time of anchor 0
  uint64_t cache_bytes = kCacheBytes;
  DiskCache disk_cache = {};
  StoreStats* cost_of_failure = nullptr;  // as of OpenOptions
};

// What to do with a row whose anchor already has another value of the same field. An equal value
// is never a conflict, and a row that fills a field its record lacks is not one either.
enum class OnConflict : uint8_t {
  kRefuse,   // fail with Conflict, naming the anchors; nothing is written
  kSkip,     // keep the old value
  kReplace,  // the new value wins; where a row has none the old one stays
};

struct AppendOptions {
  OnConflict on_conflict = OnConflict::kRefuse;
  // Applied at most once per dataset history: a second append with this key does nothing.
  // Conflict when that one had another number of rows: it was not the same append.
  std::string idempotency_key;
  // Called now and then with the bytes and rows written so far; return false to stop.
  std::function<bool(uint64_t rows, uint64_t bytes)> progress;
};

struct AppendReport {
  uint64_t rows = 0;             // given
  uint64_t records = 0;          // new records
  uint64_t filled = 0;           // rows that added a field to an existing record
  uint64_t unchanged = 0;        // rows that were there already, equal
  uint64_t skipped = 0;          // rows with a value kept back by kSkip
  uint64_t replaced = 0;         // rows with a value that replaced another
  bool already_applied = false;  // the idempotency key was there
  std::string manifest;          // of the version that has the rows
  std::vector<std::pair<uint64_t, uint64_t>> assigned;  // [first, last] of assigned anchors, if any
};

// Rows to append. Every column has `rows` rows. Without `anchors` they are assigned: ascending
// from the wall clock, 1,000 ns apart, never one that exists.
struct NewRows {
  size_t rows = 0;
  std::optional<Buffer> anchors;  // u64[rows], any order, no anchor twice
  std::vector<Column> columns;    // by field name; fields left out are absent
  // What errors call a row, by its place in `rows`: "rows.jsonl:17". Empty: "row 17", counted from
  // 0, from a writer's first row on.
  std::function<std::string(size_t row)> name_of_row = {};
};

struct WriterOptions {
  AppendOptions append;                // from its second commit on the idempotency key gets "/<n>"
  uint64_t commit_bytes = 1ull << 30;  // commit when this much has been written since the last
  uint64_t commit_rows = 1'000'000;
  uint64_t buffer_bytes = 48ull << 20;  // rows kept in memory before they become segments
};

struct ReadOptions {
  std::optional<std::vector<std::string>> fields;  // default: all, in schema order
  std::optional<Where> where;
  uint64_t start = 0;  // anchors in [start, end)
  uint64_t end = UINT64_MAX;
  size_t batch_rows = 256;              // every batch but the last has exactly so many
  uint64_t memory_bytes = 96ull << 20;  // bound of what is fetched ahead
  bool present_only = false;            // leave out records that lack all chosen fields
};

struct MergeOptions {
  bool dry_run = false;       // tell what would happen, conflicts too; no ref moves
  bool forward_only = false;  // Conflict where the ref cannot simply move on to the source
  // So many conflicts are told at most, of a few hundred bytes each. InvalidArgument: 0.
  size_t conflicts_max = 1000;
  MergeReport* refused = nullptr;  // gets the report when conflicts are the error
};

struct DeleteOptions {
  // Values of these fields alone: their records stay. Not of required fields.
  std::optional<std::vector<std::string>> fields;
  bool skip_missing = false;  // leave out anchors without a record
  std::string reason;         // stands in the `writer` of the version; at most 256 bytes
};

enum class Distance : uint8_t { kCosine, kInnerProduct, kL2 };

// The distance that the field's algorithm names: kL2 for "dreamdb.ivf-l2" and all that end so,
// kInnerProduct for "...-ip", else kCosine. What the command line and Python search by when nothing
// else is said.
Distance natural_distance(const Field& field);

struct SearchOptions {
  size_t top_k = 10;
  Distance distance = Distance::kCosine;
  std::optional<Where> where;
  std::optional<std::vector<std::string>> fields;  // default: all
  uint64_t start = 0, end = UINT64_MAX;
  // Through a spatial index, if the field has one for this distance: the cells that are read for a
  // query. 0: as many as had this recall@10 when the index was built. A recall above 0.95 also has
  // more rows compared exactly whose codes leave them in doubt, whatever `probes` says.
  size_t probes = 0;
  double recall = 0.95;
  bool exact = false;  // compare every row, whatever indexes there are
};

// How far a job has come; `stage`: "sample", "train", "encode", "measure", "write".
struct IndexProgress {
  std::string_view stage;
  uint64_t done = 0, of = 0;
};

// One of several workers that share a job: 0 to of - 1.
struct Shard {
  uint64_t index = 0, of = 1;
};

struct IndexOptions {
  // "dreamdb.ivf-cosine", "dreamdb.ivf-ip", "dreamdb.ivf-l2"; made faster, finding less for as many
  // cells: "dreamdb.imi-cosine" (pairs of centroids of the two halves of the dimensions),
  // "dreamdb.lsh-cosine" (sides of hyperplanes; a power of two of cells). Empty: the ivf of the
  // field's natural_distance, imi for a field of this name.
  std::string algorithm;
  size_t cells = 0;  // 0: 1 below 50,000 rows, else the greater of sqrt(rows) and rows / 4096
  std::optional<uint32_t> bits;  // of a code, for each dimension, 1 to 8; 1 when left out
  std::optional<uint64_t> seed;  // 0 when left out
  // Commits the index without codes: rows are searched exactly until shards, or appends, give them
  // theirs.
  bool train_only = false;
  // Encodes, under the index that there is, the segments without codes that fall to this worker by
  // their addresses. Whatever the others do, and however often it is stopped: what is committed
  // stays, and the next call goes on. It goes without the options above.
  std::optional<Shard> shard;
  // Of a shard: its codes are committed whenever they are of so many rows, in whole segments. Fewer
  // are lost when it is stopped; more are found with fewer requests.
  uint64_t commit_rows = 16'777'216;
  // Called many times; false ends the job with Cancelled, and nothing that is not committed is
  // changed.
  std::function<bool(const IndexProgress&)> progress;
};

// A scalar value: absent, bool, int or timestamp, float, string or categorical.
using Scalar = std::variant<std::monostate, bool, int64_t, double, std::string>;

// ---------------------------------------------------------------------------------- streams

// Batches in anchor order. Destroying it early stops the prefetching. Works in the process that
// opened it, not in a child of fork(): InvalidArgument there.
class BatchStream {
 public:
  // The next batch; nullopt at the end. After an error the stream is at its end.
  Result<std::optional<Batch>> next();

  class Impl;
  explicit BatchStream(std::unique_ptr<Impl> impl);
  BatchStream(BatchStream&&) noexcept;
  BatchStream& operator=(BatchStream&&) noexcept;
  ~BatchStream();

 private:
  std::unique_ptr<Impl> impl_;
};

// Versions along first parents, newest first. One request for each, fetched ahead in windows that
// grow to 256 versions, each in O(log) waves.
class HistoryStream {
 public:
  // nullopt after the first version, or where the history before was collected.
  Result<std::optional<CommitInfo>> next();
  // At the end: the depth of the newest version that was collected; nullopt: the first was reached.
  std::optional<uint64_t> collected() const;

  class Impl;
  explicit HistoryStream(std::unique_ptr<Impl> impl);
  HistoryStream(HistoryStream&&) noexcept;
  HistoryStream& operator=(HistoryStream&&) noexcept;
  ~HistoryStream();

 private:
  std::unique_ptr<Impl> impl_;
};

// Anchors of what is deleted, ascending, each once.
class TombstoneStream {
 public:
  // The next of them, u64, 65,536 at most; nullopt at the end.
  Result<std::optional<Buffer>> next();

  class Impl;
  explicit TombstoneStream(std::unique_ptr<Impl> impl);
  TombstoneStream(TombstoneStream&&) noexcept;
  TombstoneStream& operator=(TombstoneStream&&) noexcept;
  ~TombstoneStream();

 private:
  std::unique_ptr<Impl> impl_;
};

// Buffers rows and commits them by bytes or rows. What is not committed when it is destroyed is
// dropped: call `commit` at the end. In a child of fork() InvalidArgument, and nothing is written.
class Writer {
 public:
  // Takes the rows over; may write segments and commit. Errors as Dataset::append; after an error
  // of the store the rows since the last commit are dropped and the writer can go on.
  Status append(NewRows rows);
  // Commits what is buffered; the totals since the writer was made.
  Result<AppendReport> commit();
  // The totals so far, uncommitted rows included.
  const AppendReport& report() const;

  class Impl;
  explicit Writer(std::unique_ptr<Impl> impl);
  Writer(Writer&&) noexcept;
  Writer& operator=(Writer&&) noexcept;
  ~Writer();

 private:
  std::unique_ptr<Impl> impl_;
};

// ---------------------------------------------------------------------------------- dataset

class Dataset {
 public:
  // Makes the ref of `locator` ("URL@ref") with an empty version. AlreadyExists when it is there.
  // 3 waves.
  static Result<Dataset> create(std::string_view locator, const Schema& schema,
                                const CreateOptions& options = {});
  // Opens the tip of a branch or a snapshot. NotFound when there is none. 2 waves.
  static Result<Dataset> open(std::string_view locator, const OpenOptions& options = {});

  // What the handle is pinned to.
  const Schema& schema() const;
  std::string locator() const;    // URL@ref
  std::string store_url() const;  // URL
  std::string ref_name() const;   // "@<manifest>" for a handle opened by manifest or time
  std::string manifest() const;   // 53 characters
  std::string timeline() const;
  bool is_snapshot() const;
  uint64_t generation() const;

  // Moves the handle to the tip of its ref; true if it moved. At most 2 waves.
  Result<bool> refresh();

  // ---- writing (refused on snapshots and on handles pinned by manifest or time)

  // Appends and commits; 2 waves on a warm handle without contention. InvalidArgument: a value
  // that does not fit its field, an unknown or missing field, a bad anchor. Conflict: see
  // OnConflict. OutcomeUnknown: repeat with the same idempotency key or anchors.
  Result<AppendReport> append(NewRows rows, const AppendOptions& options = {});
  Result<Writer> writer(const WriterOptions& options = {});
  // Deletes records, or values of some of their fields: hidden from this version on, on every path,
  // also where a branch that has them is merged; no append brings them back (Conflict). The bytes
  // stay for older versions. anchors: any order. What is deleted already is left as it is, so a
  // repetition is safe. NotFound: anchors that never had a record, which it names; nothing is
  // deleted then. InvalidArgument: an unknown or required field, a reason that is too long.
  // 2 waves on a warm handle; O(anchors / page) pages are written.
  Result<DeleteReport> delete_records(std::span<const uint64_t> anchors,
                                      const DeleteOptions& options = {});
  // The same of the records that match now, in one commit; memory does not grow with them.
  Result<DeleteReport> delete_where(const Where& where, const DeleteOptions& options = {});
  // Makes a new version that has what that of `source` has: an older version of this ref, such as a
  // snapshot of it. Records and values that were deleted since are there again, those that came
  // since are not; no older version changes. Its manifest. InvalidArgument: the version of `source`
  // is not below this one. NotFound: it is no snapshot of this ref, and the versions that would
  // tell were collected. 2 waves on a warm handle and O(log) for the look at its history.
  Result<std::string> restore(const Dataset& source);
  // Adds a field; old records lack it until an append at their anchors fills it. It may be
  // `required` only while the dataset is empty.
  Status add_field(Field field);
  // Builds the spatial index of an embedding over the pinned version, or builds it anew, and
  // commits it; with `train_only` and `shard` in steps that many workers share. Appends keep it
  // fresh from then on; what is appended meanwhile by others is searched exactly. Reads the field
  // twice at most; memory does not grow with it, codes on their way stand in TMPDIR when they are
  // many (about 100 bytes a row). InvalidArgument: no embedding, no rows, more cells than rows, no
  // such shard, a shard with options of the training. NotFound: a shard, and the field has no index
  // yet. Conflict: the index was dropped or another one built meanwhile. Cancelled: `progress` said
  // so.
  Result<IndexInfo> reindex(std::string_view field, const IndexOptions& options = {});
  // Puts the index that the field has at the tip of `from`, a branch or snapshot of this dataset,
  // in place of its own: an index that is built on a branch is not in the way of searches here. One
  // commit, with both versions as its parents; nothing is encoded or copied. Rows that are here
  // alone are searched exactly until a shard encodes them. NotFound: no such ref, or no index
  // there. InvalidArgument: another dataset. Conflict: the index has codes of rows that are not
  // here, or the branch has changed more than the index; merge it then.
  Result<IndexInfo> take_index(std::string_view field, std::string_view from);
  // Searches are exact from then on. NotFound: the field has no index.
  Status drop_index(std::string_view field);
  // The indexes of this version.
  Result<std::vector<IndexInfo>> indexes() const;
  Status set_meta(std::string_view key, std::string_view value);
  Status remove_meta(std::string_view key);
  // Names the program that writes through this handle; stands in the `writer` of its versions.
  // InvalidArgument: over 256 bytes, control characters.
  Status set_application(std::string_view name, std::string_view revision);

  // ---- reading

  // Number of records; O(1) without a filter, else a scan of the columns it names.
  Result<uint64_t> count(const std::optional<Where>& where = std::nullopt) const;
  // Streams records in anchor order; `fields` = {} streams anchors alone.
  Result<BatchStream> stream(const ReadOptions& options = {}) const;
  // The records at `anchors`, in their order. NotFound names the anchors that do not exist; with
  // `skip_missing` they are left out. At most 4 waves.
  Result<Batch> take(std::span<const uint64_t> anchors,
                     const std::optional<std::vector<std::string>>& fields = std::nullopt,
                     bool skip_missing = false) const;
  // queries: [count, dim] float32, row-major. The nearest records of each query, scored exactly:
  // through the field's spatial index if there is one, else of all; never fewer than
  // min(top_k, matches). With an index 2 waves on a warm handle; without, all rows are read.
  // InvalidArgument: a field that is no embedding, another dimension, NaN or infinity, a zero
  // vector under cosine, a recall not above 0 or above 1. Corruption: the index is damaged; `exact`
  // searches without it.
  Result<SearchAnswer> search(std::string_view field, std::span<const float> queries, size_t count,
                              const SearchOptions& options = {}) const;
  // The anchors in [start, end) of deleted records, or of deleted values of a field.
  Result<TombstoneStream> tombstones(const std::optional<std::string>& field = std::nullopt,
                                     uint64_t start = 0, uint64_t end = UINT64_MAX) const;
  // Distinct values of a scalar field with their counts, most frequent first, then by value.
  Result<std::vector<std::pair<Scalar, uint64_t>>> distinct_values(std::string_view field) const;

  // ---- versions
  //
  // `restore`, `snapshot`, `branch` and `merge` keep what they lead to from collections. The tip of
  // a ref is kept anyway: one that was read more than 30 minutes ago is looked at again, one
  // request. For another version (a handle opened by manifest or time, or whose ref has moved) a
  // session is written meanwhile, 5 requests; and Conflict: a collection is under way that may be
  // about to delete it, so nothing was made. NotFound: it is gone.

  // Makes the ref "<ref>@<label>", which never moves. AlreadyExists. 2 waves.
  Result<RefInfo> snapshot(std::string_view label);
  // Makes a new branch at the pinned version and opens it. AlreadyExists. 2 waves.
  Result<Dataset> branch(std::string_view name) const;
  Result<HistoryStream> history() const;
  // The version at `depth` steps from the first one. NotFound: it was collected, or one on the way.
  // O(log) requests.
  Result<CommitInfo> version_at(uint64_t depth) const;
  // What differs between this version and that of `other` (same space or not).
  Result<DiffReport> diff(const Dataset& other) const;
  // Merges the versions of `sources`, datasets of the same space and timeline, into this ref: the
  // ref moves on where its version is an ancestor of the only source, else one new version gets
  // what any of them has (spec 6.5). Reads pages that differ, and values only where both sides
  // wrote the same field at the same anchors: the same bytes are one value, others are a Conflict
  // that names them. Merges anew when the ref moves meanwhile. InvalidArgument: another space or
  // timeline. O(log N) waves for each source; a few pages, a manifest and a swap are written.
  Result<MergeReport> merge(std::span<const Dataset> sources, const MergeOptions& options = {});
  Result<MergeReport> merge(const Dataset& source, const MergeOptions& options = {});
  std::vector<std::pair<std::string, std::string>> meta() const;
  Result<DatasetStat> stat() const;

  // ---- the space

  // Refs of the space, by name, at most `limit` after `start_after`.
  Result<std::vector<RefInfo>> list_refs(std::string_view prefix = "",
                                         std::string_view start_after = "",
                                         size_t limit = 1000) const;
  Status delete_ref(std::string_view name);  // a snapshot of `main` also by its label alone
  StoreStats store_stats() const;

  class Impl;
  explicit Dataset(std::shared_ptr<Impl> impl);
  // What the calls of dreamdb/upkeep.h work on.
  Impl& impl() const { return *impl_; }

 private:
  std::shared_ptr<Impl> impl_;
};

// Refs of a space without opening a dataset; `stats`, when given, gets what it cost, also when it
// fails. NotFound when there is no such store.
Result<std::vector<RefInfo>> list_refs(std::string_view store_url, std::string_view prefix = "",
                                       std::string_view start_after = "", size_t limit = 1000,
                                       StoreStats* stats = nullptr);

}  // namespace dreamdb
