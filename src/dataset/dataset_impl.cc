#include "dataset/dataset_impl.h"

#include <algorithm>

#include "dataset/source_guard.h"
#include "runtime/interrupt.h"

namespace dreamdb {

namespace {

constexpr uint64_t kAssignedStepNs = 1000;
constexpr uint64_t kFreshNs = 1'800'000'000'000;  // S11.17: 30 minutes

// Of the genesis only the origin of anchors is read, and only to assign some.
std::unexpected<Error> lost_genesis(const std::string& key, const std::string& how) {
  return fail(Code::kCorruption,
              key + " " + how + "; restore it from a copy of the store. Until then rows need " +
                  "anchors of their own (`_anchor`), for assigned ones count from the time that "
                  "it holds; what is stored can be read without it");
}

}  // namespace

Dataset::Impl::Impl(std::shared_ptr<Space> space, Tip tip, bool pinned)
    : space_(std::move(space)),
      pinned_(pinned),
      tip_(std::move(tip)),
      tip_read_(moment_of(space_->runtime())),
      committer_(space_->objects(), space_->runtime(), space_->writer()) {
  kept_schemas_.push_back(tip_.manifest);
}

Tip Dataset::Impl::tip() const {
  const std::lock_guard lock(tip_mutex_);
  return tip_;
}

const Schema& Dataset::Impl::schema() const {
  const std::lock_guard lock(tip_mutex_);
  return kept_schemas_.back()->schema;
}

void Dataset::Impl::set_tip(Tip tip) {
  Tip old;
  const std::lock_guard lock(tip_mutex_);
  if (tip.manifest->schema != kept_schemas_.back()->schema) kept_schemas_.push_back(tip.manifest);
  old = std::exchange(tip_, std::move(tip));
  tip_read_ = moment_of(space_->runtime());
}

bool Dataset::Impl::is_fresh(const Address& version) const {
  if (pinned_) return false;
  const Moment now = moment_of(space_->runtime());
  std::string name;
  {
    const std::lock_guard lock(tip_mutex_);
    if (tip_.address() != version) return false;
    if (ns_between(tip_read_, now) <= kFreshNs) return true;
    name = tip_.name;
  }
  const auto loaded = load_ref(objects().store(), name);
  if (!loaded || loaded->ref.manifest != version) return false;
  const std::lock_guard lock(tip_mutex_);
  if (tip_.address() == version) tip_read_ = now;
  return true;
}

Result<Tip> Dataset::Impl::make_ref(std::string_view name, bool snapshot) const {
  const Tip from = tip();
  Runtime& runtime = space_->runtime();
  SourceGuard guard(*space_);
  guard.add(*this, from.address());
  DREAMDB_TRY(guard.check());
  auto made = create_ref(objects(), runtime, space_->writer(), name, from.address(), from.manifest,
                         snapshot, random_write_id(runtime));
  if (!made && made.error().code == Code::kOutcomeUnknown) guard.leave();
  if (!made) return made;
  // Who fell asleep on the way may have made a ref to what is gone.
  if (Status kept = guard.check(); !kept) {
    const FinishScope finish;
    const LoadedRef mine{made->ref, made->version};
    const Status undone = dreamdb::delete_ref(objects().store(), runtime, name, mine);
    if (undone) return std::unexpected(std::move(kept).error());
    guard.leave();
    return fail(Code::kOutcomeUnknown, "ref `" + std::string(name) +
                                           "` was made, and names what may be gone (" +
                                           kept.error().message + "); it cannot be removed (" +
                                           undone.error().message + "): delete it");
  }
  return made;
}

std::mutex& Dataset::Impl::write_mutex() {
  const std::lock_guard lock(tip_mutex_);
  if (fork_generation_ != fork_generation()) {
    left_mutexes_.push_back(std::exchange(write_mutex_, std::make_shared<std::mutex>()));
    fork_generation_ = fork_generation();
  }
  return *write_mutex_;
}

void Dataset::Impl::set_program(std::string program) {
  const std::lock_guard lock(write_mutex());
  committer_.set_program(std::move(program));
}

Status Dataset::Impl::check_writable() const {
  const Tip now = tip();
  if (pinned_)
    return fail(Code::kDenied, "this handle is pinned to version " + now.address().text() +
                                   "; make a branch of it to write");
  if (now.ref.snapshot)
    return fail(Code::kDenied, "`" + now.name +
                                   "` is a snapshot and never moves; make a branch "
                                   "of it to write");
  return {};
}

Status Dataset::Impl::commit(Change change, const Rebase& rebase, const Commutes& commutes) {
  committer_.set_nonce(space_->writer().nonce);
  DREAMDB_ASSIGN(Tip moved, committer_.commit(tip(), std::move(change), rebase, commutes));
  set_tip(std::move(moved));
  return {};
}

Result<bool> Dataset::Impl::advance(const VersionPoint& to) {
  const Tip before = tip();
  DREAMDB_ASSIGN(std::optional<Tip> moved, committer_.advance(before, to.address, to.manifest));
  const bool advanced = moved.has_value();
  if (!advanced) {
    DREAMDB_ASSIGN(moved, load_tip(objects(), before.name));
    DREAMDB_TRY(check_same_timeline(before, *moved));
  }
  set_tip(*std::move(moved));
  return advanced;
}

Status Dataset::Impl::make_durable() { return objects().store().make_durable(ref_key(tip().name)); }

Result<uint64_t> Dataset::Impl::assign_anchors(size_t rows) {
  if (!origin_ns_) {
    const std::string key = genesis_key(manifest()->timeline);
    const ReadRequest request{.key = key};
    auto read = std::move(objects().store().read_many({&request, 1})[0]);
    if (!read && read.error().code == Code::kNotFound)
      return lost_genesis(key, "is missing although every version names it");
    DREAMDB_ASSIGN(const Buffer bytes, std::move(read));
    if (Address::of(bytes.span()) != manifest()->timeline)
      return lost_genesis(key, "is damaged: its bytes do not hash to its name");
    DREAMDB_ASSIGN(const Genesis genesis, parse_genesis(bytes.span(), key));
    origin_ns_ = genesis.origin_ns;
  }
  const auto unix_now = static_cast<int64_t>(space_->runtime().now_ns());
  const uint64_t now = unix_now > *origin_ns_
                           ? static_cast<uint64_t>(unix_now) - static_cast<uint64_t>(*origin_ns_)
                           : 0;
  uint64_t residue = 0;
  space_->runtime().random(std::as_writable_bytes(std::span(&residue, 1)));
  uint64_t first = now / kAssignedStepNs * kAssignedStepNs + residue % kAssignedStepNs;
  first = std::max(first, next_assigned_);
  if (first > kAnchorMax - rows * kAssignedStepNs)
    return fail(Code::kExhausted, "no anchors are left after " + std::to_string(first));
  next_assigned_ = first + rows * kAssignedStepNs;
  return first;
}

Result<std::vector<const Field*>> choose_fields(
    const Schema& schema, const std::optional<std::vector<std::string>>& names) {
  std::vector<const Field*> out;
  if (!names) {
    for (const Field& field : schema.fields()) out.push_back(&field);
    return out;
  }
  for (const std::string& name : *names) {
    DREAMDB_ASSIGN(const Field* field, schema.get(name));
    if (std::find(out.begin(), out.end(), field) == out.end()) out.push_back(field);
  }
  return out;
}

}  // namespace dreamdb
