// What code of ours needs besides InterruptScope: scopes that ask the one around them, and loops
// whose threads hear it.
//
// Thread rule: a scope belongs to the thread that made it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "dreamdb/interrupt.h"
#include "runtime/thread_pool.h"

namespace dreamdb {

// Between looks of who waits for work of other threads.
inline constexpr uint64_t kInterruptLookNs = 50'000'000;

// Says stop when `should_stop` does, or when the scope around it does.
class JointScope {
 public:
  explicit JointScope(std::function<bool()> should_stop);

 private:
  InterruptScope scope_;
};

// While it lives, nothing stops: what has been sent is to be known. The scope around it is asked
// all the same, and told once when it says stop (`on_wait`).
class FinishScope {
 public:
  FinishScope();

 private:
  InterruptScope scope_;
};

// As `pool.parallel_for`, but each call may wait for long: whichever thread it is on, the caller's
// scope stops it.
void interruptible_for(ThreadPool& pool, size_t count, const std::function<void(size_t)>& fn);

}  // namespace dreamdb
