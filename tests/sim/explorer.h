// An order that tries all orders, one run after the other: each run makes the choices of a path,
// and then the first of each choice that is new; the next path differs in the last choice that has
// another. Orders in which actors have to give way more than so many times, although they could go
// on, may be left out.
//
// Thread rule: one run at a time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "tests/sim/scheduler.h"

namespace dreamdb::sim {

class Explorer final : public Order {
 public:
  explicit Explorer(size_t switches_max = SIZE_MAX) : switches_max_(switches_max) {}

  size_t pick(std::span<const size_t> ready) override {
    std::vector<size_t> order(ready.begin(), ready.end());
    // Whoever went last comes first, and alone where it need not give way any more.
    const auto last = std::ranges::find(order, last_);
    const bool goes_on = last != order.end();
    if (goes_on) std::rotate(order.begin(), last, last + 1);
    if (goes_on && switches_ == switches_max_) order.resize(1);
    const size_t chosen = order.size() == 1 ? 0 : choose(order.size());
    switches_ += goes_on && chosen > 0;
    last_ = order[chosen];
    return last_;
  }
  uint64_t step_ns() override { return 1'000'000; }
  uint64_t pause_ns() override { return 0; }

  // Turns to the next path; false: all were tried.
  bool next() {
    depth_ = switches_ = 0;
    last_ = SIZE_MAX;
    while (!path_.empty() && path_.back().chosen + 1 == path_.back().count) path_.pop_back();
    if (path_.empty()) return false;
    ++path_.back().chosen;
    return true;
  }

 private:
  struct Choice {
    size_t chosen, count;
  };
  size_t choose(size_t count) {
    if (depth_ == path_.size()) path_.push_back({0, count});
    return path_[depth_++].chosen;
  }

  const size_t switches_max_;
  std::vector<Choice> path_;
  size_t depth_ = 0;
  size_t switches_ = 0;
  size_t last_ = SIZE_MAX;  // who went
};

}  // namespace dreamdb::sim
