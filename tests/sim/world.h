// A store in memory, all who work on it, and what is true of it at each moment.
//
// At each swap of a ref that takes place the world looks at the store itself, without faults: the
// ref must go on from where it was, by one of the calls that are under way or whose outcome nobody
// knows, and the new version must hold, whole, what that call makes of the one below it by the
// model (tests/model/version.h). What calls are told is held against that.
//
// Thread rule: one actor of the scheduler at a time.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "dataset/dataset_impl.h"
#include "dreamdb/upkeep.h"
#include "tests/model/version.h"
#include "tests/sim/process.h"
#include "tests/sim/tally.h"

namespace dreamdb::sim {

// One wish to change a ref, however often it is tried.
struct Call {
  std::string what;  // verb and arguments
  std::string ref;   // that changes
  // What it makes of a version, and of its manifest; empty: it only points the ref to one of
  // `targets`.
  std::function<model::Outcome(const model::ModelVersion&, const std::string&)> apply = {};
  std::vector<std::string> targets = {};  // manifests
  // Versions that it reads besides that of its handle.
  std::vector<std::string> reads = {};
  bool names = false;    // a version that is there, in a ref or a version that it makes
  bool removes = false;  // the ref itself
  bool once = false;     // at most once, however often it is tried
  bool undoes = false;   // goes back: what was done once may be done again
  // In commits of which each stays, also when the call ends with an error.
  bool compacts = false;
  bool purges = false;  // a compaction that does
  // Of a merge into a version: whether what both sides had in common may be gone, and what becomes
  // of it then.
  std::function<bool(const std::string&)> is_apart = {};
  std::function<model::Outcome(const model::ModelVersion&, const std::string&)> apply_apart = {};
  // Of a merge that may be refused, and need not be: what it makes then.
  std::function<model::Outcome(const model::ModelVersion&)> apply_leniently = {};
  // Refusals that are right whatever the model says.
  std::function<bool(const Error&)> may_refuse = [](const Error&) { return false; };

  size_t applied = 0;  // how often it took place
  size_t stands = 0;   // of these, since its ref was made
  size_t tries = 0;
  bool is_under_way = false;
  bool is_unknown = false;  // a try ended without an answer
  bool is_open() const { return is_under_way || is_unknown; }
};
using CallPtr = std::shared_ptr<Call>;

// What it is like in a world.
struct Weather {
  bool is_calm = false;       // nothing fails, so nothing but what the model refuses may be refused
  bool is_slow = false;       // hours pass, and garbage is collected
  bool keeps_little = false;  // of history, when it is collected
};

class World;

// One life of an actor: it ends with a crash.
class Process final : public Witness {
 public:
  Process(World& world, uint64_t seed, uint64_t cache_bytes, StoreOps steps_at);

  SimRuntime& runtime() { return runtime_; }
  FaultStore& faults() { return *faults_; }
  std::shared_ptr<Store> store() const { return faults_; }
  const std::shared_ptr<Space>& space() const { return space_; }

  void before_put(const std::string& key) override;
  void swapped(const std::string& key) override;

 private:
  friend class World;
  World& world_;
  SimRuntime runtime_;
  std::shared_ptr<FaultStore> faults_;
  std::shared_ptr<Space> space_;
  CallPtr call_;  // what it is at
};

class World {
 public:
  World(Scheduler& scheduler, uint64_t seed, const Weather& weather);

  Process& start_process(uint64_t cache_bytes, StoreOps steps_at = kAllOps);

  // The dataset as all find it: ref `main`, a few records.
  void set_up(std::span<const model::Row> rows);

  // One try of a call through a handle on `call->ref`, or on what is to be named.
  Status attempt(Process& process, const CallPtr& call, const Dataset& handle,
                 const std::function<Status()>& act);

  // A number that no other write has.
  uint64_t next_write() { return ++last_write_; }

  // What a read of the handle's version gave: that version, or an error that is fair.
  void judge_read(const Dataset& handle, const Result<model::State>& read);
  // The same of what `model::compare_paths` says.
  void judge_paths(const Dataset& handle, const Result<std::string>& compared);
  void judge_error(const Error& error);
  // What it counted adds up, and it deletes nothing that a ref leads to.
  void judge_collection(const Result<GcReport>& report);
  // A version that was opened by its address is there, or gone by right.
  void judge_opened(const std::string& manifest, const Result<Dataset>& opened);

  // One collection at a time is told of. Between the two what it need not keep may go; afterwards
  // nobody may count on it.
  void begin_collection(const GcOptions& options);
  void end_collection();
  // Versions that a session of somebody keeps from now on, instead of those that it kept.
  void pin(const void* who, std::vector<std::string> manifests);
  void unpin(const void* who);
  // Whether no collection may touch it: it is pinned, a tip, a snapshot's version, or of the
  // history of a branch that is kept.
  bool is_promised(const std::string& manifest) const;
  // Those that a call on a handle of `base` needs.
  bool all_promised(const Call& call, const std::string& base) const;
  // Whether versions that tell what two versions have in common may be gone.
  bool is_apart(const std::string& target, const std::string& source) const;

