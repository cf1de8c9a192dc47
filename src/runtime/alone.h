// Keeps all work of a thread on that thread, in one order: what a scheduler needs that replays a
// run from its seed.
//
// While a scope lives, the pools of the process have no threads for the thread that made it: loops
// run on it from the first index to the last. What is submitted to any pool is done when it is
// waited for, or when the scope ends. What is to be done about once a second is done when `tick` is
// called.
//
// Thread rule: a scope belongs to the thread that made it.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "runtime/thread_pool.h"
#include "runtime/ticker.h"

namespace dreamdb {

class AloneScope {
 public:
  AloneScope();
  ~AloneScope();
  AloneScope(const AloneScope&) = delete;
  AloneScope& operator=(const AloneScope&) = delete;

  // That of the calling thread, nullptr if there is none.
  static AloneScope* innermost();

  // Calls what `start_ticking` was given on this thread and is not over, once each, in that order.
  // Does nothing during such a call.
  void tick();

  // Of ThreadPool and of the ticker.
  void keep(Task task);
  std::unique_ptr<Ticking> start(std::function<void()> tick);

 private:
  class Entry;

  AloneScope* const outer_;
  std::deque<Task> submitted_;
  std::vector<std::weak_ptr<const std::function<void()>>> ticks_;  // empty: over
  bool is_ticking_ = false;
};

}  // namespace dreamdb
