#include "tests/sim/person.h"

#include "tests/model/paths.h"
#include "upkeep/collect.h"

namespace dreamdb::sim {

namespace {

constexpr uint64_t kCacheBytes = 1 << 20;
constexpr uint64_t kMinuteNs = 60'000'000'000;
constexpr uint64_t kHourNs = 3'600'000'000'000;

}  // namespace

Person::Person(World& world, uint64_t seed) : world_(world), random_(seed) {}

void Person::live(int actions) {
  start();
  for (int i = 0; i < actions && !world_.failure(); ++i) {
    if (process_->faults().crashed()) start();
    if (!world_.is_calm() && chance(2)) process_->runtime().set_skew(draw(3 * kHourNs));
    if (chance(5)) world_.deliver_late();
    if (world_.is_slow()) world_.scheduler().sleep(draw(15 * kMinuteNs));
    act();
  }
  process_->faults().crashed() ? forget() : leave();
}

void Person::start() {
  forget();
  process_ = &world_.start_process(chance(50) ? kCacheBytes : 0);
  process_->faults().set_plan(some_faults());
}

// Faults of a store that keeps its promises, and a process that may die.
FaultPlan Person::some_faults() {
  FaultPlan plan{.seed = random_(), .rules = {}, .shuffle_waves = true};
  if (world_.is_calm()) return plan;
  static constexpr FaultKind kKinds[] = {
      FaultKind::kError,     FaultKind::kReplyLost,    FaultKind::kTwice,
      FaultKind::kLate,      FaultKind::kDelay,        FaultKind::kLateReply,
      FaultKind::kOtherBody, FaultKind::kFlipBit,      FaultKind::kCutBody,
      FaultKind::kThrottled, FaultKind::kToldConflict, FaultKind::kFalseConflict};
  static constexpr std::string_view kPrefixes[] = {"",       "",          "refs/",
                                                   "pages/", "segments/", "manifests/"};
  // A process dies anywhere, or where it matters most: at a swap.
  const FaultKind death = chance(50) ? FaultKind::kCrashBefore : FaultKind::kCrashAfter;
  if (chance(25)) plan.rules.push_back({.kind = death, .at = draw(250)});
  if (chance(25))
    plan.rules.push_back({.kind = death,
                          .only_ops = ops(StoreOp::kSwap),
                          .key_prefix = "refs/",
                          .probability = 0.2});
  for (uint64_t left = draw(4); left > 0; --left) {
    FaultRule rule;
    rule.kind = kKinds[draw(std::size(kKinds))];
    rule.key_prefix = kPrefixes[draw(std::size(kPrefixes))];
    rule.probability = rule.key_prefix == "refs/" ? 0.3 : static_cast<double>(1 + draw(5)) / 100;
    rule.late_by = 1 + draw(60);
    rule.delay_ns = 1'000'000u << draw(20);
    rule.allowed_a_second = 1 + draw(20);
    // What is kept is what was sent: this store only reads wrongly.
    if (rule.kind == FaultKind::kFlipBit || rule.kind == FaultKind::kCutBody)
      rule.only_ops = ops(StoreOp::kGet, StoreOp::kLoad);
    if (rule.kind == FaultKind::kThrottled) rule.probability = 1;
    plan.rules.push_back(rule);
  }
  return plan;
}

std::optional<Dataset> Person::open(const std::string& ref) {
  auto ds = open_in(process_->space(), ref);
  if (ds) return *std::move(ds);
  if (!process_->faults().crashed()) world_.judge_error(ds.error());
  return std::nullopt;
}

std::string Person::some_ref(bool writable) {
  std::vector<std::string> names;
  for (const auto& [name, manifest] : world_.refs())
    if (!writable || name.find('@') == std::string::npos) names.push_back(name);
  return names[draw(names.size())];
}

void Reader::act() {
  bool is_new = false;
  if (pinned_.empty() || chance(30)) {
    if (auto ds = open(some_ref(false))) pinned_.push_back(*std::move(ds));
    is_new = true;
  } else if (chance(10)) {
    pinned_.erase(pinned_.begin());
    is_new = true;
  }
  if (is_new && world_.keeps_little()) renew();
  if (!pinned_.empty()) read(pinned_[draw(pinned_.size())]);
  if (world_.keeps_little() && chance(30)) open_old();
}

void Reader::forget() {
  if (session_) session_->give_up();
  leave();
}

void Reader::leave() {
  pinned_.clear();
  world_.unpin(this);
  session_.reset();
}

void Reader::renew() {
  if (!session_)
    session_ = std::make_unique<LiveSession>(*process_->store(), process_->runtime(),
                                             WriterIdentity{}, SessionRole::kReader);
  std::vector<Address> addresses;
  std::vector<std::string> manifests;
  for (const Dataset& ds : pinned_) {
    manifests.push_back(ds.manifest());
    addresses.push_back(*Address::parse(ds.manifest()));
  }
  if (session_->begin(addresses)) return world_.pin(this, manifests);
  world_.unpin(this);
  session_.reset();
}

void Reader::open_old() {
  const auto tip = open(some_ref(false));
  if (!tip) return;
  OpenOptions at;
  at.manifest = world_.below(tip->manifest(), draw(8));
  const auto old = open_in(process_->space(), "main", at);
  if (!old) renew();
  if (process_->faults().crashed()) return;
  world_.judge_opened(*at.manifest, old);
  if (!old) return;
  pinned_.push_back(*old);
  renew();
  read(*old);
}

void Reader::read(const Dataset& ds) {
  if (chance(70)) {
    const auto read = model::read_state(ds);
    // A session that can be renewed was never taken for dead, so what it pins is there.
    if (!read && world_.keeps_little()) renew();
    if (!process_->faults().crashed()) return world_.judge_read(ds, read);
  } else {
    const auto compared = model::compare_paths(ds, world_.version(ds.manifest()).state);
    if (!compared && world_.keeps_little()) renew();
    if (!process_->faults().crashed()) return world_.judge_paths(ds, compared);
  }
}

// What processes that died have sent arrives before.
void Collector::keep_little(GcOptions& options) {
  world_.deliver_late();
  if (chance(70)) options.keep_last = 1 + draw(4);
  if (!options.keep_last || chance(30)) options.keep_ns = draw(4 * kHourNs);
}

void Collector::act() {
  GcOptions options;
  if (chance(20)) options.shard = {draw(2), 2};
  options.dry_run = chance(10);
  if (world_.keeps_little() && chance(70)) keep_little(options);
  world_.begin_collection(options);
  const auto report = collect(process_->store(), process_->runtime(), options);
  world_.end_collection();
  if (!process_->faults().crashed()) world_.judge_collection(report);
}

}  // namespace dreamdb::sim
