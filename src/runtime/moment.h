// Points in time between which a sleep of the process or the machine counts.
#pragma once

#include <algorithm>
#include <cstdint>

#include "runtime/runtime.h"

namespace dreamdb {

struct Moment {
  uint64_t monotonic_ns = 0, wall_ns = 0;
};

inline Moment moment_of(Runtime& runtime) { return {runtime.monotonic_ns(), runtime.now_ns()}; }

// By the clock that went on further: one stops when the machine sleeps, the other may be set.
inline uint64_t ns_between(const Moment& then, const Moment& now) {
  const uint64_t wall = now.wall_ns > then.wall_ns ? now.wall_ns - then.wall_ns : 0;
  return std::max(now.monotonic_ns - then.monotonic_ns, wall);
}

}  // namespace dreamdb
