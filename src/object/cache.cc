#include "object/cache.h"

#include <mutex>

namespace dreamdb {

namespace {

constexpr uint32_t kNone = NumberTable::kNone;
constexpr uint64_t kItemOverheadBytes = 160;  // its place, its number, control block
constexpr uint64_t kRefusedForOne = 16;       // under Eviction::kSeldom
// An item that is among the newest in so many stays where it is when it is used again.
constexpr uint64_t kNewestPart = 4;

uint64_t hash_of(const CacheKey& key) {
  return std::hash<Address>{}(key.address) ^
         ((key.offset * 16 + static_cast<uint64_t>(key.part)) * 0xff51afd7ed558ccdu);
}

}  // namespace

uint32_t Cache::find(const CacheKey& key) const {
  return numbers_.find(hash_of(key), [&](uint32_t number) { return items_[number].key == key; });
}

void Cache::link_front(uint32_t number) {
  Item& item = items_[number];
  item.moved = uses_;
  item.newer = kNone;
  item.older = newest_;
  (newest_ == kNone ? oldest_ : items_[newest_].newer) = number;
  newest_ = number;
}

void Cache::unlink(uint32_t number) {
  const Item& item = items_[number];
  (item.newer == kNone ? newest_ : items_[item.newer].older) = item.older;
  (item.older == kNone ? oldest_ : items_[item.older].newer) = item.newer;
}

void Cache::use(uint32_t number) {
  ++uses_;
  if (uses_ - items_[number].moved <= (items_.size() - free_.size()) / kNewestPart) return;
  unlink(number);
  link_front(number);
}

std::shared_ptr<const void> Cache::find_any(const CacheKey& key) {
  const std::lock_guard lock(mutex_);
  const uint32_t number = find(key);
  if (number == kNone) return nullptr;
  use(number);
  return items_[number].value;
}

bool Cache::has(const CacheKey& key) const {
  const std::lock_guard lock(mutex_);
  return find(key) != kNone;
}

void Cache::drop(const CacheKey& key) {
  std::shared_ptr<const void> dropped;  // destroyed after the lock is released
  const std::lock_guard lock(mutex_);
  if (const uint32_t number = find(key); number != kNone) dropped = drop(number);
}

void Cache::set_capacity(uint64_t bytes) {
  capacity_bytes_ = bytes;
  if (size_bytes_ <= bytes) return;
  std::vector<std::shared_ptr<const void>> dropped;  // destroyed after the lock is released
  const std::lock_guard lock(mutex_);
  while (size_bytes_ > bytes) dropped.push_back(drop(oldest_));
}

void Cache::add_any(const CacheKey& key, std::shared_ptr<const void> value, uint64_t size_bytes) {
  size_bytes += kItemOverheadBytes;
  const uint64_t capacity = capacity_bytes_;
  if (size_bytes > (eviction_ == Eviction::kOldest ? capacity / 8 : capacity)) return;
  std::vector<std::shared_ptr<const void>> dropped;  // destroyed after the lock is released
  const std::lock_guard lock(mutex_);
  if (const uint32_t held = find(key); held != kNone) {
    use(held);
    return;
  }
  if (eviction_ == Eviction::kSeldom && size_bytes_ + size_bytes > capacity &&
      ++refused_ % kRefusedForOne != 0)
    return;
  while (size_bytes_ + size_bytes > capacity) dropped.push_back(drop(oldest_));
  // All that may find no memory, before anything is changed.
  numbers_.make_room();
  if (free_.empty()) {
    items_.emplace_back();
    free_.push_back(static_cast<uint32_t>(items_.size() - 1));
  }
  const uint32_t number = free_.back();
  free_.pop_back();
  items_[number] = {.key = key, .value = std::move(value), .size_bytes = size_bytes};
  ++uses_;
  link_front(number);
  numbers_.insert(hash_of(key), number);
  size_bytes_ += size_bytes;
}

std::shared_ptr<const void> Cache::drop(uint32_t number) {
  Item& item = items_[number];
  numbers_.erase(hash_of(item.key), number);
  unlink(number);
  size_bytes_ -= item.size_bytes;
  free_.push_back(number);
  return std::move(item.value);
}

}  // namespace dreamdb
