// A set of anchors that many rows are looked up in: which records a filter lets through.
//
// Thread rule: pure; immutable once made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace dreamdb {

class AnchorSet {
 public:
  AnchorSet() = default;
  // Ascending, unique. 8 bytes an anchor, and at most 256 KiB.
  explicit AnchorSet(std::vector<uint64_t> anchors);

  size_t size() const { return anchors_.size(); }
  std::span<const uint64_t> anchors() const { return anchors_; }
  // O(log of the anchors near this one): about O(1) where anchors are spread evenly.
  bool has(uint64_t anchor) const;
  uint64_t memory_bytes() const { return anchors_.size() * 8 + starts_.size() * 4; }

 private:
  std::vector<uint64_t> anchors_;
  int shift_ = 0;
  std::vector<uint32_t> starts_;  // of bucket i: those with (anchor - first) >> shift == i
};

}  // namespace dreamdb
