// The stack of interrupt scopes of each thread.
#include "runtime/interrupt.h"

#include <atomic>
#include <utility>
#include <vector>

namespace dreamdb {

namespace {

thread_local InterruptScope* innermost = nullptr;

}  // namespace

InterruptScope::InterruptScope(std::function<bool()> should_stop, std::function<void()> on_wait)
    : should_stop_(std::move(should_stop)), on_wait_(std::move(on_wait)), outer_(innermost) {
  innermost = this;
}

InterruptScope::~InterruptScope() { innermost = outer_; }

JointScope::JointScope(std::function<bool()> should_stop)
    : scope_([outer = innermost, own = std::move(should_stop)] {
        return own() || (outer != nullptr && outer->should_stop_());
      }) {}

FinishScope::FinishScope()
    : scope_([outer = innermost, is_told = false]() mutable {
        if (outer == nullptr || is_told || !outer->should_stop_()) return false;
        is_told = true;
        if (outer->on_wait_) outer->on_wait_();
        return false;
      }) {}

void interruptible_for(ThreadPool& pool, size_t count, const std::function<void(size_t)>& fn) {
  std::atomic<bool> stop = false;
  std::vector<Task> tasks;
  for (size_t i = 1; i < count; ++i) {
    tasks.push_back(pool.submit([&, i] {
      const JointScope scope([&] { return stop.load(); });  // the caller's too, where it is at hand
      fn(i);
    }));
  }
  if (count > 0) fn(0);
  for (Task& task : tasks)
    while (!task.wait_for(kInterruptLookNs)) stop = stop || !check_interrupt();
}

Status check_interrupt() {
  if (innermost == nullptr || !innermost->should_stop_()) return {};
  return fail(Code::kCancelled, "stopped because the caller asked to");
}

}  // namespace dreamdb
