// The k best hits of a search, independent of the order and of the threads they came from.
//
// Thread rule: one thread at a time; each thread fills its own and they are merged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace dreamdb {

// `key`: larger is better under every metric (see exact.h for the score that users see).
struct Hit {
  uint64_t anchor = 0;
  float key = 0;
  bool operator==(const Hit&) const = default;
};

// Order of results: higher key first, equal keys by ascending anchor.
inline bool better(const Hit& a, const Hit& b) {
  return a.key > b.key || (a.key == b.key && a.anchor < b.anchor);
}

// Keeps the `k` best of all hits offered. Memory grows with the hits held, not with `k`.
// Offer: O(1) for a hit that does not enter, O(log k) for one that does.
class TopK {
 public:
  explicit TopK(size_t k) : k_(k), threshold_(k == 0 ? kInfinity : -kInfinity), full_(k == 0) {}

  // A NaN key never enters.
  void offer(uint64_t anchor, float key) {
    if (full_ ? key >= threshold_ : key == key) push(Hit{anchor, key});
  }
  // Takes in the hits of another collector (not this one), whatever its k.
  void merge(const TopK& other);

  // No key below this can enter any more; -infinity while there is room.
  float threshold() const { return threshold_; }
  size_t k() const { return k_; }
  size_t size() const { return heap_.size(); }

  // The hits, best first; empties the collector.
  std::vector<Hit> take_sorted();

 private:
  static constexpr float kInfinity = std::numeric_limits<float>::infinity();
  void push(const Hit& hit);

  size_t k_;
  float threshold_;
  bool full_;
  std::vector<Hit> heap_;  // the worst hit at the front
};

}  // namespace dreamdb
