// Counts after each call, under one lock, so that a snapshot is consistent.
#include "store/counting_store.h"

#include <atomic>
#include <mutex>
#include <numeric>

#include "store/key.h"

namespace dreamdb {

std::string_view store_op_name(StoreOp op) {
  static constexpr std::array<std::string_view, kStoreOpCount> kNames = {"get",  "put",  "load",
                                                                         "swap", "list", "delete"};
  return kNames[static_cast<size_t>(op)];
}

uint64_t StoreCounts::requests() const {
  return std::accumulate(requests_by_op.begin(), requests_by_op.end(), uint64_t{0});
}

void add_asked(StoreStats& stats, const StoreCounts& counts) {
  stats.gets += counts.of(StoreOp::kGet);
  stats.puts += counts.of(StoreOp::kPut);
  stats.loads += counts.of(StoreOp::kLoad);
  stats.swaps += counts.of(StoreOp::kSwap);
  stats.lists += counts.of(StoreOp::kList);
  stats.deletes += counts.of(StoreOp::kDelete);
  stats.bytes_read += counts.read_bytes;
  stats.bytes_written += counts.written_bytes;
  stats.waves += counts.waves;
}

StoreCounts StoreCounts::since(const StoreCounts& earlier) const {
  StoreCounts delta = *this;
  for (size_t op = 0; op < kStoreOpCount; ++op) {
    delta.requests_by_op[op] -= earlier.requests_by_op[op];
  }
  delta.waves -= earlier.waves;
  delta.failed -= earlier.failed;
  delta.read_bytes -= earlier.read_bytes;
  delta.written_bytes -= earlier.written_bytes;
  for (const auto& [prefix, count] : earlier.requests_by_prefix) {
    uint64_t& left = delta.requests_by_prefix[prefix];
    left -= count;
    if (left == 0) delta.requests_by_prefix.erase(prefix);
  }
  return delta;
}

CountingStore::CountingStore(std::shared_ptr<Store> inner) : inner_(std::move(inner)) {}

StoreCounts CountingStore::snapshot() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

void CountingStore::reset() {
  const std::lock_guard lock(mutex_);
  counts_ = {};
}

void CountingStore::count_request(StoreOp op, std::string_view key, bool ok) {
  ++counts_.requests_by_op[static_cast<size_t>(op)];
  ++counts_.requests_by_prefix[std::string(first_segment(key))];
  if (!ok) ++counts_.failed;
}

void CountingStore::count_single(StoreOp op, std::string_view key, bool ok, uint64_t read_bytes,
                                 uint64_t written_bytes) {
  const std::lock_guard lock(mutex_);
  ++counts_.waves;
  counts_.read_bytes += read_bytes;
  counts_.written_bytes += written_bytes;
  count_request(op, key, ok);
}

std::vector<Result<Buffer>> CountingStore::read_many(std::span<const ReadRequest> requests) {
  auto results = inner_->read_many(requests);
  count_reads(requests, results);
  return results;
}

std::vector<Result<Buffer>> CountingStore::read_each(std::span<const ReadRequest> requests,
                                                     const Use& use) {
  std::atomic<uint64_t> used_bytes{0};  // of replies that are left empty
  auto results = inner_->read_each(requests, [&](size_t i, std::span<const std::byte> bytes) {
    const bool kept = use(i, bytes);
    if (!kept) used_bytes.fetch_add(bytes.size(), std::memory_order_relaxed);
    return kept;
  });
  count_reads(requests, results);
  const std::lock_guard lock(mutex_);
  counts_.read_bytes += used_bytes;
  return results;
}

void CountingStore::count_reads(std::span<const ReadRequest> requests,
                                std::span<const Result<Buffer>> results) {
  if (requests.empty()) return;
  const std::lock_guard lock(mutex_);
  ++counts_.waves;
  counts_.requests_by_op[static_cast<size_t>(StoreOp::kGet)] += requests.size();
  std::string_view prefix;  // of the requests before, which is seldom another
  uint64_t* of_prefix = nullptr;
  for (size_t i = 0; i < requests.size(); ++i) {
    if (of_prefix == nullptr || first_segment(requests[i].key) != prefix) {
      prefix = first_segment(requests[i].key);
      of_prefix = &counts_.requests_by_prefix[std::string(prefix)];
    }
    ++*of_prefix;
    counts_.failed += results[i] ? 0 : 1;
    counts_.read_bytes += results[i] ? results[i]->size() : 0;
  }
}

std::vector<Status> CountingStore::put_many(std::span<const PutRequest> requests) {
  auto results = inner_->put_many(requests);
  count_puts(requests, results);
  return results;
}

void CountingStore::count_puts(std::span<const PutRequest> requests,
                               std::span<const Status> results) {
  if (requests.empty()) return;
  const std::lock_guard lock(mutex_);
  ++counts_.waves;
  for (size_t i = 0; i < requests.size(); ++i) {
    count_request(StoreOp::kPut, requests[i].key, results[i].has_value());
    counts_.written_bytes += requests[i].body.size();
  }
}

Result<Loaded> CountingStore::load(std::string_view key) {
  auto result = inner_->load(key);
  count_single(StoreOp::kLoad, key, result.has_value(), result ? result->body.size() : 0, 0);
  return result;
}

Result<Version> CountingStore::swap(std::string_view key, const std::optional<Version>& expected,
                                    const Buffer& body) {
  auto result = inner_->swap(key, expected, body);
  count_single(StoreOp::kSwap, key, result.has_value(), 0, body.size());
  return result;
}

Published CountingStore::publish(std::span<const PutRequest> objects, std::string_view key,
                                 const std::optional<Version>& expected, const Buffer& body) {
  Published done = inner_->publish(objects, key, expected, body);
  count_puts(objects, done.puts);
  if (done.swapped) count_single(StoreOp::kSwap, key, done.swapped->has_value(), 0, body.size());
  return done;
}

Status CountingStore::swap_delete(std::string_view key, const Version& expected) {
  auto result = inner_->swap_delete(key, expected);
  count_single(StoreOp::kSwap, key, result.has_value(), 0, 0);
  return result;
}

Result<ListPage> CountingStore::list(std::string_view prefix, std::string_view start_after,
                                     size_t limit) {
  auto result = inner_->list(prefix, start_after, limit);
  count_single(StoreOp::kList, prefix, result.has_value(), 0, 0);
  return result;
}

std::vector<Status> CountingStore::delete_many(std::span<const std::string> keys) {
  auto results = inner_->delete_many(keys);
  if (keys.empty()) return results;
  const std::lock_guard lock(mutex_);
  ++counts_.waves;
  for (size_t i = 0; i < keys.size(); ++i) {
    count_request(StoreOp::kDelete, keys[i], results[i].has_value());
  }
  return results;
}

std::unique_ptr<Turn> CountingStore::wait_turn(std::string_view key, uint32_t timeout_ms) {
  return inner_->wait_turn(key, timeout_ms);  // asks nothing of the store, so it counts nothing
}

Waited CountingStore::wait_turn_or_answer(std::string_view key, uint32_t timeout_ms,
                                          const Offer& offer) {
  return inner_->wait_turn_or_answer(key, timeout_ms, offer);
}

}  // namespace dreamdb
