// A decorator that makes a store fail as real ones do, by a plan and a seed: the same calls in the
// same order fail in the same way.
//
// Each request is one operation: a wave of five puts is five, carried out one after the other.
// Operations are numbered from 0 over the life of the store. Thread rule: every call may come from
// any thread; only calls from one thread at a time are repeatable.
#pragma once

#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "runtime/fork.h"
#include "runtime/runtime.h"
#include "store/counting_store.h"
#include "store/store.h"

namespace dreamdb {

enum class FaultKind : uint8_t {
  kError,             // fails with `code` before anything is done
  kReplyLost,         // done, but the caller is told OutcomeUnknown (Unavailable for reads)
  kTwice,             // done twice, as by a retry below us; the caller gets the second reply
  kLate,              // write: the caller is told OutcomeUnknown; done `late_by` operations later
  kDelay,             // waits `delay_ns` first
  kLateReply,         // done, then waits `delay_ns` before it is told
  kThrottled,         // fails with `code` from the `allowed_a_second`-th on within a second
  kCutBody,           // get, load: the body is cut short; put, swap: a cut body is stored
  kFlipBit,           // the same with one bit flipped
  kOtherBody,         // get: the bytes of another object that was read before
  kOlderVersion,      // load: the version before the one that was seen last
  kListMisses,        // list: one key is missing
  kListRepeats,       // list: one key comes twice
  kListReorders,      // list: the order is random
  kConditionIgnored,  // swap: takes place whatever the version is
  kNotAtomic,         // swap: looks at the condition, waits `delay_ns`, then takes place
  kToldConflict,      // swap: takes place, but the caller is told Conflict
  kFalseConflict,     // swap: does not take place although it could, and Conflict is told
  kHtmlPage,          // get, load: the page of a proxy in place of the body
  kEmptyBody,         // get, load: no bytes in place of the body
  kDropped,           // put: told ok, but nothing is stored
  kCrashBefore,       // the process dies: this operation and all later ones do nothing
  kCrashAfter,        // the same, but this operation is done
};

// Set of operations a rule looks at.
using StoreOps = uint32_t;
constexpr StoreOps ops(StoreOp op) { return StoreOps{1} << static_cast<uint32_t>(op); }
template <typename... More>
constexpr StoreOps ops(StoreOp op, More... more) {
  return ops(op) | ops(more...);
}
inline constexpr StoreOps kAllOps = (StoreOps{1} << kStoreOpCount) - 1;

struct FaultRule {
  FaultKind kind = FaultKind::kError;
  StoreOps only_ops = kAllOps;      // a kind that means nothing for an operation passes it by
  std::string key_prefix = {};      // of the key; of the prefix for list
  double probability = 1;           // each time; 0 to 1
  std::optional<uint64_t> at = {};  // only operation number `at` of the store, counted from 0
  uint64_t times_max = std::numeric_limits<uint64_t>::max();  // then the rule is used up
  Code code = Code::kUnavailable;                             // kError
  uint64_t late_by = 1;                                       // kLate, operations
  uint64_t delay_ns = 0;                                      // kDelay, kLateReply, kNotAtomic
  uint64_t allowed_a_second = 0;                              // kThrottled
};

struct FaultPlan {
  uint64_t seed = 0;
  // The first rule that strikes decides; so a multi-delete or a wave of puts fails in part.
  std::vector<FaultRule> rules = {};
  // Carries out the requests of a wave in random order, as parallel requests are.
  bool shuffle_waves = false;
};

class FaultStore final : public Store {
 public:
  FaultStore(std::shared_ptr<Store> inner, FaultPlan plan, Runtime& runtime = real_runtime());

  // From now on `plan` holds; the count of operations goes on, a crash is over.
  void set_plan(FaultPlan plan);
  // How many operations were begun: the numbers for `FaultRule::at` are below it.
  uint64_t operations() const;
  // How many times a rule struck.
  uint64_t faults() const;
  bool crashed() const;
  // Carries out all late operations now.
  void run_late();

  std::string describe() const override { return inner_->describe(); }
  std::string identity() const override { return inner_->identity(); }
  WireCounts wire() const override { return inner_->wire(); }
  void forget(std::span<const std::string> keys) override { inner_->forget(keys); }
  bool is_far() const override { return inner_->is_far(); }
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
  struct Late {
    uint64_t due = 0;
    std::function<void()> act;
  };

  struct Allowed {
    uint64_t second = 0, count = 0;
  };

  // Counts the operation and says which fault strikes it.
  std::optional<FaultRule> begin(StoreOp op, std::string_view key);
  Status crashed_status() const;
  // Whether the rule lets one more operation of this second through; counts it.
  bool is_allowed(const FaultRule& rule);
  void wait_for_reply(const std::optional<FaultRule>& fault);
  std::optional<Version> version_of(std::string_view key) const;
  std::vector<size_t> wave_order(size_t count);
  uint64_t draw(uint64_t bound);  // below `bound`
  Buffer spoil(const FaultRule& fault, const Buffer& body);
  void defer(const FaultRule& fault, std::function<void()> act);
  // What a rule makes of an operation that writes: `act` carries it out once.
  Status strike_write(const FaultRule& fault, std::string_view key,
                      const std::function<Status()>& act);
  // The error that a rule gives a read before anything is asked; else ok.
  Status strike_read(const std::optional<FaultRule>& fault, std::string_view key) const;
  void spoil_page(const FaultRule& fault, ListPage& page);
  Result<Buffer> read_one(const ReadRequest& request);
  Status put_one(const PutRequest& request);
  Status delete_one(const std::string& key);
  Result<Version> swap_any(std::string_view key, std::optional<Version> expected,
                           const Buffer* body);

  const std::shared_ptr<Store> inner_;
  Runtime& runtime_;
  mutable ForkSafeMutex mutex_;  // guards all below; never held during a call of `inner_`
  FaultPlan plan_;
  std::mt19937_64 random_;
  uint64_t operations_ = 0;
  uint64_t faults_ = 0;
  bool crashed_ = false;
  std::deque<Late> late_;
  std::map<std::string, Allowed> allowed_;  // by prefix
  std::string last_read_key_;
  Buffer last_read_;
  std::map<std::string, std::deque<Loaded>, std::less<>> seen_;  // the last two versions loaded
};

}  // namespace dreamdb
