// A hash table of numbers of items that stand elsewhere: 8 bytes an entry, one place in memory for
// most look-ups.
//
// Thread rule: one thread at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/assert.h"

namespace dreamdb {

class NumberTable {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  // The number with this hash for which `is_it(number)`; kNone if there is none.
  template <typename IsIt>
  uint32_t find(uint64_t hash, IsIt is_it) const {
    if (places_.empty()) return kNone;
    const uint32_t mark = mark_of(hash);
    for (size_t at = home_of(mark); places_[at].number != kNone; at = next(at))
      if (places_[at].mark == mark && is_it(places_[at].number)) return places_[at].number;
    return kNone;
  }

  // After it one `insert` needs no memory.
  void make_room() {
    if ((count_ + 1) * 2 > places_.size()) resize(std::max<size_t>(16, places_.size() * 2));
  }
  // Gives back what few numbers do not need.
  void shrink() {
    size_t size = 16;
    while (size < count_ * 4) size *= 2;
    if (size < places_.size()) resize(size);
  }

  // number: not there yet.
  void insert(uint64_t hash, uint32_t number) {
    make_room();
    put({mark_of(hash), number});
    ++count_;
  }

  // number: there, under this hash.
  void erase(uint64_t hash, uint32_t number) {
    size_t hole = home_of(mark_of(hash));
    while (places_[hole].number != number) {
      DREAMDB_ASSERT(places_[hole].number != kNone);
      hole = next(hole);
    }
    // What stands behind moves up, unless that would put it before its home.
    for (size_t at = next(hole); places_[at].number != kNone; at = next(at)) {
      const size_t home = home_of(places_[at].mark);
      if (((at - home) & mask()) < ((at - hole) & mask())) continue;
      places_[hole] = places_[at];
      hole = at;
    }
    places_[hole] = {};
    --count_;
  }

 private:
  struct Place {
    uint32_t mark = 0;
    uint32_t number = kNone;
  };

  static uint32_t mark_of(uint64_t hash) {
    return static_cast<uint32_t>((hash * 0x9e3779b97f4a7c15u) >> 32);
  }
  size_t mask() const { return places_.size() - 1; }
  size_t home_of(uint32_t mark) const { return mark & mask(); }
  size_t next(size_t at) const { return (at + 1) & mask(); }

  void put(const Place& place) {
    size_t at = home_of(place.mark);
    while (places_[at].number != kNone) at = next(at);
    places_[at] = place;
  }

  void resize(size_t size) {
    std::vector<Place> old(size);
    old.swap(places_);
    for (const Place& place : old)
      if (place.number != kNone) put(place);
  }

  std::vector<Place> places_;  // a power of two, at most half of them taken
  size_t count_ = 0;
};

}  // namespace dreamdb
