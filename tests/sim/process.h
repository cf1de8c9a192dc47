// One process of a simulation: its clock and its random numbers, and the way to the store.
//
// Thread rule: one actor, and who made it before and after the run.
#pragma once

#include <functional>
#include <memory>
#include <random>
#include <string>

#include "runtime/runtime.h"
#include "store/counting_store.h"
#include "store/fault_store.h"
#include "store/memory_store.h"
#include "tests/sim/scheduler.h"

namespace dreamdb::sim {

// Sleeps let others go; the wall clock may be wrong, and jump.
class SimRuntime final : public Runtime {
 public:
  SimRuntime(Scheduler& scheduler, uint64_t seed) : scheduler_(scheduler), random_(seed) {}

  uint64_t now_ns() override { return kStartNs + scheduler_.now_ns() + skew_ns_; }
  uint64_t monotonic_ns() override { return scheduler_.now_ns(); }
  void sleep_ns(uint64_t duration_ns) override { scheduler_.sleep(duration_ns); }
  void random(std::span<std::byte> out) override;
  // From now on the wall clock is so much ahead of the time of the simulation.
  void set_skew(uint64_t skew_ns) { skew_ns_ = skew_ns; }

 private:
  static constexpr uint64_t kStartNs = 1'900'000'000'000'000'000;
  Scheduler& scheduler_;
  std::mt19937_64 random_;
  uint64_t skew_ns_ = 0;
};

// Told of what takes place on the store, at that moment.
class Witness {
 public:
  virtual ~Witness() = default;
  virtual void before_put(const std::string& key) = 0;
  virtual void swapped(const std::string& key) = 0;
};

// Each call of the store below is a step of the actor that makes it, if it is one of `at`.
class StepStore final : public Store {
 public:
  StepStore(std::shared_ptr<Store> inner, Scheduler& scheduler, Witness& witness,
            StoreOps at = kAllOps)
      : inner_(std::move(inner)), scheduler_(scheduler), witness_(witness), at_(at) {}

  std::string describe() const override { return inner_->describe(); }
  std::vector<Result<Buffer>> read_many(std::span<const ReadRequest> requests) override;
  std::vector<Status> put_many(std::span<const PutRequest> requests) override;
  Result<Loaded> load(std::string_view key) override;
  Result<Version> swap(std::string_view key, const std::optional<Version>& expected,
                       const Buffer& body) override;
  Status swap_delete(std::string_view key, const Version& expected) override;
  Result<ListPage> list(std::string_view prefix, std::string_view start_after,
                        size_t limit) override;
  std::vector<Status> delete_many(std::span<const std::string> keys) override;

 private:
  void step(StoreOp op, std::string_view key);

  const std::shared_ptr<Store> inner_;
  Scheduler& scheduler_;
  Witness& witness_;
  const StoreOps at_;
};

}  // namespace dreamdb::sim
