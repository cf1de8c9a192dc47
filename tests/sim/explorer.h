// An order that tries all orders, one run after the other: each run makes the choices of a path,
// and then the first of each choice that is new; the next path differs in the last choice that has
// another.
//
// Thread rule: one run at a time.
#pragma once

#include <vector>

#include "tests/sim/scheduler.h"

namespace dreamdb::sim {

class Explorer final : public Order {
 public:
  size_t pick(std::span<const size_t> ready) override {
    if (ready.size() == 1) return ready[0];
    if (depth_ == path_.size()) path_.push_back({0, ready.size()});
    return ready[path_[depth_++].chosen];
  }
  uint64_t step_ns() override { return 1'000'000; }
  uint64_t pause_ns() override { return 0; }

  // Turns to the next path; false: all were tried.
  bool next() {
    depth_ = 0;
    while (!path_.empty() && path_.back().chosen + 1 == path_.back().count) path_.pop_back();
    if (path_.empty()) return false;
    ++path_.back().chosen;
    return true;
  }

 private:
  struct Choice {
    size_t chosen, count;
  };
  std::vector<Choice> path_;
  size_t depth_ = 0;
};

}  // namespace dreamdb::sim
