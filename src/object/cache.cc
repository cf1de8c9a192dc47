#include "object/cache.h"

#include <mutex>
#include <vector>

namespace dreamdb {

namespace {

constexpr uint64_t kItemOverheadBytes = 160;  // list and table nodes, control block
constexpr uint64_t kRefusedForOne = 16;       // under Eviction::kSeldom

}  // namespace

uint64_t Cache::size_bytes() const {
  const std::lock_guard lock(mutex_);
  return size_bytes_;
}

std::shared_ptr<const void> Cache::find_any(const CacheKey& key) {
  const std::lock_guard lock(mutex_);
  const auto it = index_.find(key);
  if (it == index_.end()) return nullptr;
  items_.splice(items_.begin(), items_, it->second);
  return it->second->value;
}

void Cache::add_any(const CacheKey& key, std::shared_ptr<const void> value, uint64_t size_bytes) {
  size_bytes += kItemOverheadBytes;
  if (size_bytes > (eviction_ == Eviction::kOldest ? capacity_bytes_ / 8 : capacity_bytes_)) return;
  std::vector<std::shared_ptr<const void>> dropped;  // destroyed after the lock is released
  const std::lock_guard lock(mutex_);
  const auto it = index_.find(key);
  if (it != index_.end()) {
    items_.splice(items_.begin(), items_, it->second);
    return;
  }
  if (eviction_ == Eviction::kSeldom && size_bytes_ + size_bytes > capacity_bytes_ &&
      ++refused_ % kRefusedForOne != 0)
    return;
  items_.push_front({key, std::move(value), size_bytes});
  index_[key] = items_.begin();
  size_bytes_ += size_bytes;
  while (size_bytes_ > capacity_bytes_) {
    Item& oldest = items_.back();
    size_bytes_ -= oldest.size_bytes;
    dropped.push_back(std::move(oldest.value));
    index_.erase(oldest.key);
    items_.pop_back();
  }
}

}  // namespace dreamdb
