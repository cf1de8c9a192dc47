#include "http/limit.h"

#include <algorithm>

namespace dreamdb {

Limit::Limit(uint32_t first, uint32_t max)
    : max_(std::max(max, 1u)), limit_(std::clamp(first, 1u, max_)) {}

uint32_t Limit::take(Caller caller, uint32_t wanted) {
  const auto at = std::find(queue_.begin(), queue_.end(), caller);
  const auto ahead = static_cast<size_t>(at - queue_.begin());
  const uint32_t room = free() > ahead ? free() - static_cast<uint32_t>(ahead) : 0;
  const uint32_t given = std::min(wanted, room);
  in_flight_ += given;
  // Who got some goes to the end: the others are next.
  if (at != queue_.end() && (given > 0 || wanted == 0)) queue_.erase(at);
  if (given < wanted && (given > 0 || ahead == queue_.size())) queue_.push_back(caller);
  return given;
}

bool Limit::take_spare() {
  if (free() <= queue_.size()) return false;
  ++in_flight_;
  return true;
}

void Limit::give_back(Word word, uint64_t began_ns, uint64_t now_ns) {
  const bool was_full = in_flight_ >= limit_;
  if (in_flight_ > 0) --in_flight_;
  if (word == Word::kComplaint) {
    // What began before the last cut tells of the time before it.
    if (has_complained_ && began_ns < last_cut_ns_) return;
    has_complained_ = true;
    last_cut_ns_ = now_ns;
    limit_ = std::max(limit_ / 2, 1u);
    good_ = 0;
  }
  if (word != Word::kGood || !was_full || limit_ == max_) return;
  if (has_complained_ && ++good_ < limit_) return;
  good_ = 0;
  ++limit_;
}

void Limit::leave(Caller caller) { std::erase(queue_, caller); }

size_t Limit::callers_due() const { return std::min<size_t>(free(), queue_.size()); }

void Limit::forget_flights() {
  in_flight_ = 0;
  queue_.clear();
}

}  // namespace dreamdb
