#include "object/kept_rows.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <utility>

namespace dreamdb {

namespace {

constexpr uint64_t kSlabBytes = 128 * 1024;
// When all is taken, one in so many rows gets a place: of a round of more rows than there are
// places some are found the next time.
constexpr uint64_t kOneIn = 4;
constexpr uint64_t kTurns = 4;  // rows by the slab that come in vain before a larger pool gives one
constexpr uint64_t kPlaceBytes = 64;  // of a row besides its bytes: its place, its number

uint64_t hash_of(uint64_t segment, uint64_t row) { return segment * 0xff51afd7ed558ccdu ^ row; }

}  // namespace

KeptRows::Pool::Pool(uint64_t bytes)
    : row_bytes(bytes), slab_rows(std::max<uint64_t>(1, kSlabBytes / bytes)) {}

std::byte* KeptRows::Pool::row(size_t place) const {
  return slabs[place / slab_rows].get() + place % slab_rows * row_bytes;
}

uint64_t KeptRows::Pool::slab_bytes() const { return slab_rows * (row_bytes + kPlaceBytes); }

KeptRows::Pool* KeptRows::find_pool(uint64_t row_bytes) {
  const auto found = std::ranges::find(pools_, row_bytes, &Pool::row_bytes);
  return found == pools_.end() ? nullptr : &*found;
}

uint32_t KeptRows::find(const Pool& pool, uint64_t segment, uint64_t row) {
  return pool.numbers.find(hash_of(segment, row), [&](uint32_t number) {
    return pool.places[number].segment == segment && pool.places[number].row == row;
  });
}

bool KeptRows::copy(uint64_t segment, uint64_t row, std::span<std::byte> to) {
  const std::lock_guard lock(mutex_);
  Pool* const pool = find_pool(to.size());
  const uint32_t number = pool == nullptr ? NumberTable::kNone : find(*pool, segment, row);
  if (number == NumberTable::kNone) return false;
  pool->places[number].was_used = true;
  std::memcpy(to.data(), pool->row(number), to.size());
  return true;
}

void KeptRows::add(uint64_t segment, uint64_t row, std::span<const std::byte> bytes,
                   uint64_t limit_bytes) {
  if (bytes.empty()) return;
  const std::lock_guard lock(mutex_);
  shrink_locked(limit_bytes);
  Pool* pool = find_pool(bytes.size());
  if (pool == nullptr) pool = &pools_.emplace_back(bytes.size());
  if (find(*pool, segment, row) != NumberTable::kNone) return;
  pool->numbers.make_room();
  const uint32_t number = make_room(*pool, limit_bytes);
  if (number == NumberTable::kNone) return;
  pool->places[number] = {segment, row, true, false};
  ++pool->taken;
  pool->numbers.insert(hash_of(segment, row), number);
  std::memcpy(pool->row(number), bytes.data(), bytes.size());
}

void KeptRows::shrink(uint64_t limit_bytes) {
  if (size_bytes() <= limit_bytes) return;
  const std::lock_guard lock(mutex_);
  shrink_locked(limit_bytes);
}

KeptRows::Pool& KeptRows::largest() {
  return *std::ranges::max_element(
      pools_, {}, [](const Pool& pool) { return pool.slabs.size() * pool.slab_bytes(); });
}

void KeptRows::shrink_locked(uint64_t limit_bytes) {
  while (size_bytes_ > limit_bytes) drop_slab(largest());
}

// A place that is free: of a new slab while there is room, of the row that goes otherwise.
uint32_t KeptRows::make_room(Pool& pool, uint64_t limit_bytes) {
  // Of a larger pool a slab goes now and then: the clock of its rows stands while nobody adds any.
  const bool takes_turn = pool.is_full() && ++pool.turn % (kTurns * pool.slab_rows) == 0;
  if ((pool.slabs.empty() || (takes_turn && largest().slabs.size() > pool.slabs.size() + 1)) &&
      pool.slab_bytes() <= limit_bytes)
    shrink_locked(limit_bytes - pool.slab_bytes());
  if (pool.is_full() && size_bytes_ + pool.slab_bytes() <= limit_bytes) {
    const size_t count = pool.places.size();
    if (pool.places.capacity() < count + pool.slab_rows)
      pool.places.reserve(std::max(2 * count, count + pool.slab_rows));
    pool.slabs.push_back(
        std::make_unique_for_overwrite<std::byte[]>(pool.slab_rows * pool.row_bytes));
    pool.places.resize(count + pool.slab_rows);
    pool.hand = count;
    size_bytes_ += pool.slab_bytes();
  }
  if (pool.places.empty() || (pool.is_full() && ++asked_ % kOneIn != 0)) return NumberTable::kNone;
  for (;;) {
    if (pool.hand >= pool.places.size()) pool.hand = 0;
    const auto number = static_cast<uint32_t>(pool.hand++);
    Place& place = pool.places[number];
    if (std::exchange(place.was_used, false)) continue;
    if (place.is_taken) forget(pool, number);
    return number;
  }
}

void KeptRows::forget(Pool& pool, uint32_t number) {
  Place& place = pool.places[number];
  pool.numbers.erase(hash_of(place.segment, place.row), number);
  place = {};
  --pool.taken;
}

void KeptRows::drop_slab(Pool& pool) {
  const size_t left = pool.places.size() - pool.slab_rows;
  for (size_t i = left; i < pool.places.size(); ++i)
    if (pool.places[i].is_taken) forget(pool, static_cast<uint32_t>(i));
  pool.places.resize(left);
  pool.slabs.pop_back();
  if (pool.places.size() < pool.places.capacity() / 4) {
    pool.places.shrink_to_fit();
    pool.numbers.shrink();
  }
  size_bytes_ -= pool.slab_bytes();
}

}  // namespace dreamdb
