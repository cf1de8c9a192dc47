// How long the parts of some work take, on the clock of the machine.
//
// Thread rule: one thread at a time.
#pragma once

#include <cstdint>
#include <utility>

#include "runtime/runtime.h"

namespace dreamdb {

class Stopwatch {
 public:
  // Seconds since it was made, or since the last lap.
  double lap() {
    const uint64_t now = real_runtime().monotonic_ns();
    return static_cast<double>(now - std::exchange(last_ns_, now)) / 1e9;
  }

 private:
  uint64_t last_ns_ = real_runtime().monotonic_ns();
};

}  // namespace dreamdb
