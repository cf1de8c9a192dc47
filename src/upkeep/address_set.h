// Sets of addresses that never err on the side that would lose data.
//
// Thread rule: one thread at a time; reads from any number of threads.
#pragma once

#include <cstdint>
#include <vector>

#include "codec/address.h"

namespace dreamdb {

// Remembers some of the addresses it was given, whole, so "yes" is always true. It forgets them as
// others take their places.
class SeenAddresses {
 public:
  explicit SeenAddresses(uint64_t size_bytes);

  // True if the address is remembered; from now on it is.
  bool test_and_add(const Address& address);

 private:
  std::vector<Address> slots_;
};

// All addresses it was given, 8 bytes each: of 10^7 others it takes one for its own with a chance
// of one in 10^5. For versions, of which there are few.
class AddressSet {
 public:
  void add(const Address& address);
  // To be called after the last `add` and before `has`.
  void seal();
  bool has(const Address& address) const;
  uint64_t size_bytes() const { return words_.size() * sizeof(uint64_t); }
  uint64_t count() const { return words_.size(); }

 private:
  std::vector<uint64_t> words_;
};

}  // namespace dreamdb
