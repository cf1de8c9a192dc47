// Which addresses were marked, in bounded memory: says yes to all that were and to few others.
//
// A Bloom filter cut into cache lines: the 8 bits of an address lie in one of them (Putze, Sanders,
// Singler 2007). At 12 bits an address it errs in about one of 100.
//
// Thread rule: one thread at a time; reads from any number of threads.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>

#include "codec/address.h"

namespace dreamdb {

class MarkFilter {
 public:
  // `size_bytes`: at least 64; what is not used of it takes no memory. `salt`: whom it errs about.
  MarkFilter(uint64_t size_bytes, uint64_t salt);

  void add(const Address& address);
  bool may_have(const Address& address) const;
  // More were added than it can tell apart.
  bool is_full() const { return added_ > capacity_; }
  uint64_t added() const { return added_; }

 private:
  struct Free {
    void operator()(uint64_t* words) const { std::free(words); }
  };
  struct Place;
  Place place_of(const Address& address) const;

  uint64_t lines_;
  uint64_t capacity_;
  uint64_t salt_;
  uint64_t added_ = 0;  // those that were not found to be there
  std::unique_ptr<uint64_t, Free> words_;
};

}  // namespace dreamdb
