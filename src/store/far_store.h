// A decorator that makes a store as slow as a far bucket, in simulated time: what pipelines,
// batches and read-ahead are worth is measured on any machine, exactly and without waiting.
//
// The model. A call is a wave: its requests go out together, and each has its answer on the way
// after `wave_ns`. The bodies, up or down, then cross one of `connections` connections, each
// `bytes_per_second` fast, first come, first served: a body goes over one connection, the one that
// is free first. The call ends when its last body has crossed. Calls of several threads share the
// connections. So one GET of 1 MB takes 20 + 10 ms, sixteen in one call or in sixteen calls at the
// same time as long, thirty-two 20 + 20 ms.
//
// The clock. Simulated time stands still while any thread of the process is at work and goes on to
// the next event when all sleep (runtime/quiet.h): computation takes no time. A caller that
// stands for one that computes says so with `spend`. Calls that begin at the same simulated moment
// are put in order by their first keys and offsets, so a run does not depend on how threads
// were scheduled. What the inner store does, it does when a call begins.
//
// A thread that spins keeps the clock from going on; one that sleeps for real time does not.
//
// Thread rule: every call may come from any thread. Not to be used on both sides of a fork().
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "store/store.h"

namespace dreamdb {

struct FarModel {
  uint64_t wave_ns = 20'000'000;
  size_t connections = 16;                  // at least 1
  uint64_t bytes_per_second = 100'000'000;  // of one connection

  double total_bytes_per_second() const {
    return static_cast<double>(connections) * static_cast<double>(bytes_per_second);
  }
};

class FarStore final : public Store {
 public:
  explicit FarStore(std::shared_ptr<Store> inner, FarModel model = {});
  ~FarStore() override;

  // Simulated nanoseconds since the store was made.
  uint64_t now_ns() const;
  // Lets simulated time pass on the calling thread.
  void spend(uint64_t duration_ns);
  // The most bytes that were asked for and had not crossed yet, at any moment.
  uint64_t bytes_under_way_max() const;

  std::string describe() const override { return inner_->describe(); }
  std::string identity() const override { return inner_->identity(); }
  WireCounts wire() const override { return inner_->wire(); }
  void forget(std::span<const std::string> keys) override { inner_->forget(keys); }
  bool is_far() const override { return true; }
  uint64_t unanswered_budget_ns() const override { return inner_->unanswered_budget_ns(); }
  std::vector<Result<Buffer>> read_many(std::span<const ReadRequest> requests) override;
  std::vector<Status> put_many(std::span<const PutRequest> requests) override;
  Result<Loaded> load(std::string_view key) override;
  Result<Version> swap(std::string_view key, const std::optional<Version>& expected,
                       const Buffer& body) override;
  Status swap_delete(std::string_view key, const Version& expected) override;
  Result<ListPage> list(std::string_view prefix, std::string_view start_after,
                        size_t limit) override;
  std::vector<Status> delete_many(std::span<const std::string> keys) override;
  Status make_durable(std::string_view key) override { return inner_->make_durable(key); }
  std::unique_ptr<Turn> wait_turn(std::string_view key, uint32_t timeout_ms) override;
  Waited wait_turn_or_answer(std::string_view key, uint32_t timeout_ms,
                             const Offer& offer) override;

 private:
  // One call, on the stack of its thread.
  struct Call {
    std::string order;  // among calls that begin at the same moment
    uint64_t offset = 0;
    std::vector<uint64_t> sizes;  // of the bodies
    uint64_t wait_ns = 0;         // before the first byte
    uint64_t bytes = 0;
    uint64_t end_ns = 0;
    bool ended = false;
    std::condition_variable woken;
  };

  void wave(std::string_view key, uint64_t offset, std::vector<uint64_t> sizes);
  void pass(Call& call);
  void schedule(Call& call);
  void run_clock();

  const std::shared_ptr<Store> inner_;
  const FarModel model_;
  mutable std::mutex mutex_;  // guards all below
  uint64_t now_ns_ = 0;
  uint64_t bytes_under_way_ = 0;
  uint64_t bytes_under_way_max_ = 0;
  std::vector<uint64_t> free_ns_;  // when each connection has nothing more to carry
  std::vector<Call*> begun_;       // at the present moment, not in order yet
  std::vector<Call*> under_way_;
  bool stopping_ = false;
  std::condition_variable changed_;
  std::thread clock_;
};

}  // namespace dreamdb
