// Many seeds: writers, readers, crashes, lost and late requests and wrong clocks, against the
// model.
//
// DREAMDB_SEEDS is how many (2,000), DREAMDB_SEED the first (1); `./run prove --help`.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "base/one_in.h"
#include "tests/sim/simulation.h"

namespace dreamdb {
namespace {

constexpr uint64_t kSeeds = 2'000;
constexpr uint64_t kSeedsForAll = 200;  // among so many, everything happens

uint64_t number_in(const char* variable, uint64_t otherwise) {
  const char* const text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(Simulation, NothingHappensThatMustNot) {
  const uint64_t first = number_in("DREAMDB_SEED", 1);
  const uint64_t count = OneIn().of(number_in("DREAMDB_SEEDS", kSeeds));
  uint64_t steps = 0, faults = 0;
  sim::Tally all;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    const sim::RunReport report = sim::run_seed(seed);
    steps += report.steps;
    faults += report.faults;
    all += report.tally;
    if (!report.failure) continue;
    for (const std::string& line : report.trace) std::cout << line << "\n";
    FAIL() << *report.failure << "\nreplay it with: ./run prove --seed " << seed << " --seeds 1";
  }
  std::cout << count << " seeds: " << steps << " steps, " << all.commits << " commits, of them "
            << all.compactions << " of compactions and of these " << all.purges << " of purges, "
            << faults << " faults, " << all.collected << " objects collected, " << all.retentions
            << " times with a part of history, " << all.gone << " versions that were tips gone\n";
  if (count < kSeedsForAll) return;
  EXPECT_GT(all.commits, 2 * count);
  EXPECT_GT(all.compactions, count / 4);
  EXPECT_GT(all.purges, count / 10);
  EXPECT_GT(faults, count);
  EXPECT_GT(all.collected, count);
  EXPECT_GT(all.retentions, count / 4);
  EXPECT_GT(all.gone, count / 4);
}

TEST(Simulation, ASeedReplaysExactly) {
  for (const uint64_t seed : {5, 6, 7, 8, 9}) {
    const sim::RunReport one = sim::run_seed(seed);
    const sim::RunReport other = sim::run_seed(seed);
    ASSERT_GT(one.trace.size(), 50u);
    EXPECT_EQ(one.trace, other.trace) << "seed " << seed;
  }
  EXPECT_NE(sim::run_seed(6).trace, sim::run_seed(7).trace);
}

}  // namespace
}  // namespace dreamdb
