#include "upkeep/address_set.h"

#include <algorithm>
#include <cstring>

namespace dreamdb {

namespace {

// Bytes of the hash that the order of listings does not go by.
uint64_t word_of(const Address& address) {
  uint64_t word;
  std::memcpy(&word, address.hash.data() + 16, sizeof word);
  return word;
}

}  // namespace

SeenAddresses::SeenAddresses(uint64_t size_bytes)
    : slots_(std::max<uint64_t>(1, size_bytes / sizeof(Address))) {}

bool SeenAddresses::test_and_add(const Address& address) {
  Address& slot = slots_[word_of(address) % slots_.size()];
  if (slot == address) return true;
  slot = address;
  return false;
}

void AddressSet::add(const Address& address) { words_.push_back(word_of(address)); }

void AddressSet::seal() {
  std::sort(words_.begin(), words_.end());
  words_.erase(std::unique(words_.begin(), words_.end()), words_.end());
}

bool AddressSet::has(const Address& address) const {
  return std::binary_search(words_.begin(), words_.end(), word_of(address));
}

}  // namespace dreamdb
