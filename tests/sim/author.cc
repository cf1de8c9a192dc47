// What authors do, and what each of it ought to be by the model.
#include <numeric>

#include "tests/sim/person.h"

namespace dreamdb::sim {

using model::ModelVersion;
using model::Outcome;
using model::Row;

namespace {

constexpr int kTriesMax = 4;

Status ok_of(const auto& result) {
  if (!result) return std::unexpected(result.error());
  return {};
}

Outcome unchanged(const ModelVersion& version, const std::string&) { return version; }

}  // namespace

std::span<const Author::Verb> Author::verbs() {
  static constexpr Verb kVerbs[] = {
      {24, &Author::append},        {6, &Author::append_same},  {8, &Author::append_assigned},
      {3, &Author::add_field},      {4, &Author::fill_field},   {5, &Author::set_meta},
      {6, &Author::branch},         {3, &Author::snapshot},     {2, &Author::remove_branch},
      {6, &Author::remove_records}, {2, &Author::remove_where}, {2, &Author::restore},
      {10, &Author::merge},         {2, &Author::reindex},      {6, &Author::compact},
      {6, &Author::refresh},        {6, &Author::change_ref},
  };
  return kVerbs;
}

void Author::act() {
  if (!handle_) handle_ = open(ref_);
  if (!handle_) {
    if (!world_.refs().contains(ref_)) ref_ = "main";
    return;
  }
  const auto all = verbs();
  int left = static_cast<int>(draw(static_cast<uint64_t>(std::accumulate(
      all.begin(), all.end(), 0, [](int sum, const Verb& v) { return sum + v.weight; }))));
  for (const Verb& verb : all) {
    left -= verb.weight;
    if (left < 0) return (this->*verb.act)();
  }
}

template <typename Act>
void Author::perform(const CallPtr& call, const Act& act) {
  for (int tries = 0; tries < kTriesMax && !world_.failure(); ++tries) {
    if (world_.keeps_little() && call->names && !world_.all_promised(*call, handle_->manifest()))
      return;
    const Status status = world_.attempt(*process_, call, *handle_, [&] { return act(*handle_); });
    if (process_->faults().crashed()) {
      start();
      handle_ = open(ref_);
      if (!handle_) return;
    } else if (status || !(status.error().code == Code::kUnavailable ||
                           status.error().code == Code::kOutcomeUnknown)) {
      return;
    }
    if (chance(20)) return;
  }
}

CallPtr Author::new_call(const std::string& what) const {
  auto call = std::make_shared<Call>();
  call->what = what + " (" + std::to_string(world_.next_write()) + ")";
  call->ref = ref_;
  return call;
}

void Author::append() {
  const auto rows = model::row_range(draw(60), 1 + draw(6), 1 + draw(3), 1 + draw(4));
  AppendOptions options;
  options.on_conflict = static_cast<OnConflict>(draw(3));
  if (options.on_conflict == OnConflict::kReplace || chance(40))
    options.idempotency_key = "key " + std::to_string(world_.next_write());
  written_.push_back({rows, options, process_, ref_});
  const CallPtr call = new_call("append " + std::to_string(rows[0].anchor));
  call->once = true;
  call->apply = [rows, options, write = world_.next_write()](const ModelVersion& version,
                                                             const std::string&) {
    return model::append(version, rows, options.on_conflict, write);
  };
  perform(call, [&](Dataset& ds) {
    return ok_of(ds.append(model::rows_of(rows, model::small_schema()), options));
  });
}

// What somebody does who does not know any more what is done.
void Author::append_same() {
  if (written_.empty()) return;
  auto [rows, options, writer, ref] = written_[draw(written_.size())];
  // The same rows of the same writer are the same object: on another branch they would be one write
  // to the store, and two to the model.
  if (writer == process_ && ref != ref_) return;
  options.idempotency_key.clear();
  options.on_conflict = OnConflict::kSkip;
  const CallPtr call = new_call("append again " + std::to_string(rows[0].anchor));
  call->once = true;
  call->apply = [rows = rows, write = world_.next_write()](const ModelVersion& version,
                                                           const std::string&) {
    return model::append(version, rows, OnConflict::kSkip, write);
  };
  perform(call, [&, options = options](Dataset& ds) {
    return ok_of(ds.append(model::rows_of(rows, model::small_schema()), options));
  });
}

void Author::append_assigned() {
  const uint64_t number = world_.next_write();
  const size_t count = 1 + draw(4);
  const uint64_t first = model::kAssignedSalt + 10 * number;
  AppendOptions options;
  options.idempotency_key = "assigned " + std::to_string(number);
  const CallPtr call = new_call("append " + std::to_string(count) + " unanchored");
  call->once = true;
  call->apply = [=](const ModelVersion& version, const std::string&) {
    return model::append_assigned(version, count, first, number);
  };
  perform(call, [&](Dataset& ds) {
    return ok_of(ds.append(model::unanchored_rows(count, first, model::small_schema()), options));
  });
}

void Author::add_field() {
  const CallPtr call = new_call("add field");
  call->once = true;
  call->apply = [](const ModelVersion& version, const std::string&) {
    return model::add_extra(version);
  };
  perform(call, [](Dataset& ds) { return ds.add_field(model::extra_field()); });
}

void Author::fill_field() {
  std::vector<uint64_t> anchors;
  for (const auto& [anchor, salt] : world_.version(handle_->manifest()).state.salts)
    if (chance(20)) anchors.push_back(anchor);
  if (anchors.empty()) return;
  const CallPtr call = new_call("fill " + std::to_string(anchors.size()));
  call->once = true;
  call->apply = [=](const ModelVersion& version, const std::string&) {
    return model::fill_extra(version, anchors);
  };
  perform(call, [&](Dataset& ds) { return ok_of(ds.append(model::extra_rows(anchors))); });
}

// What was set and removed again on one side alone is no change to a merge, which compares with a
// common version: so no key is removed that is not there, and no value set again.
void Author::set_meta() {
  const auto& there = world_.version(handle_->manifest()).state.meta;
  const uint64_t number = world_.next_write();
  std::string key = "k" + std::to_string(number);
  const bool is_new = there.empty() || chance(40);
  if (!is_new) key = std::next(there.begin(), static_cast<ptrdiff_t>(draw(there.size())))->first;
  const bool removes = !is_new && chance(50);
  const CallPtr call = new_call((removes ? "remove meta " : "set meta ") + key);
  call->apply = [=](const ModelVersion& version, const std::string&) {
    return removes ? model::remove_meta(version, key, number)
                   : model::set_meta(version, key, std::to_string(number), number);
  };
  perform(call, [&](Dataset& ds) {
    return removes ? ds.remove_meta(key) : ds.set_meta(key, std::to_string(number));
  });
}

void Author::branch() {
  const std::string name = "b" + std::to_string(draw(3));
  const CallPtr call = new_call("branch " + name);
  call->ref = name;
  call->names = true;
  call->once = true;
  std::optional<Dataset> made;
  perform(call, [&](Dataset& ds) -> Status {
    call->targets.push_back(ds.manifest());
    DREAMDB_ASSIGN(made, ds.branch(name));
    return {};
  });
  if (!made || chance(40)) return;
  handle_ = std::move(made);
  ref_ = name;
}

void Author::snapshot() {
  const std::string label = "v" + std::to_string(draw(3));
  const CallPtr call = new_call("snapshot " + label);
  call->ref = ref_ + "@" + label;
  call->names = true;
  call->once = true;
  perform(call, [&](Dataset& ds) {
    call->targets.push_back(ds.manifest());
    return ok_of(ds.snapshot(label));
  });
}

void Author::remove_branch() {
  const std::string name = some_ref(true);
  if (name == "main") return;
  const CallPtr call = new_call("delete " + name);
  call->ref = name;
  call->removes = true;
  perform(call, [&](Dataset& ds) { return ds.delete_ref(name); });
}

void Author::merge() {
  const std::string from = some_ref(false);
  const auto source = open(from);
  if (!source) return;
  const std::string theirs = source->manifest();
  const CallPtr call = new_call("merge " + from + " into " + ref_);
  call->targets = {theirs};
  call->reads = {theirs};
  call->names = true;
  // After criss-cross merges the values of a key may both stand in a base: who changed it cannot be
  // told then (spec 6.5). A field that was restored away and added again has another id.
  call->may_refuse = [](const Error& error) {
    return error.message.find("(0 of records, ") != std::string::npos ||
           error.message.find("have added a field") != std::string::npos;
  };
  call->apply = [this, theirs](const ModelVersion& version, const std::string& at) {
    if (world_.stands_on(at, theirs)) return Outcome(version);
    return model::merge(version, world_.version(theirs));
  };
  call->is_apart = [this, theirs](const std::string& at) { return world_.is_apart(at, theirs); };
  call->apply_apart = [this, theirs](const ModelVersion& version, const std::string&) {
    return model::merge_apart(version, world_.version(theirs));
  };
  call->apply_leniently = [this, theirs](const ModelVersion& version) {
    return model::merge_leniently(version, world_.version(theirs));
  };
  const Process* const reader = process_;
  const bool was_tip = chance(50);
  perform(call, [&](Dataset& ds) -> Status {
    if (was_tip && process_ == reader) return ok_of(ds.merge(*source));
    OpenOptions at;
    at.manifest = theirs;
    DREAMDB_ASSIGN(const Dataset side, open_in(process_->space(), from, at));
    return ok_of(ds.merge(side));
  });
}

// Not what is deleted already: it would be back after somebody's restore that comes in between, as
// the deletion had nothing to do for it.
void Author::remove_records() {
  std::vector<uint64_t> anchors;
  const ModelVersion& here = world_.version(handle_->manifest());
  for (const auto& [anchor, salt] : here.state.salts)
    if (chance(15)) anchors.push_back(anchor);
  const CallPtr call = new_call("delete " + std::to_string(anchors.size()) + " records");
  call->apply = [anchors](const ModelVersion& version, const std::string&) {
    return model::remove_records(version, anchors);
  };
  DeleteOptions options;
  options.skip_missing = true;
  perform(call, [&](Dataset& ds) { return ok_of(ds.delete_records(anchors, options)); });
}

void Author::remove_where() {
  const uint64_t salt = 1 + draw(3);
  const auto anchors = std::make_shared<std::vector<uint64_t>>();
  const CallPtr call = new_call("delete where salt is " + std::to_string(salt));
  call->apply = [anchors](const ModelVersion& version, const std::string&) {
    return model::remove_records(version, *anchors);
  };
  DeleteOptions options;
  options.skip_missing = true;  // what a restore in between has taken away
  // Once: another try would match other records.
  (void)world_.attempt(*process_, call, *handle_, [&]() -> Status {
    // What matches in the handle's version goes.
    for (const auto& [anchor, held] : world_.version(handle_->manifest()).state.salts)
      if (held == salt) anchors->push_back(anchor);
    DREAMDB_ASSIGN(const Where where, Where::parse("salt == " + std::to_string(salt)));
    return ok_of(handle_->delete_where(where, options));
  });
}

// By an author who is alone: rows and deletions for which there was nothing to do are not looked at
// again when somebody else goes back meanwhile (docs/guarantees.md).
void Author::restore() {
  if (!world_.has_one_author()) return;
  const std::string older = world_.below(handle_->manifest(), 1 + draw(6));
  const CallPtr call = new_call("restore " + older.substr(0, 8));
  call->undoes = true;
  call->reads = {older};
  call->names = true;
  call->apply = [this, older, write = world_.next_write()](const ModelVersion& version,
                                                           const std::string& at) -> Outcome {
    if (!world_.stands_on(at, older)) return std::unexpected(Code::kInvalidArgument);
    return model::restore(version, world_.version(older), write);
  };
  perform(call, [&](Dataset& ds) -> Status {
    OpenOptions at;
    at.manifest = older;
    DREAMDB_ASSIGN(const Dataset source, open_in(process_->space(), ref_, at));
    return ok_of(ds.restore(source));
  });
}

void Author::reindex() {
  const CallPtr call = new_call("reindex");
  call->apply = unchanged;
  // Of a version that nothing was appended to yet, as after going back to the first one; or what
  // was deleted when it began is there again.
  call->may_refuse = [](const Error& error) {
    return error.code == Code::kInvalidArgument ||
           error.message.find("have been restored") != std::string::npos;
  };
  IndexOptions options;
  options.cells = 1 + draw(2);
  options.seed = draw(10);
  perform(call, [&](Dataset& ds) { return ok_of(ds.reindex("emb", options)); });
}

// Segments of a few rows, so that even these small datasets have many, and several commits.
void Author::compact() {
  CompactOptions options;
  options.segment_rows = 1 + draw(30);
  options.segment_bytes = 500 + draw(6000);
  options.commit_bytes = 1 + draw(8000);
  options.purge = chance(50);
  if (chance(50)) options.entries_at_once = 1 + draw(6);
  if (chance(20)) options.shard = Shard{draw(2), 2};
  const CallPtr call = new_call(options.purge ? "purge" : "compact");
  call->compacts = true;
  call->purges = options.purge;
  call->apply = unchanged;
  perform(call, [&](Dataset& ds) { return ok_of(dreamdb::compact(ds, options)); });
}

void Author::refresh() {
  const auto moved = handle_->refresh();
  if (!moved && !process_->faults().crashed()) world_.judge_error(moved.error());
}

void Author::change_ref() {
  ref_ = some_ref(true);
  handle_.reset();
}

}  // namespace dreamdb::sim