  // The model of a version that some ref had.
  const model::ModelVersion& version(const std::string& manifest) const;
  const std::map<std::string, std::string>& refs() const { return refs_; }  // to manifests
  // Whether a version is the other one, or has it below it along first parents.
  bool stands_on(const std::string& manifest, const std::string& below) const;
  // So many versions below it along first parents, or the first one.
  std::string below(const std::string& manifest, uint64_t steps) const;
  // Versions and all below them, but for those that are left out.
  std::set<std::string> ancestry(std::vector<std::string> of,
                                 const std::set<std::string>& left_out) const;
  Scheduler& scheduler() { return scheduler_; }
  // The store itself, without faults, steps and judge; and its clock.
  const std::shared_ptr<MemoryStore>& store() const { return store_; }
  Runtime& runtime() { return runtime_; }
  bool is_calm() const { return weather_.is_calm; }
  bool is_slow() const { return weather_.is_slow; }
  bool keeps_little() const { return weather_.keeps_little; }
  void set_one_author() { has_one_author_ = true; }
  bool has_one_author() const { return has_one_author_; }
  const Tally& tally() const { return tally_; }
  uint64_t faults() const;

  // What processes that are dead sent, and was on its way, arrives.
  void deliver_late();
  // Late requests arrive; what is garbage is collected; then every ref, and where something was
  // collected every version below them, is read once more, and every ref can be written to.
  void finish();

  void fail(const std::string& what);
  const std::optional<std::string>& failure() const { return failure_; }

  // What a process puts, and swaps, at the moment when it takes place.
  void note_put(const std::string& key, const CallPtr& call);
  void judge_swap(const std::string& key, const CallPtr& likely);

 private:
  void judge_commit(const std::string& name, const Dataset& tip);
  void judge_named(const std::string& name, const std::string& target, const CallPtr& likely);
  void judge_removed(const std::string& name, const CallPtr& likely);
  // That a version which says the same as the one below it is read so, by every path.
  void judge_same(const Call& call, const Dataset& tip, const std::string& below);
  // Nothing that is not promised now will be.
  void let_go();
  bool is_pinned(const std::string& manifest) const;
  bool is_led_to(const std::string& manifest) const;
  bool stays_on(const std::string& name, const std::string& manifest) const;
  bool was_tip_lately(const std::string& name, const std::string& manifest) const;
  // Whether the running collection, if any, has met the ref as it is: it may not have.
  bool is_known(const std::string& name) const;
  void collect_the_rest();
  void judge_old_versions();
  bool may_stay(const std::string& manifest) const;
  void purge_the_rest(Dataset& ds);
  void judge_structure(const Dataset& ds, const std::string& what, bool data);
  void judge_read_error(const Dataset& handle, const Error& error);
  bool may_refuse(const Call& call, std::span<const std::string> met, const Error& error) const;
  bool has_all_of(const Call& call, std::span<const std::string> met) const;
  CallPtr find_open(const CallPtr& likely, const std::function<bool(const Call&)>& is_it) const;

  Scheduler& scheduler_;
  std::mt19937_64 seeds_;
  const Weather weather_;
  mutable SimRuntime runtime_;  // the clock of the store
  std::shared_ptr<MemoryStore> store_;
  std::shared_ptr<Space> judge_;
  std::vector<std::unique_ptr<Process>> processes_;
  std::vector<CallPtr> calls_;
  std::map<std::string, CallPtr> owners_;  // by key of a manifest, whose it was first
  std::map<std::string, model::ModelVersion> versions_;
  std::map<std::string, std::vector<std::string>> parents_;
  std::map<std::string, std::string> refs_;               // manifests
  std::map<std::string, std::vector<std::string>> tips_;  // all that a ref ever had; "": none
  std::optional<std::string> failure_;
  Tally tally_;
  uint64_t last_write_ = 0;
  // Left by all that kept them: they may go, also where a branch is made above them.
  std::set<std::string> abandoned_;
  // Kept by nothing but a pin when a collection ended: once it is no more, or turns out to have
  // been none, because its session had expired, they may be gone.
  std::set<std::string> only_pinned_;
  using Pins = std::map<std::string, uint64_t>;  // manifests, since when
  std::map<const void*, Pins> pins_;
  struct Running {  // a collection
    GcOptions options;
    uint64_t begins_ns = 0;
    std::map<std::string, size_t> tips;  // of each ref: how many it had had
  };
  std::optional<Running> running_;
  // By ref and manifest: when the ref ceased to name it.
  std::map<std::pair<std::string, std::string>, uint64_t> left_ns_;
  std::map<std::string, uint64_t> put_ns_;  // by key of a manifest: when it was put first
  std::map<std::string, uint64_t> times_;   // by manifest: by the clock of its writer
  bool has_one_author_ = false;
  bool is_undone_ = false;  // some ref went back
};

}  // namespace dreamdb::sim
