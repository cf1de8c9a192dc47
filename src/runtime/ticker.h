// Something to be done about once a second in the background while an object lives.
//
// One thread for all of a process, started at the first use. It sleeps while there is nothing to
// do.
//
// Thread rule: every call may come from any thread. In a child after fork() what the parent began
// ticks no more.
#pragma once

#include <functional>
#include <memory>

namespace dreamdb {

class Ticking {
 public:
  virtual ~Ticking() = default;
};

// Calls `tick` from time to time, about every second, one call at a time, until the result is
// destroyed; that waits for a call under way. `tick` must not throw and must not destroy it.
std::unique_ptr<Ticking> start_ticking(std::function<void()> tick);

}  // namespace dreamdb
