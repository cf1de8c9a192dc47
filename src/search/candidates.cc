#include "search/candidates.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace dreamdb {

namespace {
constexpr size_t kHeldMin = 1024;  // fewer are not worth a pass over them
}  // namespace

void Candidates::offer(const Candidate& row) {
  if (k_ == 0 || row.upper < threshold_) return;
  const float lower = row.lower;
  held_.push_back(row);
  if (lowers_.size() < k_) {
    lowers_.push_back(lower);
    std::ranges::push_heap(lowers_, std::greater());
    if (lowers_.size() == k_) threshold_ = lowers_.front();
    return;
  }
  if (lower <= threshold_) return;
  std::ranges::pop_heap(lowers_, std::greater());
  lowers_.back() = lower;
  std::ranges::push_heap(lowers_, std::greater());
  threshold_ = lowers_.front();
  if (held_.size() > kHeldMin && held_.size() > 8 * k_) prune();
}

void Candidates::prune() {
  std::erase_if(held_, [&](const Candidate& c) { return c.upper < threshold_; });
}

void Candidates::merge(const Candidates& other) {
  for (const Candidate& c : other.held_) offer(c);
  note_filter(other.looked_, other.passed_);
}

std::vector<Candidate> Candidates::take() {
  prune();
  std::ranges::sort(held_, [](const Candidate& a, const Candidate& b) {
    return a.anchor != b.anchor ? a.anchor < b.anchor : a.lower + a.upper > b.lower + b.upper;
  });
  held_.erase(std::ranges::unique(held_, {}, &Candidate::anchor).begin(), held_.end());
  return std::exchange(held_, {});
}

}  // namespace dreamdb
