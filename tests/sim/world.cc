#include "tests/sim/world.h"

#include <algorithm>

#include "tests/model/paths.h"

namespace dreamdb::sim {

using model::ModelVersion;

namespace {

constexpr std::string_view kRefs = "refs/";

// What a writer says that was held up so long that others may have taken it for dead, or that lost
// races for ten minutes.
bool is_of_pauses(const Error& error) {
  return error.code == Code::kConflict &&
         (error.message.find("slept so long") != std::string::npos ||
          error.message.find("publish conflict") != std::string::npos);
}

// What was looked for is not there any more.
bool is_of_the_collected(const Error& error) {
  return error.message.find("is missing although") != std::string::npos ||
         error.message.find("was collected") != std::string::npos ||
         error.message.find("were collected") != std::string::npos || error.code == Code::kNotFound;
}

// A collection may be about to delete what was to be named.
bool is_of_a_collection(const Error& error) {
  return error.code == Code::kConflict &&
         error.message.find("a collection is under way") != std::string::npos;
}

bool is_refusal(Code code) {
  return code == Code::kConflict || code == Code::kAlreadyExists ||
         code == Code::kInvalidArgument || code == Code::kNotFound || code == Code::kDenied;
}

}  // namespace

Process::Process(World& world, uint64_t seed, uint64_t cache_bytes, StoreOps steps_at)
    : world_(world), runtime_(world.scheduler(), seed) {
  const auto steps = std::make_shared<StepStore>(world.store(), world.scheduler(), *this, steps_at);
  faults_ = std::make_shared<FaultStore>(steps, FaultPlan{}, runtime_);
  space_ = Space::on(faults_, "memory://sim", cache_bytes, runtime_);
}

void Process::before_put(const std::string& key) { world_.note_put(key, call_); }

void Process::swapped(const std::string& key) { world_.judge_swap(key, call_); }

World::World(Scheduler& scheduler, uint64_t seed, const Weather& weather)
    : scheduler_(scheduler),
      seeds_(seed),
      weather_(weather),
      runtime_(scheduler, seeds_()),
      store_(std::make_shared<MemoryStore>("sim", runtime_)),
      judge_(Space::on(store_, "memory://sim", 0, runtime_)) {}

Process& World::start_process(uint64_t cache_bytes, StoreOps steps_at) {
  processes_.push_back(std::make_unique<Process>(*this, seeds_(), cache_bytes, steps_at));
  return *processes_.back();
}

void World::set_up(std::span<const model::Row> rows) {
  auto ds = create_in(judge_, "main", model::small_schema());
  if (!ds) return fail("create: " + ds.error().message);
  const std::string first = ds->manifest();
  versions_[first] = {};
  const auto done = ds->append(model::rows_of(rows, model::small_schema()));
  if (!done) return fail("append: " + done.error().message);
  const std::string tip = ds->manifest();
  versions_[tip] = *model::append({}, rows, OnConflict::kRefuse, 0);
  parents_[tip] = {first};
  times_[tip] = runtime_.now_ns();
  refs_["main"] = tip;
  tips_["main"] = {"", tip};
}

Status World::attempt(Process& process, const CallPtr& call, const Dataset& handle,
                      const std::function<Status()>& act) {
  if (call->tries++ == 0) calls_.push_back(call);
  auto& tips = tips_[call->ref];
  if (tips.empty()) tips.push_back("");
  const size_t first_met = tips.size() - 1;
  const std::string base = handle.manifest();
  const size_t applied = call->applied;
  call->is_under_way = true;
  process.call_ = call;
  scheduler_.note("begins " + call->what);
  Status status = act();
  process.call_ = nullptr;
  call->is_under_way = false;
  scheduler_.note(call->what + (status ? ": ok" : ": " + status.error().message));
  std::vector<std::string> met(tips_[call->ref].begin() + static_cast<ptrdiff_t>(first_met),
                               tips_[call->ref].end());
  met.push_back(base);
  if (status) {
    met.push_back(handle.manifest());
    if (call->applied == 0 && !has_all_of(*call, met))
      fail(call->what + " was acknowledged and never took place");
    call->is_unknown = false;
    return status;
  }
  const Error& error = status.error();
  // A ref that is there and damaged tells nobody whose it is.
  const bool is_unreadable = !call->apply && error.code == Code::kCorruption;
  if (process.faults().crashed() || error.code == Code::kOutcomeUnknown || is_unreadable) {
    call->is_unknown = true;
    return status;
  }
  if (call->applied > applied && !call->is_unknown && !call->compacts)
    fail(call->what + " took place, and was told as not done: " + error.message);
  if (is_slow() && is_of_the_collected(error) && !all_promised(*call, base)) return status;
  if (is_refusal(error.code) && !may_refuse(*call, met, error))
    fail(call->what + " was refused without a reason: " + error.message);
  judge_error(error);
  return status;
}

void World::judge_error(const Error& error) {
  if (error.code == Code::kInternal || (is_calm() && !is_refusal(error.code)))
    fail("an error that may not be: " + error.message);
}

bool World::may_refuse(const Call& call, std::span<const std::string> met,
                       const Error& error) const {
  if (is_of_pauses(error) || call.may_refuse(error)) return true;
  if (is_slow() && call.names && is_of_a_collection(error)) return true;
  // Rows that were there are not written, and a restore that comes in between takes them away: what
  // is left is no record, and the call is to be made again.
  if (is_undone_ && error.code == Code::kInvalidArgument) return true;
  const bool was_there = std::ranges::any_of(
      tips_.at(call.ref), [](const std::string& manifest) { return !manifest.empty(); });
  const bool was_missing = tips_.at(call.ref).size() > 1 && std::ranges::count(met, "") > 0;
  if (call.removes) return was_missing || !was_there || error.code == Code::kConflict;
  if (!call.apply) return was_there;
  // A ref that is removed takes its writers' ground away.
  if (was_missing) return true;
  return std::ranges::any_of(met, [&](const std::string& manifest) {
    if (manifest.empty()) return false;
    const bool is_apart = call.is_apart && call.is_apart(manifest);
    return (is_apart && error.code == Code::kConflict) || !call.apply(version(manifest), manifest);
  });
}

// Whether there was nothing to do for the call on one of the versions.
bool World::has_all_of(const Call& call, std::span<const std::string> met) const {
  if (call.removes) return std::ranges::count(met, "") > 0;
  if (!call.apply) return false;
  return std::ranges::any_of(met, [&](const std::string& manifest) {
    if (manifest.empty()) return false;
    const ModelVersion& before = version(manifest);
    const model::Outcome after = call.apply(before, manifest);
    if (after && after->state == before.state) return true;
    if (!call.is_apart || !call.is_apart(manifest)) return false;
    const model::Outcome apart = call.apply_apart(before, manifest);
    return apart && apart->state == before.state;
  });
}

void World::judge_read(const Dataset& handle, const Result<model::State>& read) {
  scheduler_.note("read " + handle.manifest().substr(0, 8) +
                  (read ? "" : ": " + read.error().message));
  if (!read) return judge_read_error(handle, read.error());
  if (*read != version(handle.manifest()).state)
    fail("version " + handle.manifest() + " was read as\n" + read->summary() + "\nand is\n" +
         version(handle.manifest()).state.summary());
}

void World::judge_read_error(const Dataset& handle, const Error& error) {
  // No fault makes an object that was put go away.
  const bool is_gone = error.message.find("is missing although") != std::string::npos;
  if (is_gone && is_promised(handle.manifest()))
    fail("version " + handle.manifest() + " was collected: " + error.message);
  if (!is_gone) judge_error(error);
}

void World::judge_paths(const Dataset& handle, const Result<std::string>& compared) {
  scheduler_.note("compared " + handle.manifest().substr(0, 8));
  if (!compared) return judge_read_error(handle, compared.error());
  if (!compared->empty()) fail("version " + handle.manifest() + ": " + *compared);
}

const ModelVersion& World::version(const std::string& manifest) const {
  static const ModelVersion none;
  const auto found = versions_.find(manifest);
  return found == versions_.end() ? none : found->second;
}

uint64_t World::faults() const {
  uint64_t sum = 0;
  for (const auto& process : processes_) sum += process->faults().faults();
  return sum;
}

void World::note_put(const std::string& key, const CallPtr& call) {
  if (key.starts_with("manifests/")) put_ns_.try_emplace(key, runtime_.now_ns());
  if (call && key.starts_with("manifests/")) owners_.try_emplace(key, call);
}

// A request that comes late may be of an earlier call than the one its process is at.
CallPtr World::find_open(const CallPtr& likely,
                         const std::function<bool(const Call&)>& is_it) const {
  if (likely && is_it(*likely)) return likely;
  const auto found = std::ranges::find_if(
      calls_, [&](const CallPtr& call) { return call->is_open() && is_it(*call); });
  return found == calls_.end() ? nullptr : *found;
}

void World::judge_swap(const std::string& key, const CallPtr& likely) {
  if (!key.starts_with(kRefs) || failure_) return;
  const std::string name = key.substr(kRefs.size());
  if (!store_->load(key)) return judge_removed(name, likely);
  const auto tip = open_in(judge_, name);
  if (!tip) return fail("the new version of " + name + " cannot be opened: " + tip.error().message);
  scheduler_.note("  " + name + " is now " + tip->manifest().substr(0, 8));
  const std::string before = refs_.contains(name) ? refs_[name] : "";
  if (before == tip->manifest()) return;
  if (versions_.contains(tip->manifest())) {
    judge_named(name, tip->manifest(), likely);
  } else {
    judge_commit(name, *tip);
  }
  if (!before.empty()) left_ns_[{name, before}] = runtime_.now_ns();
  refs_[name] = tip->manifest();
  auto& tips = tips_[name];
  if (tips.empty()) tips.push_back("");
  tips.push_back(tip->manifest());
}

void World::judge_removed(const std::string& name, const CallPtr& likely) {
  const CallPtr call =
      find_open(likely, [&](const Call& one) { return one.removes && one.ref == name; });
  // Who has made a ref and finds that it slept on the way takes it back.
  const CallPtr maker = call ? nullptr : find_open(likely, [&](const Call& one) {
    return one.names && one.ref == name && one.applied > 0 && one.is_under_way;
  });
  if (!call && !maker) return fail("ref " + name + " is gone, and nobody wished it");
  call ? ++call->applied : --maker->applied;
  for (const CallPtr& one : calls_)
    if (one->ref == name) one->stands = 0;
  refs_.erase(name);
  std::erase_if(left_ns_, [&](const auto& one) { return one.first.first == name; });
  tips_[name].push_back("");
  let_go();
}

// A ref that names a version which is known.
void World::judge_named(const std::string& name, const std::string& target, const CallPtr& likely) {
  const auto wishes_it = [&](const Call& one) {
    return one.ref == name && std::ranges::count(one.targets, target) > 0;
  };
  CallPtr call = find_open(likely, wishes_it);
  // "Make it if it is absent" that arrives after the name was made, by whomever, and deleted finds
  // it absent. No store can tell this from a new wish.
  const bool was_removed = tips_[name].size() > 1 && !refs_.contains(name);
  const auto late = std::ranges::find_if(
      calls_, [&](const CallPtr& one) { return one->tries > 0 && wishes_it(*one); });
  if (!call && was_removed && late != calls_.end()) call = *late;
  if (!call) return fail("ref " + name + " names a version that nobody wished it to name");
  ++call->applied;
  if (refs_.contains(name) && !stands_on(target, refs_[name]))
    fail("ref " + name + " lost its version " + refs_[name]);
}

void World::judge_commit(const std::string& name, const Dataset& tip) {
  ++tally_.commits;
  const std::string after = tip.manifest();
  const auto owner = owners_.find("manifests/" + after);
  if (owner == owners_.end()) return fail("nobody wrote the version of " + name);
  Call& call = *owner->second;
  if (!call.is_open()) return fail(call.what + " took place after it was told that it had not");
  is_undone_ = is_undone_ || call.undoes;
  ++call.applied;
  if (++call.stands > 1 && call.once && !is_undone_) return fail(call.what + " took place twice");
  auto history = tip.history();
  const auto newest = history->next();
  if (!newest || !*newest) return fail("the history of " + name + " cannot be read");
  const std::vector<std::string>& parents = (*newest)->parents;
  if (!refs_.contains(name) || parents.empty() || parents[0] != refs_[name])
    return fail(call.what + ": the version below is not the one that " + name + " named");
  parents_[after] = parents;
  times_[after] = (*newest)->time_ns;
  const auto seen = model::read_state(tip);
  if (!seen) return fail(call.what + ": its version cannot be read: " + seen.error().message);
  model::Outcome expected = call.apply(version(parents[0]), parents[0]);
  if ((!expected || *seen != expected->state) && call.is_apart && call.is_apart(parents[0]))
    expected = call.apply_apart(version(parents[0]), parents[0]);
  if (!expected && call.apply_leniently) expected = call.apply_leniently(version(parents[0]));
  if (!expected)
    return fail(call.what + " took place, and the model refuses it; it made\n" + seen->summary() +
                "\nof\n" + version(parents[0]).state.summary());
  versions_[after] = *expected;
  if (*seen != expected->state)
    fail(call.what + " made\n" + seen->summary() + "\nof\n" + version(parents[0]).state.summary() +
         "\nand should have made\n" + expected->state.summary());
  if (call.compacts && !failure_) judge_same(call, tip, parents[0]);
  if ((parents.size() > 1 || call.compacts) && !failure_) judge_structure(tip, call.what, false);
}

void World::judge_same(const Call& call, const Dataset& tip, const std::string& below) {
  ++tally_.compactions;
  tally_.purges += call.purges ? 1 : 0;
  OpenOptions at;
  at.manifest = below;
  const auto before = open_in(judge_, "main", at);
  if (!before) return fail(call.what + ": its ground is gone: " + before.error().message);
  const auto was = fingerprint(*before), is = fingerprint(tip);
  if (!was || !is || was->text != is->text)
    return fail(call.what + " changed the fingerprint of " + below);
  const auto compared = model::compare_paths(tip, version(tip.manifest()).state);
  if (!compared) return fail(call.what + ": " + compared.error().message);
  if (!compared->empty()) fail(call.what + ": " + *compared);
}

bool World::is_apart(const std::string& target, const std::string& source) const {
  std::set<std::string> of_target;
  for (std::string at = target;; at = parents_.at(at)[0]) {
    of_target.insert(at);
    if (!parents_.contains(at)) break;
  }
  std::string common = source;
  for (; !of_target.contains(common); common = parents_.at(common)[0])
    if (!is_promised(common)) return true;
  // Merges tell of versions beside these: all above the common one are asked for.
  const std::set<std::string> old = ancestry({common}, {});
  return !std::ranges::all_of(ancestry({target, source}, old),
                              [&](const std::string& at) { return is_promised(at); });
}

std::set<std::string> World::ancestry(std::vector<std::string> of,
                                      const std::set<std::string>& left_out) const {
  std::set<std::string> out;
  while (!of.empty()) {
    const std::string at = std::move(of.back());
    of.pop_back();
    if (left_out.contains(at) || !out.insert(at).second) continue;
    const auto parents = parents_.find(at);
    if (parents != parents_.end())
      of.insert(of.end(), parents->second.begin(), parents->second.end());
  }
  return out;
}

bool World::stands_on(const std::string& manifest, const std::string& below) const {
  for (std::string at = manifest;;) {
    if (at == below) return true;
    const auto parent = parents_.find(at);
    if (parent == parents_.end()) return false;
    at = parent->second[0];
  }
}

std::string World::below(const std::string& manifest, uint64_t steps) const {
  std::string at = manifest;
  for (; steps > 0 && parents_.contains(at); --steps) at = parents_.at(at)[0];
  return at;
}

// A version is whole by all rules of the spec; and a purge that nobody comes between leaves nothing
// of what is deleted, and all the rest.
void World::purge_the_rest(Dataset& ds) {
  CompactOptions options;
  options.purge = true;
  const std::string before = ds.manifest();
  const auto compacted = compact(ds, options);
  if (!compacted) return fail(before + " cannot be compacted: " + compacted.error().message);
  for (const Root& root : ds.impl().manifest()->tombstones)
    if (root.records > 0) fail("a purge of " + before + " left what is deleted");
  const auto read = model::read_state(ds);
  if (!read) return fail(before + " compacted: " + read.error().message);
  if (*read != version(before).state) fail(before + " compacted is\n" + read->summary());
  judge_structure(ds, before + " compacted", true);
}

// By all rules of the spec.
void World::judge_structure(const Dataset& ds, const std::string& what, bool data) {
  VerifyOptions options;
  options.data = data;
  const auto verified = verify(ds, options);
  if (!verified) return fail(what + " cannot be verified: " + verified.error().message);
  for (const Damage& damage : verified->damages)
    fail(what + ": " + damage.key + " is " + damage.kind + ": " + damage.what);
}

void World::finish() {
  for (const auto& process : processes_) {
    process->faults().set_plan({});
    process->faults().run_late();
  }
  if (is_slow()) collect_the_rest();
  for (const auto& [name, manifest] : std::map(refs_)) {
    if (failure_) return;
    auto ds = open_in(judge_, name);
    if (!ds) return fail(name + " cannot be opened: " + ds.error().message);
    if (ds->manifest() != manifest) return fail(name + " names another version than it did last");
    judge_read(*ds, model::read_state(*ds));
    judge_paths(*ds, model::compare_paths(*ds, version(manifest).state));
    if (ds->is_snapshot() || failure_) continue;
    purge_the_rest(*ds);
    const auto rows = model::row_range(1'000'000, 1, 1);
    const auto done = ds->append(model::rows_of(rows, model::small_schema()));
    if (!done) return fail("nothing can be written to " + name + ": " + done.error().message);
  }
}

void World::fail(const std::string& what) {
  if (!failure_) failure_ = what;
}

}  // namespace dreamdb::sim
