// A runtime for tests whose sleeps take no time: they move its clocks on instead.
//
// What waits with a time budget is tested in an instant. Random numbers are the real ones.
//
// Thread rule: every call may come from any thread.
#pragma once

#include <atomic>

#include "runtime/runtime.h"

namespace dreamdb {

class QuickRuntime final : public Runtime {
 public:
  uint64_t now_ns() override { return real_runtime().now_ns() + slept_ns_; }
  uint64_t monotonic_ns() override { return real_runtime().monotonic_ns() + slept_ns_; }
  void sleep_ns(uint64_t duration_ns) override { slept_ns_ += duration_ns; }
  void random(std::span<std::byte> out) override { real_runtime().random(out); }

  // What was slept so far, by all threads together.
  uint64_t slept_ns() const { return slept_ns_; }

 private:
  std::atomic<uint64_t> slept_ns_{0};
};

}  // namespace dreamdb
