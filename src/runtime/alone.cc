// The stack of alone scopes of each thread, and what each keeps.
#include "runtime/alone.h"

#include <utility>

namespace dreamdb {

namespace {

thread_local AloneScope* innermost_scope = nullptr;

}  // namespace

class AloneScope::Entry final : public Ticking {
 public:
  explicit Entry(std::shared_ptr<const std::function<void()>> tick) : tick_(std::move(tick)) {}

 private:
  const std::shared_ptr<const std::function<void()>> tick_;
};

AloneScope::AloneScope() : outer_(innermost_scope) { innermost_scope = this; }

AloneScope::~AloneScope() {
  while (!submitted_.empty()) {
    Task task = std::move(submitted_.front());
    submitted_.pop_front();
    task.wait();
  }
  innermost_scope = outer_;
}

AloneScope* AloneScope::innermost() { return innermost_scope; }

void AloneScope::keep(Task task) {
  while (!submitted_.empty() && submitted_.front().done()) submitted_.pop_front();
  submitted_.push_back(std::move(task));
}

void AloneScope::tick() {
  if (std::exchange(is_ticking_, true)) return;
  std::erase_if(ticks_, [](const auto& tick) { return tick.expired(); });
  const auto ticks = ticks_;
  for (const auto& one : ticks)
    if (const auto tick = one.lock()) (*tick)();
  is_ticking_ = false;
}

std::unique_ptr<Ticking> AloneScope::start(std::function<void()> tick) {
  const auto kept = std::make_shared<const std::function<void()>>(std::move(tick));
  ticks_.push_back(kept);
  return std::make_unique<Entry>(kept);
}

}  // namespace dreamdb
