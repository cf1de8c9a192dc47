// A binary heap with the worst hit in front.
#include "search/topk.h"

#include <algorithm>

namespace dreamdb {

void TopK::push(const Hit& hit) {
  // With `better` as "less", the heap's greatest element is the worst hit.
  if (!full_) {
    heap_.push_back(hit);
    std::push_heap(heap_.begin(), heap_.end(), better);
    full_ = heap_.size() == k_;
  } else {
    if (k_ == 0 || !better(hit, heap_.front())) return;
    std::pop_heap(heap_.begin(), heap_.end(), better);
    heap_.back() = hit;
    std::push_heap(heap_.begin(), heap_.end(), better);
  }
  if (full_) threshold_ = heap_.front().key;
}

void TopK::merge(const TopK& other) {
  for (const Hit& hit : other.heap_) offer(hit.anchor, hit.key);
}

std::vector<Hit> TopK::take_sorted() {
  std::vector<Hit> hits = std::move(heap_);
  *this = TopK(k_);
  std::sort(hits.begin(), hits.end(), better);
  return hits;
}

}  // namespace dreamdb
