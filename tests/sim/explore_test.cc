// The commit protocol explored: two writers and a reader in every order of their requests to
// mutable keys, with one fault at each place where it can strike the first writer.
//
// Immutable objects are no steps of their own: they go up before the swap that makes them matter,
// whoever else is at work.
#include <gtest/gtest.h>

#include <iostream>

#include "base/one_in.h"
#include "tests/sim/explorer.h"
#include "tests/sim/world.h"

namespace dreamdb::sim {
namespace {

constexpr StoreOps kMutable = ops(StoreOp::kLoad, StoreOp::kSwap);
constexpr uint64_t kAfterTheEnd = 1'000'000;

Status ok_of(const auto& result) {
  if (!result) return std::unexpected(result.error());
  return {};
}

// Appends rows with a key until it is told that they are there, also after it has died.
class Writer {
 public:
  Writer(World& world, uint64_t number, FaultPlan plan)
      : world_(world), number_(number), call_(std::make_shared<Call>()) {
    plan_ = std::move(plan);
    call_->what = "append of writer " + std::to_string(number);
    call_->ref = "main";
    call_->once = true;
    call_->apply = [this](const model::ModelVersion& version) {
      return model::append_assigned(version, 1, salt(), number_);
    };
  }

  void live() {
    for (int tries = 0; tries < 4 && !is_done_ && !world_.failure(); ++tries) {
      if (process_ == nullptr || process_->faults().crashed()) start();
      auto ds = open_in(process_->space(), "main");
      if (!ds) continue;
      const Status done = world_.attempt(*process_, call_, *ds, [&] {
        AppendOptions options;
        options.idempotency_key = "writer " + std::to_string(number_);
        return ok_of(ds->append(model::unanchored_rows(1, salt(), model::small_schema()), options));
      });
      is_done_ = done.has_value();
    }
    if (!is_done_) world_.fail(call_->what + " was never done");
  }

  uint64_t operations() const { return operations_ + process_->faults().operations(); }
  uint64_t struck() const { return struck_ + process_->faults().faults(); }

 private:
  uint64_t salt() const { return model::kAssignedSalt + number_; }
  void start() {
    if (process_ != nullptr) {
      operations_ += process_->faults().operations();
      struck_ += process_->faults().faults();
    }
    process_ = &world_.start_process(1 << 20, kMutable);
    process_->faults().set_plan(std::exchange(plan_, {}));
  }

  World& world_;
  const uint64_t number_;
  const CallPtr call_;
  FaultPlan plan_;
  Process* process_ = nullptr;
  bool is_done_ = false;
  uint64_t operations_ = 0, struck_ = 0;
};

struct Explored {
  uint64_t orders = 0;
  uint64_t operations = 0;  // of the first writer, at most
  bool has_struck = false;
};

Explored explore(const FaultPlan& plan, bool with_reader) {
  Explored out;
  Explorer explorer;
  do {
    Scheduler scheduler(explorer);
    World world(scheduler, 1, plan.rules.empty(), false);
    world.set_up(model::row_range(10, 2, 1));
    Writer first(world, 1, plan), second(world, 2, {});
    scheduler.add("first", [&] { first.live(); });
    scheduler.add("second", [&] { second.live(); });
    if (with_reader) {
      scheduler.add("reader", [&] {
        const auto& process = world.start_process(0, kMutable);
        const auto ds = open_in(process.space(), "main");
        if (!ds) return world.fail("the reader cannot open it: " + ds.error().message);
        for (int i = 0; i < 2; ++i) world.judge_read(*ds, model::read_state(*ds));
      });
    }
    scheduler.run();
    if (!world.failure()) world.finish();
    ++out.orders;
    out.operations = std::max(out.operations, first.operations());
    out.has_struck = out.has_struck || first.struck() > 0;
    if (world.failure()) {
      for (const std::string& line : scheduler.trace()) std::cout << line << "\n";
      ADD_FAILURE() << *world.failure();
      return out;
    }
    const model::State& end = world.version(world.refs().at("main")).state;
    EXPECT_EQ(end.assigned.size(), 2u);
  } while (explorer.next() && !::testing::Test::HasFailure());
  return out;
}

TEST(CommitProtocol, TwoWritersAndAReaderInEveryOrder) {
  const Explored explored = explore({}, true);
  EXPECT_GT(explored.orders, 50u);
  std::cout << explored.orders << " orders\n";
}

TEST(CommitProtocol, WithAFaultAtEachPlace) {
  const uint64_t operations = explore({}, false).operations + 4;  // a fault makes others follow
  uint64_t orders = 0, places = 0;
  OneIn cases;
  for (const FaultKind kind :
       {FaultKind::kCrashBefore, FaultKind::kCrashAfter, FaultKind::kReplyLost, FaultKind::kTwice,
        FaultKind::kLate, FaultKind::kError, FaultKind::kToldConflict, FaultKind::kFalseConflict}) {
    for (const uint64_t late_by : {uint64_t{1}, uint64_t{3}, kAfterTheEnd}) {
      if (late_by != 1 && kind != FaultKind::kLate) continue;
      for (uint64_t at = 0; at < operations; ++at) {
        if (!cases.takes_next()) continue;
        SCOPED_TRACE("fault " + std::to_string(static_cast<int>(kind)) + " at operation " +
                     std::to_string(at) + ", late by " + std::to_string(late_by));
        const Explored explored =
            explore({.rules = {{.kind = kind, .at = at, .late_by = late_by}}}, false);
        if (::testing::Test::HasFailure()) return;
        orders += explored.orders;
        places += explored.has_struck;
      }
    }
  }
  EXPECT_GT(places, 0u);
  std::cout << orders << " orders, faults at " << places << " places\n";
}

}  // namespace
}  // namespace dreamdb::sim
