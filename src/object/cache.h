// Verified objects and blocks kept in memory, least recently used out first, bounded in bytes.
//
// Thread rule: every call may come from any thread, also in a child after fork().
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "codec/address.h"
#include "dreamdb/buffer.h"
#include "object/number_table.h"
#include "runtime/fork.h"

namespace dreamdb {

// What is kept of an object.
enum class Part : uint8_t {
  kManifest,
  kPage,
  kSegment,
  kAnchors,
  kDictionary,
  kDecoded,
  kMatrix,
  kCentroid,  // `offset` is its number
  kRowTags,   // of the rows of a block; `offset` is its number
  kCodes,
  kWholeCodes,  // of a segment
};

struct CacheKey {
  Address address;
  Part part = Part::kPage;
  uint64_t offset = 0;  // of a block in its object

  bool operator==(const CacheKey&) const = default;
};

// What makes room for a new item.
enum class Eviction : uint8_t {
  kOldest,  // the least recently used goes
  // The same, but seldom: a scan larger than the cache keeps most of its part instead of losing
  // all, and what nobody asks for any more is gone in time.
  kSeldom,
};

class Cache {
 public:
  explicit Cache(uint64_t capacity_bytes, Eviction eviction = Eviction::kOldest)
      : capacity_bytes_(capacity_bytes), eviction_(eviction) {}

  // nullptr when absent. The type is fixed by the part; callers agree on it.
  template <typename T>
  std::shared_ptr<const T> find(const CacheKey& key) {
    return std::static_pointer_cast<const T>(find_any(key));
  }
  // Where the oldest goes, values larger than an eighth of the capacity are not kept: one of them
  // would cost many others.
  template <typename T>
  void add(const CacheKey& key, std::shared_ptr<const T> value, uint64_t size_bytes) {
    add_any(key, std::static_pointer_cast<const void>(std::move(value)), size_bytes);
  }

  // Without counting as a use.
  bool has(const CacheKey& key) const;
  void drop(const CacheKey& key);

  uint64_t size_bytes() const { return size_bytes_.load(std::memory_order_relaxed); }
  uint64_t capacity_bytes() const { return capacity_bytes_.load(std::memory_order_relaxed); }
  // Lets go of what is beyond, the oldest first.
  void set_capacity(uint64_t bytes);

 private:
  struct Item {
    CacheKey key;
    std::shared_ptr<const void> value;
    uint64_t size_bytes = 0;
    uint64_t moved = 0;  // `uses_` when it went to the front
    uint32_t newer = NumberTable::kNone, older = NumberTable::kNone;
  };
  std::shared_ptr<const void> find_any(const CacheKey& key);
  void add_any(const CacheKey& key, std::shared_ptr<const void> value, uint64_t size_bytes);
  uint32_t find(const CacheKey& key) const;
  void use(uint32_t number);
  void link_front(uint32_t number);
  void unlink(uint32_t number);
  std::shared_ptr<const void> drop(uint32_t number);

  std::atomic<uint64_t> capacity_bytes_;
  const Eviction eviction_;
  mutable ForkSafeMutex mutex_;
  std::atomic<uint64_t> size_bytes_ = 0;
  uint64_t refused_ = 0;  // items for which nothing went
  uint64_t uses_ = 0;
  std::vector<Item> items_;
  std::vector<uint32_t> free_;  // of `items_`
  uint32_t newest_ = NumberTable::kNone, oldest_ = NumberTable::kNone;
  NumberTable numbers_;
};

}  // namespace dreamdb
