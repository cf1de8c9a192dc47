// The stack of interrupt scopes of each thread.
#include "dreamdb/interrupt.h"

namespace dreamdb {

namespace {

thread_local InterruptScope* innermost = nullptr;

}  // namespace

InterruptScope::InterruptScope(std::function<bool()> should_stop)
    : should_stop_(std::move(should_stop)), outer_(innermost) {
  innermost = this;
}

InterruptScope::~InterruptScope() { innermost = outer_; }

Status check_interrupt() {
  if (innermost == nullptr || !innermost->should_stop_()) return {};
  return fail(Code::kCancelled, "stopped because the caller asked to");
}

}  // namespace dreamdb
