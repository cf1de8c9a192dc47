// Rows that may be among the k best of a query by what their codes say: those whose upper bound is
// not below the k-th greatest lower bound of all (spec 12.4). Exact scores decide among them.
//
// Thread rule: one thread at a time; each thread fills its own and they are merged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace dreamdb {

struct Candidate {
  uint64_t anchor = 0;
  float lower = 0, upper = 0;
  // Where its code stands, in numbers of the caller's.
  uint32_t cell = 0, segment = 0, row = 0;

  bool operator==(const Candidate&) const = default;
};

class Candidates {
 public:
  explicit Candidates(size_t k) : k_(k) {}

  // Rows with an upper bound below this need not be offered; -infinity while there is room.
  float threshold() const { return threshold_; }
  // O(1) for most, O(log k) for one that raises the threshold. Bounds are no NaN.
  void offer(const Candidate& row);
  void merge(const Candidates& other);
  // Of rows near the query, how many a filter let through.
  void note_filter(uint64_t looked, uint64_t passed) {
    looked_ += looked;
    passed_ += passed;
  }
  // 1 if nothing was noted.
  double part_passed() const {
    return looked_ == 0 ? 1 : static_cast<double>(passed_) / static_cast<double>(looked_);
  }

  // Those left, by anchor; where one has several codes (of older values), that of the best middle.
  std::vector<Candidate> take();
  size_t k() const { return k_; }

 private:
  void prune();

  size_t k_;
  float threshold_ = -std::numeric_limits<float>::infinity();
  std::vector<float> lowers_;  // the k greatest, the least at the front
  std::vector<Candidate> held_;
  uint64_t looked_ = 0, passed_ = 0;
};

}  // namespace dreamdb
