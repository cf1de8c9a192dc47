#include "search/anchor_set.h"

#include <algorithm>
#include <bit>

namespace dreamdb {

namespace {
constexpr int kBucketBits = 16;
}  // namespace

AnchorSet::AnchorSet(std::vector<uint64_t> anchors) : anchors_(std::move(anchors)) {
  if (anchors_.empty()) return;
  const uint64_t span = anchors_.back() - anchors_.front();
  shift_ = std::max(0, static_cast<int>(std::bit_width(span)) - kBucketBits);
  starts_.resize((span >> shift_) + 2, 0);
  for (const uint64_t anchor : anchors_) ++starts_[((anchor - anchors_.front()) >> shift_) + 1];
  for (size_t i = 1; i < starts_.size(); ++i) starts_[i] += starts_[i - 1];
}

bool AnchorSet::has(uint64_t anchor) const {
  if (anchors_.empty() || anchor < anchors_.front() || anchor > anchors_.back()) return false;
  const size_t bucket = (anchor - anchors_.front()) >> shift_;
  const auto begin = anchors_.begin();
  return std::binary_search(begin + starts_[bucket], begin + starts_[bucket + 1], anchor);
}

}  // namespace dreamdb
