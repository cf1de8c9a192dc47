#include "search/candidates.h"

#include <algorithm>
#include <functional>
#include <unordered_set>
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

std::vector<Candidate> Candidates::take_sorted() {
  prune();
  const auto nearer = [](const Candidate& a, const Candidate& b) {
    const float x = a.lower + a.upper, y = b.lower + b.upper;
    return x != y ? x > y : a.anchor < b.anchor;
  };
  std::ranges::sort(held_, nearer);
  // An anchor may have codes in several segments.
  std::vector<uint64_t> anchors;
  anchors.reserve(held_.size());
  for (const Candidate& c : held_) anchors.push_back(c.anchor);
  std::ranges::sort(anchors);
  if (std::ranges::adjacent_find(anchors) != anchors.end()) {
    std::unordered_set<uint64_t> seen;
    std::erase_if(held_, [&](const Candidate& c) { return !seen.insert(c.anchor).second; });
  }
  return std::exchange(held_, {});
}

}  // namespace dreamdb
