// Random scripts of two handles on one ref over a store that fails at random, some hundred seeds.
//
// After each action the store itself, without faults, is compared with the model: what was
// acknowledged is there, what failed is there wholly or not at all. What the handles read through
// the faults is right or an error.
#include <gtest/gtest.h>

#include <iostream>
#include <random>

#include "base/one_in.h"
#include "store/fault_store.h"
#include "store/memory_store.h"
#include "tests/model/model.h"

namespace dreamdb {
namespace {

using model::row_range;
using model::State;

constexpr uint64_t kSeeds = 400;
constexpr uint64_t kLyingSeeds = 200;
constexpr int kActions = 14;
constexpr uint64_t kSeedBudgetNs = 60'000'000'000;

class Fuzzer {
 public:
  // lying: the store breaks what is written and ignores conditions; nothing can be promised then
  // but that wrong bytes are found.
  Fuzzer(uint64_t seed, bool lying) : random_(seed), lying_(lying) {
    inner_ = std::make_shared<MemoryStore>("faults");
    store_ = std::make_shared<FaultStore>(inner_, FaultPlan{});
  }

  void run() {
    auto made = create_in(model::space_on(inner_), "main", model::full_schema());
    ASSERT_TRUE(made);
    ASSERT_TRUE(made->append(model::rows_of(row_range(0, 40, 1, 3))));
    truth_.set(row_range(0, 40, 1, 3));
    ASSERT_TRUE(remember());
    for (int h = 0; h < 2; ++h) handles_.push_back(*open_in(model::space_on(store_), "main"));
    store_->set_plan(random_plan());
    for (int i = 0; i < kActions && !::testing::Test::HasFailure(); ++i) act();
    store_->run_late();
    store_->set_plan({});
    finish();
  }

  uint64_t faults() const { return store_->faults(); }
  uint64_t errors() const { return errors_; }
  uint64_t acknowledged() const { return acknowledged_; }

 private:
  uint64_t draw(uint64_t bound) { return random_() % bound; }

  FaultPlan random_plan() {
    static const std::vector<FaultKind> honest = {
        FaultKind::kError,        FaultKind::kReplyLost,  FaultKind::kTwice,
        FaultKind::kLate,         FaultKind::kDelay,      FaultKind::kOtherBody,
        FaultKind::kOlderVersion, FaultKind::kListMisses, FaultKind::kListRepeats,
        FaultKind::kListReorders};
    static const std::vector<Code> codes = {Code::kUnavailable, Code::kExhausted, Code::kDenied};
    FaultPlan plan{.seed = random_(), .rules = {}, .shuffle_waves = true};
    for (int i = 0; i < 3; ++i) {
      FaultRule rule;
      rule.kind = honest[draw(honest.size())];
      rule.code = codes[draw(codes.size())];
      rule.probability = static_cast<double>(1 + draw(6)) / 100;
      rule.late_by = 1 + draw(40);
      rule.delay_ns = 1000;
      if (draw(3) == 0) rule.only_ops = ops(StoreOp::kSwap, StoreOp::kLoad);
      if (rule.only_ops != kAllOps) rule.probability = 0.4;
      plan.rules.push_back(rule);
    }
    FaultRule spoil;
    spoil.kind = draw(2) == 0 ? FaultKind::kFlipBit : FaultKind::kCutBody;
    spoil.probability = 0.03;
    spoil.only_ops = ops(StoreOp::kGet, StoreOp::kLoad);
    if (lying_) spoil.only_ops = ops(StoreOp::kGet, StoreOp::kPut, StoreOp::kLoad, StoreOp::kSwap);
    plan.rules.push_back(spoil);
    if (lying_) plan.rules.push_back({.kind = FaultKind::kConditionIgnored, .probability = 0.3});
    return plan;
  }

