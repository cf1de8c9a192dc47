// Single rows of matrices, verified, kept for who asks for them again: in places of one size, so
// that they come and go without the allocator. When there is no room, one in a few of those that
// come takes the place of one that was not asked for since the last look at it (the clock
// algorithm).
//
// Thread rule: every call may come from any thread, also in a child after fork().
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "object/number_table.h"
#include "runtime/fork.h"

namespace dreamdb {

class KeptRows {
 public:
  // Copies a row to `to`, which has as many bytes, if it is kept. segment: a number of its own.
  bool copy(uint64_t segment, uint64_t row, std::span<std::byte> to);
  // Keeps a copy in at most so many bytes with all others, if that is enough for any.
  void add(uint64_t segment, uint64_t row, std::span<const std::byte> bytes, uint64_t limit_bytes);
  // Lets go of what is beyond.
  void shrink(uint64_t limit_bytes);
  uint64_t size_bytes() const { return size_bytes_.load(std::memory_order_relaxed); }

 private:
  struct Place {
    uint64_t segment = 0, row = 0;
    bool is_taken = false, was_used = false;
  };
  // Rows of one size.
  struct Pool {
    explicit Pool(uint64_t row_bytes);
    std::byte* row(size_t place) const;
    uint64_t slab_bytes() const;
    bool is_full() const { return taken == places.size(); }

    uint64_t row_bytes;
    size_t slab_rows;
    size_t taken = 0;
    std::vector<std::unique_ptr<std::byte[]>> slabs;
    std::vector<Place> places;
    NumberTable numbers;
    size_t hand = 0;
    uint64_t turn = 0;  // rows that came when it was full
  };

  Pool* find_pool(uint64_t row_bytes);
  Pool& largest();
  static uint32_t find(const Pool& pool, uint64_t segment, uint64_t row);
  uint32_t make_room(Pool& pool, uint64_t limit_bytes);
  static void forget(Pool& pool, uint32_t number);
  void drop_slab(Pool& pool);
  void shrink_locked(uint64_t limit_bytes);

  ForkSafeMutex mutex_;
  std::vector<Pool> pools_;
  uint64_t asked_ = 0;  // for a place where there was no room
  std::atomic<uint64_t> size_bytes_ = 0;
};

}  // namespace dreamdb
