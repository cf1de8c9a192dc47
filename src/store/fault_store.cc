// Which fault strikes, and what it does to a request and its reply.
#include "store/fault_store.h"

#include <algorithm>
#include <mutex>
#include <numeric>

namespace dreamdb {

namespace {

bool has_meaning(FaultKind kind, StoreOp op) {
  switch (kind) {
    case FaultKind::kLate:
      return op == StoreOp::kPut || op == StoreOp::kDelete || op == StoreOp::kSwap;
    case FaultKind::kCutBody:
    case FaultKind::kFlipBit: return op != StoreOp::kList && op != StoreOp::kDelete;
    case FaultKind::kOtherBody: return op == StoreOp::kGet;
    case FaultKind::kOlderVersion: return op == StoreOp::kLoad;
    case FaultKind::kListMisses:
    case FaultKind::kListRepeats:
    case FaultKind::kListReorders: return op == StoreOp::kList;
    case FaultKind::kConditionIgnored:
    case FaultKind::kNotAtomic:
    case FaultKind::kToldConflict:
    case FaultKind::kFalseConflict: return op == StoreOp::kSwap;
    case FaultKind::kHtmlPage:
    case FaultKind::kEmptyBody: return op == StoreOp::kGet || op == StoreOp::kLoad;
    case FaultKind::kDropped: return op == StoreOp::kPut;
    default: return true;
  }
}

constexpr std::string_view kHtmlPage =
    "<!DOCTYPE html><html><body><h1>Please log in</h1></body></html>\n";

Status planned_error(Code code, std::string_view key) {
  return fail(code, "planned fault for key " + std::string(key));
}

}  // namespace

FaultStore::FaultStore(std::shared_ptr<Store> inner, FaultPlan plan, Runtime& runtime)
    : inner_(std::move(inner)), runtime_(runtime), plan_(std::move(plan)), random_(plan_.seed) {}

void FaultStore::set_plan(FaultPlan plan) {
  const std::lock_guard lock(mutex_);
  plan_ = std::move(plan);
  random_.seed(plan_.seed);
  crashed_ = false;
}

uint64_t FaultStore::operations() const {
  const std::lock_guard lock(mutex_);
  return operations_;
}

uint64_t FaultStore::faults() const {
  const std::lock_guard lock(mutex_);
  return faults_;
}

bool FaultStore::crashed() const {
  const std::lock_guard lock(mutex_);
  return crashed_;
}

Status FaultStore::crashed_status() const {
  if (!crashed()) return {};
  return fail(Code::kUnavailable, "crashed: this process does nothing any more, by plan");
}

void FaultStore::run_late() {
  std::deque<Late> late;
  {
    const std::lock_guard lock(mutex_);
    late.swap(late_);
  }
  for (const Late& one : late) one.act();
}

std::optional<FaultRule> FaultStore::begin(StoreOp op, std::string_view key) {
  std::vector<Late> due;
  std::optional<FaultRule> struck;
  {
    const std::lock_guard lock(mutex_);
    const uint64_t number = operations_++;
    while (!late_.empty() && late_.front().due <= number) {
      due.push_back(std::move(late_.front()));
      late_.pop_front();
    }
    for (FaultRule& rule : plan_.rules) {
      if ((rule.only_ops & ops(op)) == 0 || !has_meaning(rule.kind, op)) continue;
      if (rule.times_max == 0 || !key.starts_with(rule.key_prefix)) continue;
      if (rule.at && *rule.at != number) continue;
      if (rule.kind == FaultKind::kThrottled && is_allowed(rule)) continue;
      if (rule.probability < 1 &&
          std::uniform_real_distribution<double>(0, 1)(random_) >= rule.probability) {
        continue;
      }
      --rule.times_max;
      ++faults_;
      struck = rule;
      break;
    }
    if (struck &&
        (struck->kind == FaultKind::kCrashBefore || struck->kind == FaultKind::kCrashAfter)) {
      crashed_ = true;
    }
  }
  for (const Late& one : due) one.act();
  if (struck && struck->kind == FaultKind::kDelay) runtime_.sleep_ns(struck->delay_ns);
  return struck;
}

bool FaultStore::is_allowed(const FaultRule& rule) {
  const uint64_t second = runtime_.monotonic_ns() / 1'000'000'000;
  Allowed& allowed = allowed_[rule.key_prefix];
  if (allowed.second != second) allowed = {second, 0};
  return allowed.count++ < rule.allowed_a_second;
}

std::vector<size_t> FaultStore::wave_order(size_t count) {
  std::vector<size_t> order(count);
  std::iota(order.begin(), order.end(), size_t{0});
  const std::lock_guard lock(mutex_);
  if (plan_.shuffle_waves) std::shuffle(order.begin(), order.end(), random_);
  return order;
}

uint64_t FaultStore::draw(uint64_t bound) {
  const std::lock_guard lock(mutex_);
  return bound == 0 ? 0 : random_() % bound;
}

Buffer FaultStore::spoil(const FaultRule& fault, const Buffer& body) {
  if (fault.kind == FaultKind::kHtmlPage) return Buffer::copy_of(kHtmlPage);
  if (fault.kind == FaultKind::kEmptyBody) return Buffer();
  if (body.empty()) return body;
  if (fault.kind == FaultKind::kCutBody) return body.slice(0, draw(body.size()));
  if (fault.kind != FaultKind::kFlipBit) return body;
  MutableBuffer copy(body.size());
  std::copy(body.span().begin(), body.span().end(), copy.data());
  const uint64_t bit = draw(body.size() * 8);
  copy.span()[bit / 8] ^= std::byte{1} << (bit % 8);
  return std::move(copy).freeze();
}

void FaultStore::defer(const FaultRule& fault, std::function<void()> act) {
  const std::lock_guard lock(mutex_);
  const uint64_t due = operations_ + fault.late_by;
  const auto place =
      std::find_if(late_.begin(), late_.end(), [&](const Late& other) { return other.due > due; });
  late_.insert(place, Late{due, std::move(act)});
}

Status FaultStore::strike_write(const FaultRule& fault, std::string_view key,
                                const std::function<Status()>& act) {
  switch (fault.kind) {
    case FaultKind::kThrottled:
    case FaultKind::kError: return planned_error(fault.code, key);
    case FaultKind::kLateReply: {
      Status done = act();
      runtime_.sleep_ns(fault.delay_ns);
      return done;
    }
    case FaultKind::kLate:
      defer(fault, [act] { (void)act(); });
      return planned_error(Code::kOutcomeUnknown, key);
    case FaultKind::kReplyLost: (void)act(); return planned_error(Code::kOutcomeUnknown, key);
    case FaultKind::kTwice: (void)act(); return act();
    case FaultKind::kToldConflict: (void)act(); return planned_error(Code::kConflict, key);
    case FaultKind::kFalseConflict: return planned_error(Code::kConflict, key);
    case FaultKind::kDropped: return {};
    case FaultKind::kCrashBefore: return crashed_status();
    case FaultKind::kCrashAfter: (void)act(); return crashed_status();
    default: return act();
  }
}

Status FaultStore::strike_read(const std::optional<FaultRule>& fault, std::string_view key) const {
  if (fault && (fault->kind == FaultKind::kError || fault->kind == FaultKind::kThrottled))
    return planned_error(fault->code, key);
  if (fault && fault->kind == FaultKind::kReplyLost) return planned_error(Code::kUnavailable, key);
  return crashed_status();
}

void FaultStore::wait_for_reply(const std::optional<FaultRule>& fault) {
  if (fault && fault->kind == FaultKind::kLateReply) runtime_.sleep_ns(fault->delay_ns);
}

std::vector<Result<Buffer>> FaultStore::read_many(std::span<const ReadRequest> requests) {
  std::vector<Result<Buffer>> results(requests.size());
  for (const size_t i : wave_order(requests.size())) results[i] = read_one(requests[i]);
  return results;
}

Result<Buffer> FaultStore::read_one(const ReadRequest& request) {
  DREAMDB_TRY(crashed_status());
  const auto fault = begin(StoreOp::kGet, request.key);
  DREAMDB_TRY(strike_read(fault, request.key));
  auto results = inner_->read_many(std::span(&request, 1));
  Result<Buffer> result = std::move(results.front());
  wait_for_reply(fault);
  if (!result) return result;
  if (fault && fault->kind == FaultKind::kOtherBody) {
    const std::lock_guard lock(mutex_);
    if (!last_read_key_.empty() && last_read_key_ != request.key) return last_read_;
  }
  {
    const std::lock_guard lock(mutex_);
    last_read_key_ = request.key;
    last_read_ = *result;
  }
  return fault ? spoil(*fault, *result) : result;
}

std::vector<Status> FaultStore::put_many(std::span<const PutRequest> requests) {
  std::vector<Status> results(requests.size());
  for (const size_t i : wave_order(requests.size())) results[i] = put_one(requests[i]);
  return results;
}

Status FaultStore::put_one(const PutRequest& request) {
  DREAMDB_TRY(crashed_status());
  const auto fault = begin(StoreOp::kPut, request.key);
  PutRequest sent = request;
  if (fault) sent.body = spoil(*fault, sent.body);
  const auto act = [inner = inner_, sent]() -> Status {
    return inner->put_many(std::span(&sent, 1)).front();
  };
  return fault ? strike_write(*fault, request.key, act) : act();
}

std::vector<Status> FaultStore::delete_many(std::span<const std::string> keys) {
  std::vector<Status> results(keys.size());
  for (const size_t i : wave_order(keys.size())) results[i] = delete_one(keys[i]);
  return results;
}

Status FaultStore::delete_one(const std::string& key) {
  DREAMDB_TRY(crashed_status());
  const auto fault = begin(StoreOp::kDelete, key);
  const auto act = [inner = inner_, key]() -> Status {
    return inner->delete_many(std::span(&key, 1)).front();
  };
  return fault ? strike_write(*fault, key, act) : act();
}

Result<Loaded> FaultStore::load(std::string_view key) {
  DREAMDB_TRY(crashed_status());
  const auto fault = begin(StoreOp::kLoad, key);
  DREAMDB_TRY(strike_read(fault, key));
  auto result = inner_->load(key);
  wait_for_reply(fault);
  DREAMDB_ASSIGN(Loaded loaded, std::move(result));
  {
    const std::lock_guard lock(mutex_);
    std::deque<Loaded>& seen = seen_[std::string(key)];
    if (seen.empty() || seen.back().version != loaded.version) seen.push_back(loaded);
    if (seen.size() > 2) seen.pop_front();
    if (fault && fault->kind == FaultKind::kOlderVersion) return seen.front();
  }
  if (fault) loaded.body = spoil(*fault, loaded.body);
  return loaded;
}

Result<Version> FaultStore::swap(std::string_view key, const std::optional<Version>& expected,
                                 const Buffer& body) {
  return swap_any(key, expected, &body);
}

Status FaultStore::swap_delete(std::string_view key, const Version& expected) {
  DREAMDB_TRY(swap_any(key, expected, nullptr));
  return {};
}

std::optional<Version> FaultStore::version_of(std::string_view key) const {
  const auto current = inner_->load(key);
  return current ? std::optional(current->version) : std::nullopt;
}

// Without `body` a deletion.
Result<Version> FaultStore::swap_any(std::string_view key, std::optional<Version> expected,
                                     const Buffer* body) {
  DREAMDB_TRY(crashed_status());
  const auto fault = begin(StoreOp::kSwap, key);
  if (fault && fault->kind == FaultKind::kNotAtomic && version_of(key) == expected) {
    runtime_.sleep_ns(fault->delay_ns);
    expected = version_of(key);
  }
  if (fault && fault->kind == FaultKind::kConditionIgnored) expected = version_of(key);
  if (fault && !body && !expected) return Version{};
  const bool deletes = body == nullptr;
  const Buffer sent = deletes ? Buffer() : fault ? spoil(*fault, *body) : *body;
  // A late swap outlives this call.
  const auto version = std::make_shared<Version>();
  const auto act = [inner = inner_, key = std::string(key), expected, sent, deletes,
                    version]() -> Status {
    if (deletes) return inner->swap_delete(key, *expected);
    DREAMDB_ASSIGN(*version, inner->swap(key, expected, sent));
    return {};
  };
  DREAMDB_TRY(fault ? strike_write(*fault, key, act) : act());
  return *version;
}

Result<ListPage> FaultStore::list(std::string_view prefix, std::string_view start_after,
                                  size_t limit) {
  DREAMDB_TRY(crashed_status());
  const auto fault = begin(StoreOp::kList, prefix);
  DREAMDB_TRY(strike_read(fault, prefix));
  auto result = inner_->list(prefix, start_after, limit);
  wait_for_reply(fault);
  DREAMDB_ASSIGN(ListPage page, std::move(result));
  if (fault) spoil_page(*fault, page);
  return page;
}

void FaultStore::spoil_page(const FaultRule& fault, ListPage& page) {
  if (page.objects.empty()) return;
  const auto chosen = page.objects.begin() + static_cast<ptrdiff_t>(draw(page.objects.size()));
  const std::lock_guard lock(mutex_);
  if (fault.kind == FaultKind::kListMisses) {
    page.objects.erase(chosen);
  } else if (fault.kind == FaultKind::kListRepeats) {
    page.objects.insert(chosen, ListedObject(*chosen));
  } else if (fault.kind == FaultKind::kListReorders) {
    std::shuffle(page.objects.begin(), page.objects.end(), random_);
  }
}

std::unique_ptr<Turn> FaultStore::wait_turn(std::string_view key, uint32_t timeout_ms) {
  if (crashed()) return nullptr;
  return inner_->wait_turn(key, timeout_ms);
}

Waited FaultStore::wait_turn_or_answer(std::string_view key, uint32_t timeout_ms,
                                       const Offer& offer) {
  if (crashed()) return {};
  return inner_->wait_turn_or_answer(key, timeout_ms, offer);
}

}  // namespace dreamdb