  void act() {
    Dataset& ds = handles_[draw(handles_.size())];
    State next = truth_;
    trace_ += "\n  ";
    switch (draw(9)) {
      case 0:
      case 1: return judge("append", append_given(ds, next), next);
      case 2: return judge("append without anchors", append_assigned(ds, next), next);
      case 3: return judge("set meta", set_meta(ds, next), next);
      case 4: return judge("add a field", add_field(ds, next), next);
      case 5: return judge("fill", fill(ds, next), next);
      case 6: return judge("name it", name_it(ds), next);
      case 7: return judge("refresh", ok_of(ds.refresh()), next);
      default: return read(ds);
    }
  }

  static Status ok_of(const auto& result) {
    if (!result) return std::unexpected(result.error());
    return {};
  }

  Status append_given(Dataset& ds, State& next) {
    const auto rows = row_range(draw(150), 1 + draw(30), 1 + draw(3), 1 + draw(4));
    AppendOptions options;
    options.on_conflict = static_cast<OnConflict>(draw(3));
    if (draw(2) == 0) options.idempotency_key = "key " + std::to_string(random_());
    // A handle refuses by the version that it shows, also when the tip has moved on since.
    const auto& shown = states_[ds.manifest()].salts;
    for (const model::Row& row : rows) {
      const auto old = shown.find(row.anchor);
      if (old != shown.end() && old->second != row.salt)
        may_refuse_ = options.on_conflict == OnConflict::kRefuse;
      const bool held = next.salts.contains(row.anchor) && next.salts[row.anchor] != row.salt;
      if (held && options.on_conflict == OnConflict::kRefuse) {
        next = truth_;
        may_refuse_ = true;
        break;
      }
      if (!held || options.on_conflict == OnConflict::kReplace) next.salts[row.anchor] = row.salt;
    }
    return ok_of(ds.append(model::rows_of(rows), options));
  }

  Status append_assigned(Dataset& ds, State& next) {
    const uint64_t count = 1 + draw(20);
    AppendOptions options;
    options.idempotency_key = "assigned " + std::to_string(next_salt_);
    options.on_conflict = static_cast<OnConflict>(draw(3));
    for (uint64_t i = 0; i < count; ++i) next.assigned.insert(next_salt_ + i);
    const uint64_t first = std::exchange(next_salt_, next_salt_ + count);
    return ok_of(ds.append(model::unanchored_rows(count, first), options));
  }

  Status set_meta(Dataset& ds, State& next) {
    const std::string value = std::to_string(random_());
    next.meta["k"] = value;
    return ds.set_meta("k", value);
  }

  Status add_field(Dataset& ds, State& next) {
    may_refuse_ = truth_.has_extra;
    next.has_extra = true;
    return ds.add_field(model::extra_field());
  }

  Status fill(Dataset& ds, State& next) {
    std::vector<uint64_t> anchors;
    for (const auto& [anchor, salt] : truth_.salts)
      if (draw(3) == 0) anchors.push_back(anchor);
    // A handle that has not seen the field refuses, and so does a version without it.
    may_refuse_ = true;
    if (truth_.has_extra) next.extras.insert(anchors.begin(), anchors.end());
    return ok_of(ds.append(model::extra_rows(anchors)));
  }

  Status name_it(Dataset& ds) {
    const std::string name = "n" + std::to_string(draw(4));
    may_refuse_ = true;
    return draw(2) == 0 ? ok_of(ds.branch(name)) : ok_of(ds.snapshot(name));
  }

  // What is on the store now must be the truth before the action or after it.
  void judge(const std::string& what, const Status& status, const State& next) {
    trace_ += what + (status ? ": ok" : ": " + status.error().message);
    acknowledged_ += status.has_value();
    errors_ += !status.has_value();
    if (!status) expect_fair(status.error());
    may_refuse_ = false;
    store_->run_late();
    if (lying_) return;
    const auto seen = remember();
    ASSERT_TRUE(seen) << seen.error().message << trace_;
    EXPECT_TRUE(*seen == next || (!status && *seen == truth_))
        << trace_ << "\nfound " << seen->summary() << "\nbefore " << truth_.summary() << "\nafter "
        << next.summary();
    truth_ = *seen;
  }

