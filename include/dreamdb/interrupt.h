// Stopping a long call from outside: while it runs, the call asks now and then whether to go on.
//
// Thread rule: a scope belongs to the thread that made it and is asked on that thread alone.
#pragma once

#include <functional>

#include "dreamdb/result.h"

namespace dreamdb {

// While it lives, long calls made on this thread ask `should_stop` between pieces of work, many
// times a second; once it says true they end with Cancelled and change nothing more. Scopes nest;
// the innermost is asked.
//
// A commit that has been sent goes on until it is known what became of it, on a store that answers
// for a moment only. `on_wait`, if given, is called when `should_stop` says true meanwhile: once
// for each such commit.
class InterruptScope {
 public:
  explicit InterruptScope(std::function<bool()> should_stop, std::function<void()> on_wait = {});
  ~InterruptScope();
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;

 private:
  friend Status check_interrupt();
  friend class JointScope;
  friend class FinishScope;
  std::function<bool()> should_stop_;
  std::function<void()> on_wait_;
  InterruptScope* outer_;
};

// Ok, or Cancelled when the innermost scope of this thread says stop. For the loops of long calls;
// costs next to nothing where there is no scope.
Status check_interrupt();

}  // namespace dreamdb
