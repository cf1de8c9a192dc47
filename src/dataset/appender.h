// Rows on their way into a version: checked, cut into segments, put, committed.
//
// Groups of rows become segments as they come; a commit puts them all into the version at once.
// When another writer was first, each group is checked against the new tip; only a group that
// meets its anchors is read back and written anew.
//
// Thread rule: one thread at a time, with the handle's write mutex held.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataset/build.h"
#include "dataset/dataset_impl.h"
#include "runtime/thread_pool.h"
#include "version/live_session.h"

namespace dreamdb {

class Appender {
 public:
  Appender(Dataset::Impl& dataset, OnConflict on_conflict)
      : dataset_(dataset),
        on_conflict_(on_conflict),
        session_(dataset.objects().store(), dataset.space().runtime(), dataset.space().writer()) {}
  ~Appender();

  // Checks rows against the pinned version and makes them a group. With `spill` its segments are
  // built and put in the background, else they are built here and go up with the commit.
  // Conflict, InvalidArgument: nothing is kept. With `spill` also errors of groups before it.
  Status add(NewRows rows, bool spill);

  // Whether `rows` meets anchors that were added since the last commit.
  bool meets_pending(const NewRows& rows) const;

  // What an append of `rows` rows under `key` (empty: none) says when the version has it already;
  // what it found is on the disk then. Errors as `has_key`.
  Result<std::optional<AppendReport>> find_applied(const std::string& key, uint64_t rows) const;

  // Commits what was added. `key`: idempotency key or empty; when the version has it already,
  // nothing is committed and the report says so. After an error what was added is forgotten.
  Result<AppendReport> commit(const std::string& key);

  // Forgets what was added since the last commit.
  void drop();

  uint64_t pending_rows() const { return pending_rows_; }
  uint64_t pending_bytes() const { return pending_bytes_; }
  bool empty() const { return groups_.empty(); }

 private:
  struct Group {
    Buffer anchors;  // ascending
    std::vector<std::string> fields;
    Address base;  // the version it was checked against
    ManifestPtr base_version;
    bool assigned = false;
    bool all_fresh = false;
    // As in Selection: values that are in no segment.
    std::vector<std::vector<bool>> same;
    std::vector<bool> skipped;
    std::vector<TrackSegment> segments;  // when they are built
    AppendReport counts;
  };
  struct Work;

  // A group without segments, and what is to be built of it.
  Result<Group> make_group(SortedRows rows, bool assigned, const Tip& tip, Work& work);
  Result<IndexMap> find_indexes(const Manifest& manifest, std::span<const Field* const> fields);
  Result<Group> build_group(SortedRows rows, bool assigned, const Tip& tip);
  Status add_rows(NewRows rows, bool spill);
  void look_at(const Error& error);
  Status start_work(std::shared_ptr<Work> work);
  Status finish_work(size_t left_max);
  // Whether all groups go onto `moved` as they are (Commutes).
  Result<bool> goes_onto(const Tip& moved, const std::string& key);
  Result<bool> rebase(const Tip& moved, Change& change, const std::string& key);
  Result<SortedRows> read_back(const Group& group, const Schema& schema);
  Status restore_same(const Group& group, SortedRows& rows);
  Status assign(const Manifest& manifest, const Group* own, SortedRows& rows);
  bool meets_groups(std::span<const uint64_t> sorted, const Group* except) const;
  Result<AppendReport> commit_groups(const std::string& key);
  void fill_change(Change& change) const;
  uint64_t given_rows() const;  // of all groups
  AppendReport applied_report(uint64_t rows) const;
  // False: the dataset has all of it already.
  Result<bool> commit_change(Change change, const std::string& key, AppendReport& report);

  Dataset::Impl& dataset_;
  const OnConflict on_conflict_;
  LiveSession session_;  // asks the store for nothing unless this takes long
  std::vector<Group> groups_;
  uint64_t pending_rows_ = 0;
  uint64_t pending_bytes_ = 0;
  std::vector<PutRequest> unput_;            // segments that go up with the commit
  std::atomic<bool> stop_ = false;           // what is put in the background is wanted no more
  std::deque<std::shared_ptr<Work>> works_;  // under way, in the order of their groups
};

// The ledger entry of an idempotency key (spec 6.4).
Entry ledger_entry(const std::string& key, uint64_t rows);
// Whether the version has the key.
// Conflict: of another number of rows, so not the same append.
Result<bool> has_key(Objects& objects, const Manifest& manifest, const std::string& key,
                     uint64_t rows);

}  // namespace dreamdb
