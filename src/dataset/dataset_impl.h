// What a Dataset handle holds: its space and the version it is pinned to.
//
// Thread rule: `tip` and `set_tip` from any thread; writers hold `write_mutex` throughout.
#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "dataset/space.h"
#include "runtime/fork.h"
#include "runtime/moment.h"
#include "version/commit.h"
#include "version/history.h"

namespace dreamdb {

class Dataset::Impl {
 public:
  // pinned: opened by manifest or time; `tip.name` is then "@<manifest>" and never written.
  Impl(std::shared_ptr<Space> space, Tip tip, bool pinned);

  Space& space() const { return *space_; }
  const std::shared_ptr<Space>& shared_space() const { return space_; }
  Objects& objects() const { return space_->objects(); }

  Tip tip() const;
  ManifestPtr manifest() const { return tip().manifest; }
  const Schema& schema() const;  // stays valid while the handle lives
  void set_tip(Tip tip);
  bool pinned() const { return pinned_; }

  // Denied when the handle cannot be written through.
  Status check_writable() const;

  // Whether no collection can have the version on its list, because it is the handle's tip and was
  // read as one just now (S11.17). Where that is long ago the ref is read again: one request.
  bool is_fresh(const Address& version) const;
  // A new ref to the tip. Errors as create_ref, and of VersionHold.
  Result<Tip> make_ref(std::string_view name, bool snapshot) const;

  // Commits with `write_mutex` held and moves the handle.
  Status commit(Change change, const Rebase& rebase, const Commutes& commutes = {});

  // Moves the ref, and the handle, to a version that stands above the handle's; with `write_mutex`
  // held. False: the ref had moved, and the handle is at its tip now.
  Result<bool> advance(const VersionPoint& to);

  // For who says that the dataset has something already: whoever committed it may not have lived
  // to sync it.
  Status make_durable();

  // First anchor for `rows` records to come, 1,000 ns apart: after the clock, after what this
  // handle gave before, in a residue class of its own, so that parallel writers seldom meet.
  Result<uint64_t> assign_anchors(size_t rows);

  // A child after fork() gets a mutex of its own: the parent's may be held by a thread that the
  // child does not have.
  std::mutex& write_mutex();

  // Whom manifests name as their writer from now on.
  void set_program(std::string program);

 private:
  const std::shared_ptr<Space> space_;
  const bool pinned_;
  mutable ForkSafeMutex tip_mutex_;
  Tip tip_;
  mutable Moment tip_read_;
  std::vector<ManifestPtr> kept_schemas_;  // manifests whose schema `schema()` has handed out
  std::shared_ptr<std::mutex> write_mutex_ = std::make_shared<std::mutex>();
  std::vector<std::shared_ptr<std::mutex>> left_mutexes_;  // of the processes before a fork
  uint64_t fork_generation_ = fork_generation();
  Committer committer_;
  std::optional<int64_t> origin_ns_;
  uint64_t next_assigned_ = 0;
};

// Dataset::create and Dataset::open on a space that is open already: what the tests do on stores
// that count, fail or crash.
Result<Dataset> create_in(const std::shared_ptr<Space>& space, const std::string& ref,
                          const Schema& schema, const CreateOptions& options = {});
Result<Dataset> open_in(const std::shared_ptr<Space>& space, const std::string& ref,
                        const OpenOptions& options = {});

// The fields named, or all in schema order. InvalidArgument for an unknown name.
Result<std::vector<const Field*>> choose_fields(
    const Schema& schema, const std::optional<std::vector<std::string>>& names);

}  // namespace dreamdb
