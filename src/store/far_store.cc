#include "store/far_store.h"

#include <algorithm>

#include "base/assert.h"
#include "runtime/quiet.h"
#include "runtime/runtime.h"

namespace dreamdb {

namespace {

constexpr uint64_t kNsPerSecond = 1'000'000'000;
// Real time between two looks whether somebody is still at work.
constexpr uint64_t kLookAgainNs = 30'000;

}  // namespace

FarStore::FarStore(std::shared_ptr<Store> inner, FarModel model)
    : inner_(std::move(inner)), model_(model), free_ns_(model.connections, 0) {
  DREAMDB_ASSERT(model.connections > 0 && model.bytes_per_second > 0);
  clock_ = std::thread([this] { run_clock(); });
}

FarStore::~FarStore() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  clock_.join();
}

uint64_t FarStore::now_ns() const {
  const std::lock_guard lock(mutex_);
  return now_ns_;
}

uint64_t FarStore::bytes_under_way_max() const {
  const std::lock_guard lock(mutex_);
  return bytes_under_way_max_;
}

void FarStore::spend(uint64_t duration_ns) {
  Call call;
  call.wait_ns = duration_ns;
  pass(call);
}

void FarStore::wave(std::string_view key, uint64_t offset, std::vector<uint64_t> sizes) {
  Call call;
  call.order = key;
  call.offset = offset;
  call.sizes = std::move(sizes);
  call.wait_ns = model_.wave_ns;
  pass(call);
}

void FarStore::pass(Call& call) {
  std::unique_lock lock(mutex_);
  begun_.push_back(&call);
  changed_.notify_one();
  call.woken.wait(lock, [&call] { return call.ended; });
}

// Calls come in the order of time, and the first byte of each is `wave_ns` away: so the bodies can
// be given their connections at once, first come, first served.
void FarStore::schedule(Call& call) {
  const uint64_t ready_ns = now_ns_ + call.wait_ns;
  call.end_ns = ready_ns;
  for (const uint64_t size : call.sizes) {
    call.bytes += size;
    const auto connection = std::min_element(free_ns_.begin(), free_ns_.end());
    *connection = std::max(*connection, ready_ns) + size * kNsPerSecond / model_.bytes_per_second;
    call.end_ns = std::max(call.end_ns, *connection);
  }
  bytes_under_way_ += call.bytes;
  bytes_under_way_max_ = std::max(bytes_under_way_max_, bytes_under_way_);
  under_way_.push_back(&call);
}

void FarStore::run_clock() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !begun_.empty() || !under_way_.empty(); });
    if (stopping_) return;
    // While nobody is at work, nobody can come: what holds without the lock holds with it.
    lock.unlock();
    while (!other_threads_sleep()) real_runtime().sleep_ns(kLookAgainNs);
    lock.lock();
    std::sort(begun_.begin(), begun_.end(), [](const Call* a, const Call* b) {
      return a->order != b->order ? a->order < b->order : a->offset < b->offset;
    });
    for (Call* call : begun_) schedule(*call);
    begun_.clear();
    const auto next =
        std::min_element(under_way_.begin(), under_way_.end(),
                         [](const Call* a, const Call* b) { return a->end_ns < b->end_ns; });
    now_ns_ = (*next)->end_ns;
    std::erase_if(under_way_, [this](Call* call) {
      if (call->end_ns > now_ns_) return false;
      bytes_under_way_ -= call->bytes;
      call->ended = true;
      call->woken.notify_one();
      return true;
    });
  }
}

std::vector<Result<Buffer>> FarStore::read_many(std::span<const ReadRequest> requests) {
  auto results = inner_->read_many(requests);
  if (requests.empty()) return results;
  std::vector<uint64_t> sizes;
  for (const Result<Buffer>& result : results) sizes.push_back(result ? result->size() : 0);
  wave(requests[0].key, requests[0].offset, std::move(sizes));
  return results;
}

std::vector<Status> FarStore::put_many(std::span<const PutRequest> requests) {
  auto results = inner_->put_many(requests);
  if (requests.empty()) return results;
  std::vector<uint64_t> sizes;
  for (const PutRequest& request : requests) sizes.push_back(request.body.size());
  wave(requests[0].key, 0, std::move(sizes));
  return results;
}

Result<Loaded> FarStore::load(std::string_view key) {
  auto result = inner_->load(key);
  wave(key, 0, {result ? result->body.size() : 0});
  return result;
}

Result<Version> FarStore::swap(std::string_view key, const std::optional<Version>& expected,
                               const Buffer& body) {
  auto result = inner_->swap(key, expected, body);
  wave(key, 0, {body.size()});
  return result;
}

Status FarStore::swap_delete(std::string_view key, const Version& expected) {
  auto result = inner_->swap_delete(key, expected);
  wave(key, 0, {});
  return result;
}

Result<ListPage> FarStore::list(std::string_view prefix, std::string_view start_after,
                                size_t limit) {
  auto result = inner_->list(prefix, start_after, limit);
  wave(prefix, 0, {});
  return result;
}

std::vector<Status> FarStore::delete_many(std::span<const std::string> keys) {
  auto results = inner_->delete_many(keys);
  if (!keys.empty()) wave(keys[0], 0, {});
  return results;
}

std::unique_ptr<Turn> FarStore::wait_turn(std::string_view key, uint32_t timeout_ms) {
  return inner_->wait_turn(key, timeout_ms);
}

Waited FarStore::wait_turn_or_answer(std::string_view key, uint32_t timeout_ms,
                                     const Offer& offer) {
  return inner_->wait_turn_or_answer(key, timeout_ms, offer);
}

}  // namespace dreamdb
