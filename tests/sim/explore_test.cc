// The commit protocol explored: two writers and a reader in every order of their requests to
// mutable keys, with one fault at each place where it can strike the first writer.
//
// Immutable objects are no steps of their own: they go up before the swap that makes them matter,
// whoever else is at work.
#include <gtest/gtest.h>

#include <iostream>

#include "base/one_in.h"
#include "tests/sim/explorer.h"
#include "tests/sim/one_writer.h"

namespace dreamdb::sim {
namespace {

constexpr StoreOps kMutable = ops(StoreOp::kLoad, StoreOp::kSwap);
constexpr uint64_t kAfterTheEnd = 1'000'000;

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
    World world(scheduler, 1, {.is_calm = plan.rules.empty()});
    world.set_up(model::row_range(10, 2, 1));
    OneWriter first(world, 1, plan, kMutable), second(world, 2, {}, kMutable);
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
