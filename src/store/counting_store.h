// A decorator that counts what is asked of a store: requests, bytes and waves.
//
// A wave is one call that has at least one request: requests in flight together, the unit of
// latency. Thread rule: every call may come from any thread.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "dreamdb/dataset.h"
#include "runtime/fork.h"
#include "store/store.h"

namespace dreamdb {

enum class StoreOp : uint8_t { kGet = 0, kPut, kLoad, kSwap, kList, kDelete };
constexpr size_t kStoreOpCount = 6;

// Name of an operation for tables, for example "get".
std::string_view store_op_name(StoreOp op);

struct StoreCounts {
  std::array<uint64_t, kStoreOpCount> requests_by_op{};  // indexed by StoreOp
  uint64_t waves = 0;
  uint64_t failed = 0;  // requests that came back with an error
  uint64_t read_bytes = 0;
  uint64_t written_bytes = 0;
  std::map<std::string, uint64_t> requests_by_prefix;  // by first segment of the key: "refs"

  uint64_t of(StoreOp op) const { return requests_by_op[static_cast<size_t>(op)]; }
  uint64_t requests() const;

  // What happened since `earlier`, a snapshot of the same store.
  StoreCounts since(const StoreCounts& earlier) const;
};

// Adds what a store was asked.
void add_asked(StoreStats& stats, const StoreCounts& counts);

// `swap_delete` counts as a swap; a page of `list` is one request, put down to its prefix.
class CountingStore final : public Store {
 public:
  explicit CountingStore(std::shared_ptr<Store> inner);

  StoreCounts snapshot() const;
  void reset();

  std::string describe() const override { return inner_->describe(); }
  std::string identity() const override { return inner_->identity(); }
  WireCounts wire() const override { return inner_->wire(); }
  void forget(std::span<const std::string> keys) override { inner_->forget(keys); }
  bool is_far() const override { return inner_->is_far(); }
  uint64_t unanswered_budget_ns() const override { return inner_->unanswered_budget_ns(); }
  std::vector<Result<Buffer>> read_many(std::span<const ReadRequest> requests) override;
  std::vector<Result<Buffer>> read_each(std::span<const ReadRequest> requests,
                                        const Use& use) override;
  std::vector<Status> put_many(std::span<const PutRequest> requests) override;
  Result<Loaded> load(std::string_view key) override;
  Result<Version> swap(std::string_view key, const std::optional<Version>& expected,
                       const Buffer& body) override;
  Published publish(std::span<const PutRequest> objects, std::string_view key,
                    const std::optional<Version>& expected, const Buffer& body) override;
  Status swap_delete(std::string_view key, const Version& expected) override;
  Result<ListPage> list(std::string_view prefix, std::string_view start_after,
                        size_t limit) override;
  std::vector<Status> delete_many(std::span<const std::string> keys) override;
  Status make_durable(std::string_view key) override { return inner_->make_durable(key); }
  std::unique_ptr<Turn> wait_turn(std::string_view key, uint32_t timeout_ms) override;
  Waited wait_turn_or_answer(std::string_view key, uint32_t timeout_ms,
                             const Offer& offer) override;

 private:
  void count_reads(std::span<const ReadRequest> requests, std::span<const Result<Buffer>> results);
  void count_request(StoreOp op, std::string_view key, bool ok);
  void count_puts(std::span<const PutRequest> requests, std::span<const Status> results);
  void count_single(StoreOp op, std::string_view key, bool ok, uint64_t read_bytes,
                    uint64_t written_bytes);

  const std::shared_ptr<Store> inner_;
  mutable ForkSafeMutex mutex_;
  StoreCounts counts_;
};

}  // namespace dreamdb
