#include "upkeep/mark_filter.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

namespace dreamdb {

namespace {

constexpr uint64_t kLineBytes = 64, kLineWords = 8, kLineBits = 512;
constexpr uint64_t kBitsAnAddress = 12;
constexpr int kProbes = 8;                     // of 9 bits each
constexpr uint64_t kOdd = 0x9e3779b97f4a7c15;  // spreads the bits of a word over all of it

}  // namespace

struct MarkFilter::Place {
  uint64_t* line;
  std::array<uint16_t, kProbes> bits;
};

MarkFilter::MarkFilter(uint64_t size_bytes, uint64_t salt)
    : lines_(std::max<uint64_t>(1, size_bytes / kLineBytes)),
      capacity_(lines_ * kLineBits / kBitsAnAddress),
      salt_(salt),
      // Zeros that the system hands out as they are first written to.
      words_(static_cast<uint64_t*>(std::calloc(lines_, kLineBytes))) {
  if (words_ == nullptr) throw std::bad_alloc();
}

MarkFilter::Place MarkFilter::place_of(const Address& address) const {
  // The bytes before these say which slice an address is in.
  std::array<uint64_t, 3> words;
  std::memcpy(words.data(), address.hash.data() + 8, sizeof words);
  uint64_t mixed = (words[0] ^ salt_) * kOdd;
  mixed ^= mixed >> 32;
  Place place;
  place.line = words_.get() + kLineWords * (mixed % lines_);
  for (int i = 0; i < kProbes; ++i) {
    const uint64_t word = i < 4 ? words[1] : words[2];
    place.bits[static_cast<size_t>(i)] = word >> (9 * (i % 4)) & (kLineBits - 1);
  }
  return place;
}

void MarkFilter::add(const Address& address) {
  const Place place = place_of(address);
  bool is_new = false;
  for (const uint16_t bit : place.bits) {
    uint64_t& word = place.line[bit / 64];
    const uint64_t mask = uint64_t{1} << (bit % 64);
    is_new = is_new || (word & mask) == 0;
    word |= mask;
  }
  if (is_new) ++added_;
}

bool MarkFilter::may_have(const Address& address) const {
  const Place place = place_of(address);
  return std::all_of(place.bits.begin(), place.bits.end(),
                     [&](uint16_t bit) { return (place.line[bit / 64] >> (bit % 64) & 1) != 0; });
}

}  // namespace dreamdb
