// One run of the simulation: everything in it follows from the seed.
//
// Thread rule: one thread; any number of runs at once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/tally.h"

namespace dreamdb::sim {

struct RunReport {
  std::optional<std::string> failure;  // what must never happen, and did
  std::vector<std::string> trace;      // one line a step: milliseconds, actor, what
  uint64_t steps = 0;
  uint64_t faults = 0;
  Tally tally;
};

RunReport run_seed(uint64_t seed);

}  // namespace dreamdb::sim
