// The protocol of collection explored: a collector beside two writers and a reader, in every order
// of their requests in which one that could go on gives way at most once. One of the writers is
// struck at every third of its requests. DREAMDB_SWITCHES=2: gives way at most twice, and all.
//
// Pauses are of hours, so that what a writer put before it slept is old when the collector comes.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "base/one_in.h"
#include "tests/sim/explorer.h"
#include "tests/sim/one_writer.h"
#include "upkeep/collect.h"

namespace dreamdb::sim {
namespace {

constexpr StoreOps kAllButGets = kAllOps & ~ops(StoreOp::kGet);
constexpr uint64_t kHourNs = 3'600'000'000'000;
constexpr uint64_t kAfterTheEnd = 1'000'000;

constexpr uint64_t kFewOrders = 60;  // that are tried where a test is cut short

const char* const kSwitches = std::getenv("DREAMDB_SWITCHES");
size_t switches_max() { return kSwitches == nullptr ? 1 : std::strtoull(kSwitches, nullptr, 10); }

// A branch that was made, written to and removed: what it had is garbage.
void leave_garbage(World& world) {
  auto main = open_in(Space::on(world.store(), "memory://sim", 0, world.runtime()), "main");
  if (!main) return world.fail(main.error().message);
  auto lost = main->branch("lost");
  const auto rows = model::row_range(500, 3, 1);
  if (!lost || !lost->append(model::rows_of(rows, model::small_schema())) ||
      !main->delete_ref("lost"))
    return world.fail("no garbage could be made");
}

struct Explored {
  uint64_t orders = 0;
  uint64_t operations = 0;  // of the first writer, at most
  uint64_t collected = 0;
  bool has_struck = false;
};

struct Scene {
  FaultPlan plan;            // of the first writer
  uint64_t begins_ns = 0;    // the collection, after the writers
  bool with_second = false;  // writer, and a reader
};

Explored explore(const Scene& scene) {
  Explored out;
  Explorer explorer(switches_max());
  const bool takes_all = OneIn().takes_all();
  do {
    Scheduler scheduler(explorer);
    World world(scheduler, 1, {.is_calm = scene.plan.rules.empty(), .is_slow = true});
    world.set_up(model::row_range(10, 2, 1));
    leave_garbage(world);
    scheduler.sleep(3 * kHourNs);
    OneWriter first(world, 1, scene.plan, kAllButGets), second(world, 2, {}, kAllButGets);
    scheduler.add("writer", [&] { first.live(); });
    scheduler.add("collector", [&] {
      auto& process = world.start_process(0, kAllButGets);
      process.runtime().sleep_ns(scene.begins_ns);
      world.begin_collection({});
      world.judge_collection(collect(process.store(), process.runtime(), {}));
      world.end_collection();
    });
    if (scene.with_second) {
      scheduler.add("second", [&] { second.live(); });
      scheduler.add("reader", [&] {
        const auto& process = world.start_process(0, kAllButGets);
        const auto ds = open_in(process.space(), "main");
        if (!ds) return world.fail("the reader cannot open it: " + ds.error().message);
        for (int i = 0; i < 2; ++i) world.judge_read(*ds, model::read_state(*ds));
      });
    }
    if (!world.failure()) scheduler.run();
    if (!world.failure()) world.finish();
    ++out.orders;
    out.operations = std::max(out.operations, first.operations());
    out.has_struck = out.has_struck || first.struck() > 0;
    out.collected += world.tally().collected;
    if (world.failure()) {
      for (const std::string& line : scheduler.trace()) std::cout << line << "\n";
      ADD_FAILURE() << *world.failure();
      return out;
    }
  } while (explorer.next() && (takes_all || out.orders < kFewOrders) &&
           !::testing::Test::HasFailure());
  return out;
}

TEST(CollectionProtocol, BesideTwoWritersAndAReader) {
  const Explored explored = explore({.plan = {}, .with_second = true});
  EXPECT_GT(explored.orders, 20u);
  EXPECT_GT(explored.collected, explored.orders);
  std::cout << explored.orders << " orders, " << explored.collected << " objects collected\n";
}

TEST(CollectionProtocol, WithAFaultAtEachPlaceOfAWriter) {
  const uint64_t operations = explore({}).operations + 2;  // a fault makes others follow
  uint64_t orders = 0, places = 0, number = 0, tried = 0;
  OneIn cases;
  for (const FaultKind kind : {FaultKind::kDelay, FaultKind::kCrashBefore, FaultKind::kCrashAfter,
                               FaultKind::kReplyLost, FaultKind::kLate}) {
    for (const uint64_t late_by : {uint64_t{2}, kAfterTheEnd}) {
      if (late_by != kAfterTheEnd && kind != FaultKind::kLate) continue;
      for (uint64_t at = 0; at < operations; ++at) {
        if (!cases.takes_next() || (kSwitches == nullptr && ++number % 3 != 0)) continue;
        SCOPED_TRACE("fault " + std::to_string(static_cast<int>(kind)) + " at operation " +
                     std::to_string(at));
        // The writer sleeps for two hours, and the collector comes meanwhile.
        const bool sleeps = kind == FaultKind::kDelay;
        const FaultRule rule{.kind = kind, .at = at, .late_by = late_by, .delay_ns = 2 * kHourNs};
        const Explored explored =
            explore({.plan = {.rules = {rule}}, .begins_ns = sleeps ? kHourNs + kHourNs / 2 : 0});
        if (::testing::Test::HasFailure()) return;
        ++tried;
        orders += explored.orders;
        places += explored.has_struck;
      }
    }
  }
  EXPECT_GE(places, tried / 4);  // at the others the writer had ended before
  std::cout << orders << " orders, faults at " << places << " of " << tried << " places\n";
}

}  // namespace
}  // namespace dreamdb::sim