  void expect_fair(const Error& error) const {
    EXPECT_FALSE(error.message.empty());
    EXPECT_NE(error.code, Code::kInternal) << error.message << trace_;
    const bool refusal = error.code == Code::kConflict || error.code == Code::kAlreadyExists ||
                         error.code == Code::kInvalidArgument;
    EXPECT_TRUE(!refusal || may_refuse_ || lying_) << error.message << trace_;
  }

  // The state of the tip without faults, noted under its address.
  Result<State> remember() {
    DREAMDB_ASSIGN(const Dataset ds, open_in(model::space_on(inner_), "main"));
    DREAMDB_ASSIGN(State state, model::read_state(ds));
    states_[ds.manifest()] = state;
    return state;
  }

  void read(Dataset& ds) {
    auto fresh =
        open_in(model::space_on(store_), "main");  // nothing cached: all through the faults
    if (!fresh) return expect_fair(fresh.error());
    for (const Dataset* handle : {&ds, &*fresh}) {
      const auto state = model::read_state(*handle);
      trace_ += "read";
      if (!state) {
        expect_fair(state.error());
      } else if (!lying_) {
        EXPECT_TRUE(*state == states_[handle->manifest()]) << trace_;
      }
    }
  }

  void finish() {
    const auto picture = model::read_picture(inner_);
    if (lying_) {
      if (!picture) {
        EXPECT_EQ(picture.error().code, Code::kCorruption) << picture.error().message << trace_;
      }
      return;
    }
    ASSERT_TRUE(picture) << picture.error().message;
    EXPECT_TRUE(picture->at("main") == truth_) << trace_;
    // Every handle goes on working once the store does.
    for (Dataset& ds : handles_) {
      const uint64_t first = std::exchange(next_salt_, next_salt_ + 5);
      EXPECT_TRUE(ds.append(model::unanchored_rows(5, first))) << trace_;
      for (uint64_t i = 0; i < 5; ++i) truth_.assigned.insert(first + i);
    }
    const auto last = remember();
    ASSERT_TRUE(last);
    EXPECT_TRUE(*last == truth_) << trace_;
  }

  std::mt19937_64 random_;
  const bool lying_;
  std::shared_ptr<MemoryStore> inner_;
  std::shared_ptr<FaultStore> store_;
  std::vector<Dataset> handles_;
  State truth_;
  std::map<std::string, State> states_;  // by manifest
  uint64_t next_salt_ = model::kAssignedSalt;
  bool may_refuse_ = false;
  uint64_t errors_ = 0;
  uint64_t acknowledged_ = 0;
  std::string trace_;
};

void run_seeds(uint64_t seeds, bool lying) {
  seeds = OneIn().of(seeds);
  uint64_t faults = 0, errors = 0, acknowledged = 0;
  for (uint64_t seed = 0; seed < seeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const uint64_t begin_ns = real_runtime().monotonic_ns();
    Fuzzer fuzzer(seed, lying);
    fuzzer.run();
    EXPECT_LT(real_runtime().monotonic_ns() - begin_ns, kSeedBudgetNs);
    if (::testing::Test::HasFailure()) return;
    faults += fuzzer.faults();
    errors += fuzzer.errors();
    acknowledged += fuzzer.acknowledged();
  }
  EXPECT_GT(faults, seeds);
  EXPECT_GT(errors, seeds / 4);
  EXPECT_GT(acknowledged, seeds);
  std::cout << seeds << " seeds, " << faults << " faults, " << acknowledged
            << " actions acknowledged, " << errors << " failed\n";
}

TEST(FaultList, LosesNothingThatWasAcknowledged) { run_seeds(kSeeds, false); }

TEST(FaultList, FindsWhatALyingStoreBroke) { run_seeds(kLyingSeeds, true); }

}  // namespace
}  // namespace dreamdb
