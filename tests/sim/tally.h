// How often things took place, so that a simulation in which nothing happens is seen.
//
// Thread rule: values.
#pragma once

#include <cstdint>

namespace dreamdb::sim {

struct Tally {
  uint64_t commits = 0;
  uint64_t compactions = 0;  // commits of those; so of purges, which are some of them
  uint64_t purges = 0;
  uint64_t retentions = 0;  // collections that cut history
  uint64_t collected = 0;   // objects
  uint64_t gone = 0;        // versions that were tips once

  Tally& operator+=(const Tally& more) {
    commits += more.commits;
    compactions += more.compactions;
    purges += more.purges;
    retentions += more.retentions;
    collected += more.collected;
    gone += more.gone;
    return *this;
  }
};

}  // namespace dreamdb::sim
